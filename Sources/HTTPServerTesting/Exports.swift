// One import is enough for a handler's test.
@_exported import EventLoopTesting
@_exported import HTTPServer
