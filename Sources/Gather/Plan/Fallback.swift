/// What takes the place of an optional call's body when the call fails.
public enum Fallback: Sendable, Equatable {
    /// This JSON text, which calls that refer to the failed one also see.
    case json([UInt8])
    /// Nothing: the call's member is left out, and calls that refer to it are skipped.
    case omit

    public static let null = Fallback.json(Array("null".utf8))
}
