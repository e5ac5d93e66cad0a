import EventLoop
import Fetch
import Gather
import HTTPServer

/// What one loop serves clients with: upstreams, engine, handler, server and counters, made and ended here alone.
///
/// The loop serves one generation of the configuration and can be given the next (``prepare(_:)``, ``takeOver()``): requests that are
/// being answered end by the one that they began with, all others begin with the new one. Confined to its loop; others name it by a
/// `LoopReference`.
final class ServiceLoop {
    let group: LoopGroup
    let index: Int
    let upstreams: CurlUpstreams
    let server: Server
    private let reactor: Reactor
    private let accessLog: AccessLog
    private let metrics = Metrics()
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
    }

    private enum Errand {
        /// Have the health of upstreams checked that are new, and connections to them opened.
        case begin(GatherEngine)
        /// Close what only a generation that is over has used.
        case end(GatherEngine, [UpstreamIndex])
    }

    /// - Throws: `FetchError` if libcurl refuses a host.
    init(
        _ index: Int, of group: LoopGroup, serving generation: Generation, to clients: ServerGroup,
        on loop: isolated EventLoop
    ) throws(FetchError) {
        self.group = group
        self.index = index
        reactor = loop.reactor
        upstreams = CurlUpstreams(on: loop)
        accessLog = AccessLog(group.logger, isEnabled: generation.configuration.server.accessLog)
        errands = Channel(capacity: .max, on: loop)
        let part = try Self.part(
            of: generation, after: nil, upstreams, group, index, accessLog, metrics, errands)
        current = part
        let counted = CountedExchanges(metrics, before: accessLog)
        server = Server(clients, handler: part.handler, observer: counted, on: loop)
        _ = errands.trySend(.begin(part.engine))
        group.join(self, on: loop)
    }

    private static func part(
        of generation: Generation, after earlier: Part?, _ upstreams: CurlUpstreams, _ group: LoopGroup, _ index: Int,
        _ accessLog: AccessLog, _ metrics: Metrics, _ errands: Channel<Errand>
    ) throws(FetchError) -> Part {
        let plan = generation.configuration.plan
        let places = try upstreams.enter(plan.upstreams, after: earlier?.places ?? [])
        let engine = GatherEngine(
            plan, client: upstreams, at: places, limits: generation.limits, loop: index, after: earlier?.engine,
            metrics: metrics,
            upstreamChanged: UpstreamLog(logger: group.logger, loop: index).write)
        let admission = Admission(generation.configuration.server, gathers: group.gathers, metrics: metrics)
        let responder = GatherResponder(
            generation, engine: engine, upstreams: upstreams, admission: admission, accessLog: accessLog
        ) {
            _ = errands.trySend(.end(engine, places))
        }
        return Part(
            generation: generation, places: places, engine: engine, admission: admission,
            handler: generation.rules.around(responder))
    }

    // MARK: Serving

    /// Serves clients until `drain` opens, and then until the requests that are running have ended or `abort` opens.
    func run(drain: Latch, abort: Latch, on loop: isolated EventLoop) async {
        await withDiscardingTaskGroup { group in
            group.addImmediateTask { await self.runErrands(on: loop) }
            await server.run(drain: drain, abort: abort, on: loop)
            group.cancelAll()
        }
        while let errand = errands.tryReceive() {
            if case .end(let engine, _) = errand { await engine.end(on: loop) }
        }
        await current.engine.end(on: loop)
        upstreams.close()
    }

    private func runErrands(on loop: isolated EventLoop) async {
        await withDiscardingTaskGroup { group in
            do throws(CancellationError) {
                while let errand = try await errands.receive() {
                    switch errand {
                    case .begin(let engine):
                        group.addImmediateTask { await engine.run(on: loop) }
                        group.addImmediateTask { await self.warmUp(engine, on: loop) }
                    case .end(let engine, let places):
                        generations -= 1
                        group.addImmediateTask {
                            await engine.end(on: loop)
                            self.upstreams.leave(places)
                        }
                    }
                }
            } catch {
                // The server has ended.
            }
        }
    }

    /// Opens this loop's connections to upstreams that are to have some before there are calls for them.
    private func warmUp(_ engine: GatherEngine, on loop: isolated EventLoop) async {
        let cold = await engine.warmUp(on: loop)
        // A drain has cut it short, and nobody waits for it any more.
        guard !Task.isCancelled else { return }
        group.loopIsWarm(butFor: cold)
    }

    // MARK: Generations

    /// Makes ready to serve another generation. Nothing changes until ``takeOver()``.
    /// - Throws: `FetchError` if libcurl refuses a host; then nothing is prepared.
    func prepare(_ generation: Generation) throws(FetchError) {
        forgetPrepared()
        prepared = try Self.part(of: generation, after: current, upstreams, group, index, accessLog, metrics, errands)
        generations += 1
    }

    /// Gives up the generation that was prepared, if one was.
    func forgetPrepared() { prepared = nil }

    /// Serves the generation that was prepared from now on.
    func takeOver() {
        guard let next = prepared else { return }
        prepared = nil
        let earlier = current
        current = next
        accessLog.enable(next.generation.configuration.server.accessLog)
        next.engine.takeEffect(after: earlier.engine)
        server.adopt(next.handler)
        _ = errands.trySend(.begin(next.engine))
    }

    // MARK: What it says of itself

    /// Those of the generation that is served.
    var endpoints: [Endpoint] { current.generation.configuration.plan.endpoints }

    /// The gathers of this generation that are worth another look.
    var history: GatherHistory.Snapshot { current.responder.history.snapshot }

    func snapshot() -> LoopSnapshot {
        LoopSnapshot(
            loop: index, generation: current.generation.number, generations: generations,
            connections: server.connectionCount, requests: server.requestCount, gathers: current.admission.inFlight,
            counters: reactor.counters, meanLag: reactor.meanLag, upstreams: current.engine.snapshot(at: reactor.now),
            metrics: metrics.snapshot())
    }
}
