// One import is enough to wrap a handler and a fetcher. The facades are imported by who chooses what is behind them.
@_exported import Fetch
@_exported import HTTPServer
