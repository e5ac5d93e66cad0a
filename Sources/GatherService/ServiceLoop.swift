import EventLoop
import Fetch
import Gather
import GatherFetch
import HTTPServer

/// What one loop serves clients with: upstreams, engine, handler, server and counters, made and ended here alone.
///
/// The loop serves one generation of the configuration and can be given the next (``prepare(_:)``,
/// ``takeOver(from:)``): requests that are being answered end with the generation that they began with, all others
/// begin with the new one. Confined to its loop; others name it by a `LoopReference`.
final class ServiceLoop {
    let group: LoopGroup
    let index: Int
    let upstreams: CurlUpstreams
    /// Clients' servers: the current one, and those whose listener was replaced, until they have ended.
    private var servers: [Server] = []
    /// How many there are, including those about to begin.
    private var serverCount = 0
    private let serversEnded: Event
    private let reactor: Reactor
    let accessLog: AccessLog
    private let metrics = Metrics()
    private let tracer: Tracer
    private let spans = TraceExporter.Counts()
    /// How many exporters have spans to send.
    private var exporters = 0
    private let exportersEnded: Event
    private var current: Part
    /// The next generation, while other loops prepare it as well.
    private var prepared: Part?
    /// What there is to be done for generations that begin or are over.
    private let errands: Channel<Errand>
    /// How many generations have a gather that may not have ended, the current one included.
    private(set) var generations = 1

    /// What a loop has of one generation.
    private struct Part {
        let generation: Generation
        let places: [UpstreamIndex]
        let engine: GatherEngine
        let admission: Admission
        let handler: any Handler
        let history: GatherHistory
        let exporter: TraceExporter?
    }

    private enum Errand {
        case serve(Listening)
        /// Have the health of upstreams checked that are new, and connections to them opened.
        case begin(GatherEngine, AccessKeys)
        /// Have spans sent.
        case export(TraceExporter)
        /// Close what only a generation that is over has used.
        case end(GatherEngine, [UpstreamIndex], Generation)
        /// Let go of a generation, once its engine is gone.
        case forget(Generation)
    }

    /// - Throws: `FetchError` if libcurl refuses a host.
    init(
        _ index: Int, of group: LoopGroup, serving generation: Generation, to clients: Listening,
        on loop: isolated EventLoop
    ) throws(FetchError) {
        self.group = group
        self.index = index
        reactor = loop.reactor
        upstreams = CurlUpstreams(on: loop)
        accessLog = AccessLog(group.logger, generation.configuration.server)
        errands = Channel(capacity: .max, on: loop)
        serversEnded = Event(on: loop)
        exportersEnded = Event(on: loop)
        exportersEnded.set()
        tracer = Tracer(on: reactor)
        current = try Self.part(
            of: generation, after: nil, upstreams, group, index, accessLog, metrics, tracer, spans, errands,
            reactor)
        adoptTraces(of: current, after: nil)
        _ = errands.trySend(.begin(current.engine, generation.access))
        serve(clients)
        group.join(self, on: loop)
    }

    private static func part(
        of generation: Generation, after earlier: Part?, _ upstreams: CurlUpstreams, _ group: LoopGroup, _ index: Int,
        _ accessLog: AccessLog, _ metrics: Metrics, _ tracer: Tracer, _ spans: TraceExporter.Counts,
        _ errands: Channel<Errand>, _ reactor: Reactor
    ) throws(FetchError) -> Part {
        let plan = generation.configuration.plan
        let places = try upstreams.enter(plan.upstreams, after: earlier?.places ?? [])
        let engine = GatherEngine(
            plan, client: upstreams, at: places, limits: generation.limits, loop: index, after: earlier?.engine,
            metrics: metrics, upstreamChanged: { [logger = group.logger] in logger.log($0, on: index) })
        let admission = Admission(generation.configuration.server, gathers: group.gathers, metrics: metrics)
        let traces = generation.configuration.traces
        let responder = GatherResponder(
            generation, engine: engine, upstreams: upstreams, admission: admission, accessLog: accessLog, tracer: tracer
        ) {
            _ = errands.trySend(.end(engine, places, generation))
        }
        let exporter = traces.flatMap { traces in
            if let kept = earlier?.exporter, kept.sends(as: traces) { return kept }
            return TraceExporter(traces, room: group.spans, counts: spans, logger: group.logger, on: reactor)
        }
        return Part(
            generation: generation, places: places, engine: engine, admission: admission,
            handler: generation.rules.around(responder, tracer: traces == nil ? nil : tracer),
            history: responder.history, exporter: exporter)
    }

    // MARK: Serving

    /// Serves clients until the listener's `drain` opens, and then until the requests that are running have ended or
    /// `abort` opens.
    func run(abort: Latch, on loop: isolated EventLoop) async {
        await withDiscardingTaskGroup { group in
            group.addImmediateTask { await self.runErrands(abort: abort, on: loop) }
            try? await serversEnded.wait()
            current.exporter?.end()
            try? await exportersEnded.wait()
            group.cancelAll()
        }
        while let errand = errands.tryReceive() {
            if case .end(let engine, _, _) = errand { await engine.end(on: loop) }
        }
        await current.engine.end(on: loop)
        upstreams.close()
    }

    private func serve(_ clients: Listening) {
        serverCount += 1
        _ = errands.trySend(.serve(clients))
    }

