import CPlatform
import EventLoop
import Gather
import GatherConfig
import Glibc
import HTTPServer
import Logging
import Synchronization

/// The service of a configuration: its listeners, and a loop on each thread that serves them.
public final class Service: Sendable {
    let group: LoopGroup
    let logger: Logger
    let manager: ServiceManager
    let surroundings: Surroundings
    private let program: HandOver.Program?
    private let predecessor: CInt?
    private let signals: CInt
    /// Opens when the service is to end: at the first signal, when a loop fails, or when another process has taken
    /// over.
    let drain = Latch()
    /// Opens at the second signal.
    let abort = Latch()
    /// Opens when no loop serves clients any longer.
    private let ended = Latch()
    /// How many loops serve clients.
    private let serving: Atomic<Int>
    private let state: Mutex<State>

    /// What changes while the service runs.
    struct State: Sendable {
        var generation: Generation
        var clients: Listening
        /// Those that the first loop serves.
        var others: [Listening]
        var reloads = ReloadCounts()

        var listenings: [Listening] { [clients] + others }
    }

    /// What the service is given by its caller, apart from its configuration.
    public struct Surroundings: Sendable {
        /// Reads the configuration again; nil if it cannot be.
        public var source: (@Sendable () throws -> Configuration)?
        /// The variables of the process, through which its service manager and the previous process hand things over.
        public var environment: [String: String] = [:]
        /// The arguments that the program was started with, to start it again; empty if it cannot be.
        public var arguments: [String] = []
        /// The file whose changes trigger a reload; nil for none.
        public var watchedFile: String?
        /// How long a job may hold its loop before it is logged; nil if none is.
        public var slowJobs: Duration?
        /// What writes the log, if that is ours.
        public var log: LogWriter?

        public init() {}
    }

    /// Binds all addresses, so that a failure is known before anything is served.
    /// - Throws: ``ServiceError``.
    public init(_ configuration: Configuration, logger: Logger, surroundings: Surroundings = Surroundings()) throws {
        try configuration.checkTLS()
        (self.surroundings, self.logger) = (surroundings, logger)
        manager = ServiceManager(environment: surroundings.environment)
        program = HandOver.Program(arguments: surroundings.arguments, environment: surroundings.environment)
        let inherited = InheritedSockets(environment: surroundings.environment)
        guard inherited.unknown.isEmpty else {
            throw ServiceError.unknownSockets(inherited.unknown.map(\.name))
        }
        predecessor = inherited.readiness
        let loops = configuration.server.loops ?? EventLoop.processorCount
        cp_raise_descriptor_limit()
        let options = Self.options(configuration, loops: loops, logger: logger)
        let clients = try Listening.open(
            .clients, at: configuration.server.listen, options: options, inherited: inherited)
        var others: [Listening] = []
        for role in [Listening.Role.admin, .shop] {
            guard let address = configuration.address(of: role) else { continue }
            others.append(
                try Listening.open(
                    role, at: address, options: .others(role), besides: [clients] + others, inherited: inherited))
        }
        inherited.closeUnused([clients] + others)
        let generation = Generation(configuration, loops: loops, address: clients.group.address)
        group = LoopGroup(loops, serving: generation, logger: logger)
        serving = Atomic(loops)
        state = Mutex(State(generation: generation, clients: clients, others: others))
        signals = try Signals.block(Self.draining.keys + [SIGHUP, SIGUSR1, SIGUSR2])
        // A client, an upstream or the reader of the log may go away while it is written to.
        cp_ignore_broken_pipe()
        cp_return_large_blocks()
    }

    /// Holds back the signals that a running service handles, until it runs: one that comes while the configuration is
    /// read for the first time must not end the process.
    public static func holdSignals() throws { Glibc.close(try Signals.block([SIGHUP, SIGUSR1, SIGUSR2])) }

    /// The options of clients' connections, as far as the process may have the descriptors that they need.
    static func options(_ configuration: Configuration, loops: Int, logger: Logger) -> ServerOptions {
        let descriptors = DescriptorPlan(configuration, loops: loops, limit: Int(clamping: cp_descriptor_limit()))
        if let shortage = descriptors.shortage { logger.warning("\(shortage)") }
        cp_reserve_descriptors(CInt(clamping: descriptors.most))
        var options = ServerOptions(configuration.server)
        options.connections = descriptors.connections
        return options
    }

    /// The address that clients reach it at.
    public var address: String { current.clients.group.address }
    /// The address of the admin listener.
    public var adminAddress: String? { current.others.first { $0.role == .admin }?.group.address }

