import CCurl
import EventLoop

/// One connection in the making: the host's addresses are tried one after the other, and the first that connects wins.
///
/// An address that is still silent after a while is not waited for before the next is tried in parallel, and one that
/// fails makes room at once (Happy Eyeballs, RFC 8305 §5). Addresses that lost are tried last by the next dials.
final class Dial: TimerHandler, NameWaiter {
    unowned let origin: FetchOrigin
    /// When it began, among the origin's dials and requests.
    let order: Int
    private let reactor: Reactor
    /// Where the origin keeps it.
    var position = 0
    /// Whether the request that it was made for no longer waits.
    var isAbandoned = false
    private var attempts: [CurlConnection] = []
    private var untried: [IPAddress] = []
    private var tried: [IPAddress] = []
    private var failure: FetchError?
    /// When the addresses were there, if they had to be waited for.
    private var lookedUp: Int64 = 0
    private var deadline: TimerID?
    private var nextAttempt: TimerID?

    init(_ origin: FetchOrigin, order: Int, reactor: Reactor) {
        self.origin = origin
        self.order = order
        self.reactor = reactor
    }

    func start() {
        // From this moment: what has held the loop in this turn does not count.
        let start = LoopInstant(nanoseconds: cc_monotonic_nanoseconds())
        deadline = reactor.schedule(at: start.advanced(by: origin.options.connectTimeout), self)
        switch origin.destination {
        case .path: attempt(nil)
        case .address(let address): attempt(address)
        case .name(let name):
            guard let addresses = name.addresses(at: reactor.now, for: self) else { return }
            untried = addresses
            attemptNext()
        }
    }

    /// Ends it without telling the origin.
    func cancel() {
        stopTimers()
        if case .name(let name) = origin.destination { name.withdraw(self) }
        for attempt in attempts { attempt.close() }
        attempts = []
    }

    func nameResolved(_ result: Result<[IPAddress], LookupFailure>) {
        switch result {
        case .success(let addresses):
            lookedUp = reactor.now.nanoseconds
            untried = addresses.filter { !tried.contains($0) }
            if untried.isEmpty { failIfOver() } else { attemptNext() }
        case .failure(let failure): end(.failure(self.failure ?? .resolve(failure)))
        }
    }

    func timerFired(_ timer: TimerID) {
        if timer == nextAttempt {
            nextAttempt = nil
            return attemptNext()
        }
        guard !origin.isBehind else {
            // An attempt may have succeeded and not been looked at yet.
            deadline = reactor.schedule(at: reactor.now, self)
            return
        }
        deadline = nil
        if case .name(let name) = origin.destination {
            for attempt in attempts { demote(attempt) }
            if tried.isEmpty { failure = .resolve(.late) }
            name.withdraw(self)
            name.refresh(at: reactor.now)
        }
        end(.failure(failure ?? (phase == .handshake ? .tls(.late) : .connect(.late))))
    }

    /// How far it is.
    var phase: FetchPhase {
        if attempts.isEmpty, tried.isEmpty, case .name = origin.destination { return .lookup }
        return origin.isSecured && attempts.contains(where: \.hasConnected) ? .handshake : .connect
    }

    private func attemptNext() {
        guard !untried.isEmpty else { return }
        let address = untried.removeFirst()
        tried.append(address)
        attempt(address)
        if let nextAttempt { reactor.cancel(nextAttempt) }
        nextAttempt = nil
        guard !untried.isEmpty else { return }
        // So that at least three are tried within a short connect timeout.
        let delay = min(origin.options.attemptDelay, origin.options.connectTimeout / 4)
        nextAttempt = reactor.schedule(at: reactor.now.advanced(by: delay), self)
    }

    private func attempt(_ address: IPAddress?) {
        let attempt = origin.connection(to: address)
        attempts.append(attempt)
        attempt.start(for: self)
    }

    func attempt(_ attempt: CurlConnection, failed failure: FetchError) {
        attempts.removeAll { $0 === attempt }
        // What is wrong with a certificate says more than that another address refuses.
        if case .tls = self.failure {} else { self.failure = failure }
        if case .name(let name) = origin.destination {
            demote(attempt)
            name.refresh(at: reactor.now)
        }
        if untried.isEmpty { failIfOver() } else { attemptNext() }
    }

    func attempt(_ attempt: CurlConnection, opened: CurlConnection.Opened) {
        if case .name(let name) = origin.destination, let address = attempt.address { name.promote(address) }
        // Those that began before it had more time.
        let winner = attempts.firstIndex { $0 === attempt } ?? 0
        for loser in attempts[..<winner] { demote(loser) }
        attempts.remove(at: winner)
        end(.success(UpstreamConnection(opened, to: attempt.address, of: origin, lookedUp: lookedUp)))
    }

    private func demote(_ attempt: CurlConnection) {
        guard case .name(let name) = origin.destination, let address = attempt.address else { return }
        name.demote(address, at: reactor.now)
    }

    private func failIfOver() {
        if attempts.isEmpty, untried.isEmpty { end(.failure(failure ?? .connect(.other))) }
    }

    private func end(_ result: Result<UpstreamConnection, FetchError>) {
        cancel()
        origin.dialEnded(self, result)
    }

    private func stopTimers() {
        if let deadline { reactor.cancel(deadline) }
        if let nextAttempt { reactor.cancel(nextAttempt) }
        (deadline, nextAttempt) = (nil, nil)
    }
}
