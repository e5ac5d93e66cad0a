import EventLoop
import Synchronization

/// Leaves an upstream alone while most of what is sent there fails. All loops of a process share it.
///
/// Closed, it counts over a sliding window; at the ratio and volume of its policy it opens. Open, it refuses until
/// `openFor` has passed. Half-open, it lets a few probes through: the first that succeeds closes it, the first that
/// fails opens it again. What was admitted before the last change no longer counts.
///
/// While it is closed, and while it refuses, nothing is locked. A change of state is, and so is a probe.
final class Breaker: Sendable {
    /// The right to one attempt, to be given back by ``record(_:isFailure:at:)`` or ``abandon(_:)``.
    struct Permit: Equatable {
        fileprivate let epoch: Int
    }

    enum State: Equatable {
        case closed
        case open(until: LoopInstant)
        case halfOpen(probes: Int)
    }

    private let policy: BreakerPolicy
    private let window: AttemptWindow
    private let locked = Mutex(State.closed)
    /// Counts the changes of state, so that it is even while the breaker is closed. Written with the lock.
    private let epoch = Atomic<Int>(0)
    /// Before when everything is refused; `.max` while no further probe is let through. Written with the lock.
    private let refusing = Atomic<Int64>(.min)

    init(_ policy: BreakerPolicy) {
        self.policy = policy
        window = AttemptWindow(span: policy.window)
    }

    var state: State { locked.withLock { $0 } }

    /// Whether an attempt would be refused now.
    func refuses(at now: LoopInstant) -> Bool { now.nanoseconds < refusing.load(ordering: .acquiring) }

    /// Lets an attempt through, or refuses it with nil.
    func admit(at now: LoopInstant) -> Permit? {
        guard !refuses(at: now) else { return nil }
        let epoch = epoch.load(ordering: .acquiring)
        if Self.isClosed(epoch) { return Permit(epoch: epoch) }
        return locked.withLock { state in
            guard !refuses(at: now) else { return nil }
            switch state {
            case .closed: break
            case .open: change(&state, to: .halfOpen(probes: 1))
            case .halfOpen(let probes): set(&state, .halfOpen(probes: probes + 1))
            }
            return Permit(epoch: self.epoch.load(ordering: .relaxed))
        }
    }

    /// Counts how an attempt ended.
    /// - Returns: whether the breaker is closed now, if that has changed.
    @discardableResult
    func record(_ permit: Permit, isFailure: Bool, at now: LoopInstant) -> Bool? {
        guard permit.epoch == epoch.load(ordering: .acquiring) else { return nil }
        if Self.isClosed(permit.epoch) {
            window.add(isFailure: isFailure, at: now)
            guard isFailure, isTooMuch(at: now) else { return nil }
        }
        return locked.withLock { state in
            // Another loop may have been first.
            guard permit.epoch == epoch.load(ordering: .relaxed) else { return nil }
            if isFailure {
                let wasClosed = state == .closed
                change(&state, to: .open(until: now.advanced(by: policy.openFor)))
                return wasClosed ? false : nil
            }
            window.clear()
            change(&state, to: .closed)
            return true
        }
    }

    /// An attempt was given up, which says nothing about the upstream.
    func abandon(_ permit: Permit) {
        guard !Self.isClosed(permit.epoch) else { return }
        locked.withLock { state in
            guard permit.epoch == epoch.load(ordering: .relaxed), case .halfOpen(let probes) = state else { return }
            set(&state, .halfOpen(probes: probes - 1))
        }
    }

    private func isTooMuch(at now: LoopInstant) -> Bool {
        let (attempts, failures) = window.counts(at: now)
        return attempts >= policy.minCalls && Double(failures) >= policy.failureRatio * Double(attempts)
    }

    private func change(_ state: inout State, to next: State) {
        // A breaker that opens again skips a number, which stands for closed.
        let isSkipping = state != .closed && next != .closed
        set(&state, next)
        epoch.add(isSkipping ? 2 : 1, ordering: .releasing)
    }

    private func set(_ state: inout State, _ next: State) {
        state = next
        let until: Int64 =
            switch next {
            case .closed: .min
            case .open(let until): until.nanoseconds
            case .halfOpen(let probes): probes >= policy.halfOpenCalls ? .max : .min
            }
        refusing.store(until, ordering: .releasing)
    }

    private static func isClosed(_ epoch: Int) -> Bool { epoch % 2 == 0 }
}