    private func serve(_ clients: Listening, abort: Latch, on loop: isolated EventLoop) async {
        let counted = CountedExchanges(metrics, before: accessLog, tracer)
        let server = Server(clients.group, handler: current.handler, observer: counted, on: loop)
        servers.append(server)
        await server.run(drain: clients.drain, abort: abort, on: loop)
        servers.removeAll { $0 === server }
        serverCount -= 1
        if serverCount == 0 { serversEnded.set() }
    }

    private func runErrands(abort: Latch, on loop: isolated EventLoop) async {
        await withDiscardingTaskGroup { group in
            do throws(CancellationError) {
                while let errand = try await errands.receive() {
                    switch errand {
                    case .serve(let clients):
                        group.addImmediateTask { await self.serve(clients, abort: abort, on: loop) }
                    case .begin(let engine, let access):
                        for keeper in self.keepers(of: access) {
                            group.addImmediateTask { await keeper.run(on: loop) }
                        }
                        group.addImmediateTask { await engine.run(on: loop) }
                        group.addImmediateTask { await self.warmUp(engine, on: loop) }
                    case .export(let exporter): group.addImmediateTask { await self.export(exporter, on: loop) }
                    case .end(let engine, let places, let generation):
                        generations -= 1
                        group.addImmediateTask {
                            await engine.end(on: loop)
                            self.upstreams.leave(places)
                            _ = self.errands.trySend(.forget(generation))
                        }
                    case .forget(let generation):
                        group.addImmediateTask {
                            // Whatever still holds the engine shares the generation's plan, whose last reference another
                            // thread is to free.
                            try? await loop.sleep(for: .milliseconds(50))
                            withExtendedLifetime(generation) {}
                        }
                    }
                }
            } catch {
                // The server has ended.
            }
        }
    }

    private func export(_ exporter: TraceExporter, on loop: isolated EventLoop) async {
        await exporter.run(on: loop)
        exporters -= 1
        if exporters == 0 { exportersEnded.set() }
    }

    /// Makes and sends spans as a generation wants them.
    private func adoptTraces(of next: Part, after earlier: Part?) {
        tracer.adopt(next.generation.configuration, exporter: next.exporter)
        guard next.exporter !== earlier?.exporter else { return }
        earlier?.exporter?.end()
        guard let exporter = next.exporter else { return }
        exporters += 1
        exportersEnded.clear()
        _ = errands.trySend(.export(exporter))
    }

    /// What fetches the keys of tokens, where this loop is the one to do so for all.
    private func keepers(of access: AccessKeys) -> [KeyKeeper] {
        guard index == 0 else { return [] }
        return access.sources.compactMap { source in
            guard let remote = source.remote, source.takeKeeper() else { return nil }
            return KeyKeeper(source: source, remote: remote, counts: group.keyFetches, logger: group.logger)
        }
    }

    /// Opens this loop's connections to upstreams that are to have some before there are calls for them.
    private func warmUp(_ engine: GatherEngine, on loop: isolated EventLoop) async {
        let cold = await engine.warmUp(on: loop)
        // A drain has cut it short, and it is no longer waited for.
        guard !Task.isCancelled else { return }
        for host in group.readiness.loopIsWarm(butFor: cold) {
            group.logger.warning(
                "not all connections could be warmed up",
                metadata: ["upstream": "\(host.upstream)", "host": "\(host.host)", "error": "\(host.failure)"])
        }
    }

    // MARK: Generations

    /// Makes ready to serve another generation. Nothing changes until ``takeOver(from:)``.
    /// - Throws: `FetchError` if libcurl refuses a host; then nothing is prepared.
    func prepare(_ generation: Generation) throws(FetchError) {
        forgetPrepared()
        prepared = try Self.part(
            of: generation, after: current, upstreams, group, index, accessLog, metrics, tracer, spans, errands, reactor
        )
        generations += 1
    }

    /// Gives up the generation that was prepared, if one was.
    func forgetPrepared() { prepared = nil }

    /// Serves the generation that was prepared from now on.
    /// - Parameter clients: the listener that replaces the one before, if there is one.
    func takeOver(from clients: Listening?) {
        guard let next = prepared else { return }
        prepared = nil
        let earlier = current
        current = next
        accessLog.adopt(next.generation.configuration.server)
        adoptTraces(of: next, after: earlier)
        next.engine.takeEffect(after: earlier.engine)
        if index == 0 { earlier.generation.access.retire(for: next.generation.access) }
        for server in servers { server.adopt(next.handler) }
        _ = errands.trySend(.begin(next.engine, next.generation.access))
        if let clients { serve(clients) }
    }

    // MARK: What it reports

    /// Those of the generation that is served.
    var endpoints: [Endpoint] { current.generation.configuration.plan.endpoints }

    /// The number of the configuration that is served.
    var generation: Int { current.generation.number }

    /// The gathers of this generation that are worth another look.
    var history: GatherHistory.Snapshot { current.history.snapshot }

    func snapshot() -> LoopSnapshot {
        LoopSnapshot(
            loop: index, generation: current.generation.number, generations: generations,
            connections: servers.reduce(0) { $0 + $1.connectionCount },
            gathers: current.admission.inFlight,
            counters: reactor.counters, meanLag: reactor.meanLag, upstreams: current.engine.snapshot(at: reactor.now),
            metrics: metrics.snapshot(), spans: spans.value, exemplars: tracer.exemplars)
    }
}
