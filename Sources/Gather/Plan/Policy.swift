/// When a gather is decided.
public enum Policy: Sendable, Equatable {
    /// The first failure of a required call ends the gather.
    case all
    /// Every call is waited for, and those that succeeded make the answer; it fails only if none does.
    case settled
    /// The first success is the answer.
    case first
    /// This many successes make the answer.
    case quorum(Int)

    /// How many successes decide; nil if their number does not. If it does, calls are optional by default.
    public var successes: Int? {
        switch self {
        case .all, .settled: nil
        case .first: 1
        case .quorum(let count): count
        }
    }
}
