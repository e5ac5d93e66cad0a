import EventLoop

/// Leaves an upstream alone while most of what is sent there fails.
///
/// Closed, it counts over a sliding window; at the ratio and volume of its policy it opens. Open, it refuses until `openFor` has
/// passed. Half-open, it lets a few probes through: the first that succeeds closes it, the first that fails opens it again.
/// What was admitted before the last change counts no more.
struct Breaker {
    /// The right to one attempt, to be given back by ``record(_:isFailure:at:)`` or ``abandon(_:)``.
    struct Permit: Equatable {
        fileprivate let epoch: Int
    }

    enum State: Equatable {
        case closed
        case open(until: LoopInstant)
        case halfOpen(probes: Int)
    }

    private(set) var state = State.closed
    private let policy: BreakerPolicy
    private let minCalls: Int
    private var window: AttemptWindow
    /// Counts the changes of state.
    private var epoch = 0

    /// On fewer attempts than this a ratio is chance, so no loop judges by less unless the process is to.
    private static let leastCalls = 5

    init(_ policy: BreakerPolicy, share: LoopShare = .whole) {
        self.policy = policy
        minCalls = max(share.of(policy.minCalls), min(policy.minCalls, Self.leastCalls))
        window = AttemptWindow(span: policy.window)
    }

    /// Whether an attempt would be refused now.
    func refuses(at now: LoopInstant) -> Bool {
        switch state {
        case .closed: false
        case .open(let until): now < until
        case .halfOpen(let probes): probes >= policy.halfOpenCalls
        }
    }

    /// Lets an attempt through, or refuses it with nil.
    mutating func admit(at now: LoopInstant) -> Permit? {
        guard !refuses(at: now) else { return nil }
        switch state {
        case .closed: break
        case .open: change(to: .halfOpen(probes: 1))
        case .halfOpen(let probes): state = .halfOpen(probes: probes + 1)
        }
        return Permit(epoch: epoch)
    }

    /// Whether it lets everything through.
    var isClosed: Bool { state == .closed }

    /// Takes note of how an attempt ended.
    mutating func record(_ permit: Permit, isFailure: Bool, at now: LoopInstant) {
        guard permit.epoch == epoch else { return }
        switch state {
        case .closed:
            window.add(isFailure: isFailure, at: now)
            guard isFailure, window.attempts >= minCalls,
                Double(window.failures) >= policy.failureRatio * Double(window.attempts)
            else { return }
            change(to: .open(until: now.advanced(by: policy.openFor)))
        case .halfOpen:
            window.clear()
            change(to: isFailure ? .open(until: now.advanced(by: policy.openFor)) : .closed)
        case .open:
            preconditionFailure("an open breaker admits nothing in its own epoch")
        }
    }

    /// Takes note that an attempt was given up, which says nothing of the upstream.
    mutating func abandon(_ permit: Permit) {
        guard permit.epoch == epoch, case .halfOpen(let probes) = state else { return }
        state = .halfOpen(probes: probes - 1)
    }

    private mutating func change(to state: State) {
        self.state = state
        epoch += 1
    }
}