    var current: State { state.withLock { $0 } }

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    /// A snapshot of the service at about this moment: asks each loop, and leaves out those that do not answer in
    /// time.
    public func snapshot(within limit: Duration = .seconds(1), on loop: isolated EventLoop) async -> ServiceSnapshot {
        let loops = await group.snapshots(within: limit, on: loop)
        let (state, gathers) = (current, group.gathers)
        return ServiceSnapshot(
            generation: state.generation.number, connections: state.clients.group.connectionCount,
            mostConnections: state.clients.group.options.connections, gathers: gathers.count,
            mostGathers: gathers.limit, loops: loops, loopCount: group.count, reloads: state.reloads,
            keyFetches: group.keyFetches.value)
    }

    func metricsPage(on loop: isolated EventLoop) async -> MetricsPage {
        MetricsPage(
            await snapshot(within: .milliseconds(500), on: loop), droppedLogLines: surroundings.log?.droppedLines ?? 0)
    }

    // MARK: Serving

    /// Serves until SIGTERM, SIGINT or SIGQUIT, and then until the requests that are running have ended; a second
    /// signal cancels them.
    /// - Throws: what kept a loop from starting.
    public func run() throws {
        try EventLoop.runGroup(count: group.count, confined: true) { loop, index in
            do {
                try await self.serve(index, on: loop)
            } catch {
                // One loop that cannot serve ends the service: the others drain.
                self.drain.open()
                self.current.clients.drain.open()
                self.loopHasEnded()
                throw error
            }
        }
    }

    /// A loop serves clients no longer.
    private func loopHasEnded() {
        if serving.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { ended.open() }
    }

    private func serve(_ index: Int, on loop: isolated EventLoop) async throws {
        reportSlowJobs(of: index, on: loop)
        let state = current
        let member = try ServiceLoop(index, of: group, serving: state.generation, to: state.clients, on: loop)
        let watched = index == 0 ? try Signals(descriptor: signals, on: loop) : nil
        await withDiscardingTaskGroup { tasks in
            if let watched {
                let others = OtherServers(self, on: loop)
                let reloader = Reloader(self, others, on: loop)
                for listening in state.others { others.start(listening, on: loop) }
                tasks.addImmediateTask { await self.watch(watched, reloader, on: loop) }
                tasks.addImmediateTask { await others.run(until: self.ended, abort: self.abort, on: loop) }
                tasks.addImmediateTask { await self.watchFile(reloader, on: loop) }
                tasks.addImmediateTask { await self.watchDrain(on: loop) }
                tasks.addImmediateTask { await self.sayReady(on: loop) }
                tasks.addImmediateTask { await self.feedWatchdog(on: loop) }
            }
            await member.run(abort: abort, on: loop)
            loopHasEnded()
            await ended.wait(on: loop)
            tasks.cancelAll()
        }
        watched?.close()
    }

