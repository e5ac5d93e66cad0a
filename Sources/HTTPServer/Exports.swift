// One import is enough for a handler: these are in the signatures of this module.
@_exported import EventLoop
@_exported import HTTPTypes
@_exported import HTTPWire
@_exported import JSONText
