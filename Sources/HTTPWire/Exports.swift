// Methods, statuses and names of fields are in the signatures of this module.
@_exported import HTTPTypes
