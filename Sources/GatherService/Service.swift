import CPlatform
import DemoUpstream
import EventLoop
import Fetch
import Gather
import GatherConfig
import Glibc
import HTTPServer
import Logging
import Synchronization

/// The service of a configuration: its listeners, and a loop on each thread that serves them.
public struct Service: Sendable {
    private let configuration: Configuration
    private let generation: Generation
    private let group: LoopGroup
    private let logger: Logger
    private let clients: ServerGroup
    private let admin: ServerGroup?
    private let shop: ServerGroup?
    private let signals: CInt
    private let slowJobs: Duration?
    private let droppedLogLines: @Sendable () -> Int
    /// Opens at the first signal, or when a loop fails.
    let drain = Latch()
    /// Opens at the second.
    let abort = Latch()
    /// Opens when no loop serves clients any more.
    private let ended = Latch()
    private let serving: Counter

    /// Binds all addresses, so that a failure is known before anything is served.
    /// - Parameters:
    ///   - slowJobs: how long a job may hold its loop before it is logged; nil if none is.
    ///   - droppedLogLines: how many lines of the log were dropped so far.
    /// - Throws: ``ServiceError``.
    public init(
        _ configuration: Configuration, logger: Logger, slowJobs: Duration? = nil,
        droppedLogLines: @escaping @Sendable () -> Int = { 0 }
    ) throws {
        self.slowJobs = slowJobs
        self.droppedLogLines = droppedLogLines
        self.configuration = configuration
        self.logger = logger
        let loops = configuration.server.loops ?? EventLoop.processorCount
        cp_raise_descriptor_limit()
        let descriptors = DescriptorPlan(configuration, loops: loops, limit: Int(clamping: cp_descriptor_limit()))
        if let shortage = descriptors.shortage { logger.warning("\(shortage)") }
        var options = ServerOptions(configuration.server)
        options.connections = descriptors.connections
        var taken: [(key: String, port: UInt16)] = []
        func listen(_ address: ListenAddress, for key: String) throws -> Listener {
            let listener = try Self.listen(address, for: key, besides: taken)
            taken.append((key, listener.port))
            return listener
        }
        clients = try ServerGroup(listen(configuration.server.listen, for: "server.listen"), options: options)
        generation = Generation(configuration, loops: loops, address: clients.address)
        group = LoopGroup(loops, serving: generation, logger: logger)
        admin = try configuration.server.admin.map {
            var options = ServerOptions()
            options.connections = DescriptorPlan.adminConnections
            return try ServerGroup(listen($0, for: "server.admin"), options: options)
        }
        shop = try configuration.demo?.shop.map {
            try ServerGroup(listen($0.listen, for: "demo.shop.listen"), options: ServerOptions())
        }
        serving = Counter(loops)
        signals = try Signals.block(Self.draining + Self.ignored)
        // A client, an upstream or the reader of the log may go away while it is written to.
        cp_ignore_broken_pipe()
        cp_return_large_blocks()
    }

    /// The address that clients reach it at.
    public var address: String { clients.address }
    /// The address of the admin listener.
    public var adminAddress: String? { admin?.address }

    /// What the service says of itself at about this moment: asks each loop, and leaves out those that do not answer in time.
    public func snapshot(within limit: Duration = .seconds(1), on loop: isolated EventLoop) async -> ServiceSnapshot {
        let loops = await group.snapshots(within: limit, on: loop)
        return ServiceSnapshot(
            generation: generation.number, connections: clients.connectionCount,
            mostConnections: clients.options.connections, gathers: group.gathers.count,
            mostGathers: group.gathers.limit, loops: loops, loopCount: group.count)
    }

    private func metricsPage(on loop: isolated EventLoop) async -> MetricsPage {
        MetricsPage(await snapshot(within: .milliseconds(500), on: loop), droppedLogLines: droppedLogLines())
    }

    /// Serves until SIGTERM, SIGINT or SIGQUIT, and then until the requests that are running have ended; a second signal cancels them.
    /// - Throws: what kept a loop from starting.
    public func run() throws {
        try EventLoop.runGroup(count: group.count) { loop, index in
            do {
                try await serve(index, on: loop)
            } catch {
                // One loop that cannot serve ends the service: the others drain.
                drain.open()
                if serving.decrement() == 0 { ended.open() }
                throw error
            }
        }
    }

