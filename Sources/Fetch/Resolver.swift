import EventLoop

/// The addresses of names, each looked up once at a time on a few threads.
///
/// A result serves until it is ``ResolvedName/timeToLive`` old, and longer while the next one is fetched or cannot be
/// had: an upstream that was reached once stays reachable when DNS does not. A look-up belongs to no caller: it goes on
/// when those who asked have given up, so that a resolver slower than any of them still serves the next.
final class Resolver {
    private let loop: EventLoop
    private let reactor: Reactor
    private let lookup: Lookup
    private let pool: BlockingPool
    private var names: [String: ResolvedName] = [:]

    /// For all loops of the process: with DNS down each thread hangs for seconds, and there are no more of them than
    /// these.
    static let sharedPool = BlockingPool(threads: 8)

    init(on loop: isolated EventLoop, lookup: @escaping Lookup, pool: BlockingPool) {
        self.loop = loop
        reactor = loop.reactor
        self.lookup = lookup
        self.pool = pool
    }

    /// What is known about a name, shared by all who ask for it; the shortest of their times to live counts.
    func name(_ host: String, timeToLive: Duration) -> ResolvedName {
        let name = names[host] ?? ResolvedName(host, timeToLive: timeToLive, resolver: self)
        name.timeToLive = min(name.timeToLive, timeToLive)
        names[host] = name
        return name
    }

    /// Forgets all names; the results of look-ups that are under way are ignored.
    func close() { names = [:] }

    fileprivate var now: LoopInstant { reactor.now }

    fileprivate func start(_ name: ResolvedName) {
        let pending = PendingLookup(name)
        let (lookup, loop, host) = (lookup, loop, name.host)
        pool.submit {
            let result = lookup(host)
            loop.handOver { _ in pending.end(result) }
        }
    }
}

/// Takes a name to a thread and back.
///
/// `@unchecked Sendable`: the thread only carries it; `name` is read on the loop that made it. A weak reference may be
/// dropped anywhere.
private final class PendingLookup: @unchecked Sendable {
    private weak var name: ResolvedName?

    init(_ name: ResolvedName) { self.name = name }

    func end(_ result: Result<[IPAddress], LookupFailure>) { name?.lookedUp(result) }
}

/// Who waits for the first addresses of a name.
protocol NameWaiter: AnyObject {
    func nameResolved(_ result: Result<[IPAddress], LookupFailure>)
}

/// One name: its addresses, and how they have served.
final class ResolvedName {
    let host: String
    fileprivate(set) var timeToLive: Duration
    private unowned let resolver: Resolver
    /// As they were last found; empty before the first result.
    private(set) var addresses: [IPAddress] = []
    private var dueAt: LoopInstant?
    private var lookedUpAt: LoopInstant?
    private var isLookingUp = false
    private var waiters: [any NameWaiter] = []
    /// The addresses that did not connect, or not in time: until when others are tried before them.
    private var demoted: [IPAddress: LoopInstant] = [:]

    /// How long an address that failed is tried last.
    private static let demotion = Duration.seconds(60)
    /// How long after a look-up that failed the next begins, as long as there is an old result.
    private static let pause = Duration.seconds(1)
    /// How old a result is before a connection that fails counts against it.
    private static let doubt = Duration.milliseconds(100)

    fileprivate init(_ host: String, timeToLive: Duration, resolver: Resolver) {
        self.host = host
        self.timeToLive = timeToLive
        self.resolver = resolver
    }

    /// Starts the next look-up if the last is too old.
    func refreshIfDue(at now: LoopInstant) {
        if let dueAt, dueAt <= now { lookUp() }
    }

    /// A connection failed: the name may have moved.
    func refresh(at now: LoopInstant) {
        if let lookedUpAt, lookedUpAt.duration(to: now) >= Self.doubt { lookUp() }
    }

    /// The addresses in the order in which they are to be tried; nil before the first result, which `waiter` is told
    /// of.
    func addresses(at now: LoopInstant, for waiter: any NameWaiter) -> [IPAddress]? {
        guard !addresses.isEmpty else {
            waiters.append(waiter)
            lookUp()
            return nil
        }
        refreshIfDue(at: now)
        return order(at: now)
    }

    func withdraw(_ waiter: any NameWaiter) { waiters.removeAll { $0 === waiter } }

    /// Whether a connection to an address is one to this name still.
    func has(_ address: IPAddress) -> Bool { addresses.contains(address) }

    /// An address did not connect, or was overtaken by another.
    func demote(_ address: IPAddress, at now: LoopInstant) {
        demoted[address] = now.advanced(by: Self.demotion)
    }

    func promote(_ address: IPAddress) {
        if !demoted.isEmpty { demoted[address] = nil }
    }

    private func order(at now: LoopInstant) -> [IPAddress] {
        let order = IPAddress.interleaved(addresses)
        guard !demoted.isEmpty else { return order }
        demoted = demoted.filter { $0.value > now }
        return order.filter { demoted[$0] == nil } + order.filter { demoted[$0] != nil }
    }

    private func lookUp() {
        guard !isLookingUp else { return }
        isLookingUp = true
        resolver.start(self)
    }

    fileprivate func lookedUp(_ result: Result<[IPAddress], LookupFailure>) {
        isLookingUp = false
        let now = resolver.now
        lookedUpAt = now
        switch result {
        case .success(let found):
            addresses = found
            dueAt = now.advanced(by: timeToLive)
        case .failure:
            dueAt = addresses.isEmpty ? nil : now.advanced(by: Self.pause)
        }
        let told = waiters
        waiters = []
        for waiter in told { waiter.nameResolved(result.map { _ in order(at: now) }) }
    }
}
