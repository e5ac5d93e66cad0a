/// What a client is to make of the bytes of a connection that then ends.
public enum Verdict: Sendable, Equatable {
    case response(status: Int, body: String)
    /// The connection ends before the response does.
    case cutShort
    case malformed
    /// It passes one of the limits that are the default.
    case tooLarge
}

/// The bytes that a server sends for one request before it closes.
public struct ResponseCase: Sendable, CustomStringConvertible {
    public let name: String
    public let bytes: [UInt8]
    public let isHEAD: Bool
    public let verdict: Verdict
    /// Whether another request may follow on the connection: the response says so, and nothing is behind it.
    public let persists: Bool
    /// Of a case that is put together: why libcurl differs.
    let systematicDifference: Difference?

    init(
        _ name: String, _ bytes: String, _ verdict: Verdict, isHEAD: Bool = false,
        persists: Bool = false, difference: Difference? = nil
    ) {
        self.name = name
        self.bytes = Array(bytes.utf8)
        self.isHEAD = isHEAD
        self.verdict = verdict
        self.persists = persists
        systematicDifference = difference
    }

    public var description: String { name }
}

/// Responses, whole ones and defective ones, with what is to be made of each.
///
/// The verdicts do not come from the code that is tested: those of ``systematic`` follow from how a case is put
/// together, those of ``odd`` are written next to it.
public enum ResponseCorpus {
    public static let all = systematic + odd
}
