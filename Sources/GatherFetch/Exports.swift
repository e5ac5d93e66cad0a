// One import is enough for a gather: these are in the signatures of this module.
@_exported import Fetch
@_exported import Gather