    private func reportSlowJobs(of index: Int, on loop: isolated EventLoop) {
        guard let slowJobs = surroundings.slowJobs else { return }
        let logger = logger
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

    // MARK: The beginning and the end

    /// Tells whoever waits for it that the service is ready, once every loop is serving and has the connections that
    /// are wanted at the start.
    private func sayReady(on loop: isolated EventLoop) async {
        guard await group.begun.wait(on: loop) == .signalled else { return }
        guard await group.readiness.ready.wait(on: loop) == .signalled, !drain.isOpen else { return }
        if let predecessor {
            var byte: UInt8 = 1
            // One byte is what the variable has.
            _ = unsafe write(predecessor, &byte, 1)
            Glibc.close(predecessor)
        }
        manager.ready("serving at \(address)")
    }

    /// Ends the listeners when the service is to end, and says so when what is left is cut off.
    private func watchDrain(on loop: isolated EventLoop) async {
        guard await drain.wait(on: loop) == .signalled else { return }
        let state = current
        state.clients.drain.open()
        // Listeners that another process has taken over go on.
        let isSucceeded = state.clients.group.isSucceeded
        if !isSucceeded { manager.stopping("draining") }
        let options = state.clients.group.options
        let lameDuck = isSucceeded ? .zero : options.lameDuck
        let limit = loop.now.advanced(by: lameDuck + options.shutdownTimeout)
        guard await abort.wait(until: limit, on: loop) == .timedOut else { return }
        logger.warning(
            "the shutdown timeout has expired: requests in progress are cancelled",
            metadata: [
                "timeout": "\(options.shutdownTimeout)",
                "connections": .stringConvertible(state.clients.group.connectionCount),
                "gathers": .stringConvertible(group.gathers.count),
            ])
    }

    /// Tells the service manager that the service is alive, as long as every loop takes its turns.
    private func feedWatchdog(on loop: isolated EventLoop) async {
        guard let interval = manager.watchdog.map({ $0 / 3 }) else { return }
        while !Task.isCancelled {
            // A loop that has ended does not count; one that is blocked does not answer.
            let answers = await group.onEachLoop(within: interval, on: loop) { _ in true }
            if answers.allSatisfy({ $0 == true }) || drain.isOpen { manager.isAlive() }
            guard (try? await loop.sleep(for: interval)) != nil else { return }
        }
    }

    // MARK: Signals

    /// The signals by which platforms and people stop a service.
    private static let draining = [SIGTERM: "SIGTERM", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT"]
    /// The same signal twice within this time counts once: timeout(1) and others send it to the process and to its
    /// group.
    private static let sameSignal: Duration = .milliseconds(100)

    private func watch(_ signals: Signals, _ reloader: Reloader, on loop: isolated EventLoop) async {
        await withDiscardingTaskGroup { tasks in
            var last: (signal: CInt, at: LoopInstant)?
            for await signal in signals {
                if Self.draining[signal] != nil {
                    let now = loop.time
                    if let last, last.signal == signal, last.at.duration(to: now) < Self.sameSignal { continue }
                    last = (signal, now)
                }
                switch signal {
                case SIGHUP: tasks.addImmediateTask { await reloader.reload("SIGHUP", on: loop) }
                case SIGUSR2: tasks.addImmediateTask { await self.handOver(after: reloader, on: loop) }
                case SIGUSR1: logger.notice("SIGUSR1 is ignored: logs go to standard error")
                default: stop(by: Self.draining[signal] ?? "signal \(signal)")
                }
            }
        }
    }

    private func stop(by name: String) {
        guard !drain.isOpen else {
            logger.notice("\(name) again: requests in progress are cancelled")
            return abort.open()
        }
        let lameDuck = current.clients.group.options.lameDuck
        let accepts =
            lameDuck > .zero
            ? "connections are accepted for another \(lameDuck), each for one request" : "no new connections"
        logger.notice("\(name): \(accepts), requests in progress may finish")
        drain.open()
    }

    private func watchFile(_ reloader: Reloader, on loop: isolated EventLoop) async {
        guard let watchedFile = surroundings.watchedFile else { return }
        guard let watch = FileWatch(watchedFile) else {
            return logger.error(
                "the file cannot be watched: it is reloaded only at SIGHUP", metadata: ["file": "\(watchedFile)"])
        }
        repeat {
            watch.add(current.generation.configuration.includedFiles)
            guard (try? await watch.change(on: loop)) != nil else { return }
            await reloader.reload("--watch", isQuiet: true, on: loop)
        } while true
    }

    // MARK: Another process

    /// How long a new process may take until it serves.
    private static let handOverTime: Duration = .seconds(60)

    /// Starts a new process that takes over the listeners, and ends this one when the new one is serving.
    private func handOver(after reloader: Reloader, on loop: isolated EventLoop) async {
        guard (try? await reloader.turn.acquire()) != nil else { return }
        defer { reloader.turn.release() }
        guard !drain.isOpen, let program else {
            return logger.warning(
                "SIGUSR2 is ignored: the service \(drain.isOpen ? "is stopping" : "cannot be restarted")")
        }
        let listenings = current.listenings
        do throws(HandOver.Failure) {
            let next = try HandOver(program, listenings)
            logger.notice(
                "SIGUSR2: starting a new process, which takes over", metadata: ["process": "\(next.processID)"])
            try await next.waitUntilReady(until: loop.time.advanced(by: Self.handOverTime), on: loop)
            guard !drain.isOpen else {
                kill(next.processID, SIGTERM)
                return logger.warning(
                    "a new process was ready while the service was already stopping, and stops with it")
            }
            manager.mainProcess(next.processID)
            for listening in listenings {
                listening.group.listener.leaveToHeir()
                listening.leaveToSuccessor()
            }
            logger.notice(
                "a new process has taken over: requests in progress may finish",
                metadata: ["process": "\(next.processID)"])
            drain.open()
        } catch {
            logger.error("no new process has taken over; this process continues", metadata: ["error": "\(error)"])
        }
    }
}

/// Why a service could not start.
public enum ServiceError: Error, CustomStringConvertible {
    case listen(key: String, address: String, ListenError)
    /// Two listeners of the configuration want the same port.
    case conflict(key: String, address: String, with: String)
    case unknownSockets([String])
    case tls(upstream: String, String)

    public var description: String {
        switch self {
        case .listen(let key, let address, let error):
            "\(key): cannot listen on \(address): \(error); choose another address, or stop the process that uses it"
        case .conflict(let key, let address, let other):
            "\(key): cannot listen on \(address), whose port is already taken by \(other); "
                + "choose another port for one of them"
        case .tls(let upstream, let problem): "upstreams.\(upstream).tls: \(problem)"
        case .unknownSockets(let names):
            "LISTEN_FDNAMES: \(names.map { "'\($0)'" }.joined(separator: ", ")) names no known socket; "
                + "call the sockets listen, admin and shop (FileDescriptorName=)"
        }
    }
}
