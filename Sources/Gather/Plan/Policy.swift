/// When a gather is decided.
public enum Policy: Sendable, Equatable {
    /// The first failure of a required call ends the gather.
    case all
    /// Every call is waited for, and what came is the answer; it fails only if no call succeeds.
    case settled
    /// The first success is the answer.
    case first
    /// As many successes as this are the answer.
    case quorum(Int)

    /// How many successes decide, if that is what decides. Calls are optional then unless they say otherwise.
    public var successes: Int? {
        switch self {
        case .all, .settled: nil
        case .first: 1
        case .quorum(let count): count
        }
    }
}
