import EventLoop
import Gather

/// Runs thousands of gathers of one endpoint on virtual time, with the engine that serves and modelled upstreams.
///
/// It runs on a single loop, which has each upstream's limits to itself. The same input gives the same result.
public struct Simulation: Sendable {
    /// What decides when gathers begin.
    public enum Arrivals: Sendable, Equatable {
        /// At random, independently of each other: this many a second on average.
        case poisson(perSecond: Double)
        /// Whenever another ends, so that this many are in flight.
        case closed(concurrency: Int)
    }

    public var plan: Plan
    public var endpoint: Endpoint
    public var request = GivenRequest()
    public var models = UpstreamModels()
    public var gathers = 10_000
    public var arrivals = Arrivals.poisson(perSecond: 100)
    public var seed: UInt64 = 1

    public init(_ endpoint: Endpoint, of plan: Plan) {
        self.plan = plan
        self.endpoint = endpoint
    }

    /// - Parameter progress: called from time to time with the number of gathers that have ended.
    /// - Throws: ``UnplaceableRequest`` if the endpoint cannot use the request.
    public func run(progress: @escaping @Sendable (Int) -> Void = { _ in }) throws -> SimulationResult {
        // Sample bodies are shaped already. Only time is simulated.
        let endpoint = endpoint.mapCalls { $0.projection = nil }
        return try EventLoop.runVirtual { loop in
            let client = ModelledUpstreams(
                models, bodies: SampleBody.bodies(for: endpoint), upstreams: plan.upstreams.count, seed: seed)
            let tally = Tally(endpoint, total: gathers, progress)
            let engine = GatherEngine(plan, client: client)
            switch arrivals {
            case .poisson(let rate): await runOpen(endpoint, rate: rate, engine, tally, on: loop)
            case .closed(let concurrency): await runClosed(endpoint, concurrency, engine, tally, on: loop)
            }
            if let reason = tally.unplaceable { throw UnplaceableRequest(reason: reason) }
            return tally.result(of: plan, attempts: client.attempts)
        }
    }

    private func runOpen(
        _ endpoint: Endpoint, rate: Double, _ engine: GatherEngine, _ tally: Tally, on loop: isolated EventLoop
    ) async {
        var generator = SplitMix64(seed: ~seed)
        await withDiscardingTaskGroup { group in
            var seconds = 0.0
            for _ in 0..<gathers where tally.unplaceable == nil {
                seconds += generator.exponential() / rate
                try? await loop.sleep(until: LoopInstant(nanoseconds: Int64(seconds * 1e9)))
                group.addImmediateTask { await self.gather(endpoint, engine, tally, on: loop) }
            }
        }
    }

    private func runClosed(
        _ endpoint: Endpoint, _ concurrency: Int, _ engine: GatherEngine, _ tally: Tally, on loop: isolated EventLoop
    ) async {
        await withDiscardingTaskGroup { group in
            for index in 0..<concurrency {
                let share = gathers / concurrency + (index < gathers % concurrency ? 1 : 0)
                group.addImmediateTask {
                    for _ in 0..<share where tally.unplaceable == nil {
                        await self.gather(endpoint, engine, tally, on: loop)
                    }
                }
            }
        }
    }

    private func gather(
        _ endpoint: Endpoint, _ engine: GatherEngine, _ tally: Tally, on loop: isolated EventLoop
    ) async {
        let start = loop.now
        let gathered = await engine.gather(endpoint, request, on: loop)
        tally.add(gathered, duration: start.duration(to: loop.now))
    }
}

/// The request lacks a value that the endpoint needs, or has one that cannot be placed where it is needed.
public struct UnplaceableRequest: Error, CustomStringConvertible {
    public let reason: String

    public var description: String {
        "the request does not do for this endpoint: \(reason); give it a value by --set query.NAME=VALUE, "
            + "--set header.NAME=VALUE, --set path.NAME=VALUE or --body JSON"
    }
}
