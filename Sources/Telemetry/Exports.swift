// One import is enough to wrap what is instrumented. The facades are imported by who chooses what is behind them.
@_exported import Fetch
@_exported import Gather
@_exported import HTTPServer
