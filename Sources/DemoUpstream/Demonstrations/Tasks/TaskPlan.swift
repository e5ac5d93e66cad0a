/// What the demonstration of tasks runs: the tasks, and how somebody waits for them.
public struct TaskPlan: Sendable, Equatable {
    /// How the tasks are run and waited for; each is one operation of the module EventLoop, but for `sequential`.
    public enum Mode: String, CaseIterable, Sendable {
        /// Side by side, until all have ended; the first error cancels the others.
        case gather
        /// One after the other; after an error no more begin.
        case sequential
        /// Side by side, until one has ended, however it did; the others are cancelled.
        case waitFirst = "wait-first"
        /// Side by side, and each result is taken as it comes.
        case asCompleted = "as-completed"
        /// Side by side, until one has succeeded; the others are cancelled.
        case race
        /// As `gather`, but whoever has not ended in time is cancelled.
        case timeout
    }

    /// One task: it waits or computes for a while, and returns its number or throws.
    public struct Work: Sendable, Equatable {
        public enum Kind: String, Sendable {
            /// It waits for a timer; the loop serves others meanwhile.
            case sleep
            /// It holds the loop; nothing else is served meanwhile.
            case compute
        }

        public var kind: Kind
        public var duration: Duration
        /// Whether it ends with an error.
        public var fails: Bool
    }

    public var mode: Mode
    public var tasks: [Work]
    /// When the tasks are cancelled, with ``Mode/timeout``.
    public var timeout: Duration

    /// How long all tasks take one after the other.
    public var sum: Duration { tasks.reduce(.zero) { $0 + $1.duration } }

    /// How long the longest task takes.
    public var longest: Duration { tasks.map(\.duration).max() ?? .zero }

    /// How long the plan takes if each task does what it should; a chart has this width to begin with.
    var horizon: Duration {
        switch mode {
        case .sequential: sum
        case .timeout: min(timeout, longest)
        case .gather, .waitFirst, .asCompleted, .race: longest
        }
    }
}
