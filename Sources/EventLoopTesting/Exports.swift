// One import is enough for a test on a loop.
@_exported import EventLoop