    private func serve(_ index: Int, on loop: isolated EventLoop) async throws {
        if let slowJobs {
            loop.reactor.reportSlowJobs(over: slowJobs) { job in
                let microseconds = job.duration.wholeNanoseconds / 1000
                logger.warning(
                    "a job held the loop",
                    metadata: [
                        "task": "\(job.task ?? "-")", "loop": .stringConvertible(index),
                        "duration_us": .stringConvertible(Int(microseconds)),
                    ])
            }
        }
        let member = try ServiceLoop(index, of: group, serving: generation, to: clients, on: loop)
        let watched = index == 0 ? try Signals(descriptor: signals, on: loop) : nil
        await withDiscardingTaskGroup { group in
            if let watched {
                group.addImmediateTask { await self.watch(watched, on: loop) }
                group.addImmediateTask { await self.serveOthers(on: loop) }
            }
            await member.run(drain: drain, abort: abort, on: loop)
            if serving.decrement() == 0 { ended.open() }
            await ended.wait(on: loop)
            group.cancelAll()
        }
        watched?.close()
    }

    /// Serves admin and shop, which are needed as long as a loop serves clients.
    private func serveOthers(on loop: isolated EventLoop) async {
        await withDiscardingTaskGroup { tasks in
            if let admin {
                let responder = AdminResponder(group: group, drain: drain) {
                    await self.metricsPage(on: loop)
                }
                let server = Server(admin, handler: responder, on: loop)
                tasks.addImmediateTask { await server.run(drain: self.ended, abort: self.abort, on: loop) }
            }
            if let shop, let latency = configuration.demo?.shop?.latency {
                let responder = Shop(ShopOptions(latency: latency))
                let server = Server(shop, handler: responder, observer: responder, on: loop)
                tasks.addImmediateTask { await server.run(drain: self.ended, abort: self.abort, on: loop) }
            }
        }
    }

    /// The signals by which platforms and people stop a service.
    private static let draining = [SIGTERM, SIGINT, SIGQUIT]
    /// Those that mean something to other servers (a new configuration, a new log file), and would end this one at once.
    private static let ignored = [SIGHUP, SIGUSR1, SIGUSR2]

    private func watch(_ signals: Signals, on loop: isolated EventLoop) async {
        for await signal in signals {
            let name = Self.name(of: signal)
            if Self.ignored.contains(signal) {
                logger.notice(
                    "\(name) is ignored: the configuration is read at the start only, and logs go to standard error")
            } else if drain.isOpen {
                logger.notice("\(name) again: requests that are running are cancelled")
                abort.open()
            } else {
                logger.notice("\(name): no new connections, requests that are running may end")
                drain.open()
            }
        }
    }

    private static func name(of signal: CInt) -> String {
        switch signal {
        case SIGTERM: "SIGTERM"
        case SIGINT: "SIGINT"
        case SIGQUIT: "SIGQUIT"
        case SIGHUP: "SIGHUP"
        case SIGUSR1: "SIGUSR1"
        case SIGUSR2: "SIGUSR2"
        default: "signal \(signal)"
        }
    }

    /// - Parameter others: the ports that this process listens on already.
    private static func listen(
        _ address: ListenAddress, for key: String, besides others: [(key: String, port: UInt16)]
    ) throws -> Listener {
        do throws(ListenError) {
            return try Listener(address.description)
        } catch {
            if case .system(let failure) = error, failure.code == EADDRINUSE,
                let other = others.first(where: { $0.port == address.port })
            {
                throw ServiceError.conflict(key: key, address: address.description, with: other.key)
            }
            throw ServiceError.listen(key: key, address: address.description, error)
        }
    }
}

/// Why a service could not start.
public enum ServiceError: Error, CustomStringConvertible {
    case listen(key: String, address: String, ListenError)
    /// Two listeners of the configuration want the same port.
    case conflict(key: String, address: String, with: String)

    public var description: String {
        switch self {
        case .listen(let key, let address, let error):
            "\(key): cannot listen on \(address): \(error); choose another address or stop what uses it"
        case .conflict(let key, let address, let other):
            "\(key): cannot listen on \(address), whose port \(other) has already; give one of them another"
        }
    }
}

/// A number that threads count down together.
private final class Counter: Sendable {
    private let value: Atomic<Int>
    init(_ value: Int) { self.value = Atomic(value) }
    func decrement() -> Int { value.subtract(1, ordering: .acquiringAndReleasing).newValue }
}
