import EventLoop
import EventLoopTesting

@testable import Gather

/// Runs an endpoint again and again, as many clients would, and keeps what came of it.
/// - Parameter interval: the time between the beginnings of two gathers.
func load(
    _ endpoint: Endpoint, on engine: GatherEngine, every interval: Duration, for span: Duration,
    on loop: isolated EventLoop
) async throws -> [Outcome: Int] {
    let book = Book()
    let end = loop.now.advanced(by: span)
    try await withThrowingDiscardingTaskGroup { group in
        while loop.now < end {
            group.addImmediateTask {
                let gathered = await engine.gather(endpoint, Input(), on: loop)
                for report in gathered.reports { book.outcomes[report.outcome, default: 0] += 1 }
            }
            try await loop.sleep(for: interval)
        }
    }
    return book.outcomes
}

private final class Book {
    var outcomes: [Outcome: Int] = [:]
}

/// Engine and upstreams for one load on virtual time.
func withEngine<Value: Sendable>(
    _ upstreams: [Upstream], _ endpoints: [Endpoint], _ reactions: [String: Reaction], seed: UInt64? = nil,
    _ body: @escaping @Sendable (GatherEngine, FakeUpstreams, isolated EventLoop) async throws -> Value
) throws -> Value {
    try TestLoop.run(seed: seed) { loop in
        let client = FakeUpstreams(reactions)
        let engine = GatherEngine(Plan(upstreams: upstreams, endpoints: endpoints), client: client)
        return try await body(engine, client, loop)
    }
}
