/// A value that cannot be placed where a template wants it.
struct PlacementError: Error, Equatable {
    let reference: Reference
    let reason: String
}
