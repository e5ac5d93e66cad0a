/// The result of one run of an endpoint.
public struct Gathered: Sendable {
    public enum Verdict: Sendable {
        /// The policy is met: the JSON answer.
        case answered([UInt8])
        /// The call at this index decided that it failed.
        case failed(Int)
        /// The client's request lacks a value, or has one that cannot stand where it should; says which.
        case unplaceable(String)
        /// The task was cancelled.
        case clientGone
    }

    public let verdict: Verdict
    /// One for each call, in the order of the file.
    public let reports: [CallReport]
    /// Whether every call was ok.
    public let isComplete: Bool
    /// What the answer takes from the responses to calls, apart from its body; nil if there is nothing.
    public var passed: PassedOn?
}
