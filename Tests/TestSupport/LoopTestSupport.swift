// Who tests a server needs a loop to test it on.
@_exported public import EventLoopTesting
@_exported public import LoopTestSupport
