// One import is enough for a request: these are in the signatures of this module.
@_exported import EventLoop
@_exported import HTTPTypes
@_exported import HTTPWire
