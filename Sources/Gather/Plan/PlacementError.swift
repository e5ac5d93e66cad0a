/// A value that cannot be placed where a template wants it.
struct PlacementError: Error, Equatable, CustomStringConvertible {
    let reference: Reference
    let reason: String

    var description: String { "\(reference.text) \(reason)" }
}
