import EventLoop
import EventLoopTesting
import Testing

@testable import Gather

/// What reports of slow jobs call the work of a gather.
struct JobNameTests {
    @Test func `a job is reported by the endpoint, the call or the upstream that it is for`() throws {
        let names = try TestLoop.run { loop in
            let targets = ["plain": "/plain", "list": "/list/{item}", "hedged": "/hedged", "shared": "/shared"]
            var given = try Given(targets.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 })
            try given.setList("list", "{plain.items}")
            var (hedged, shared) = (upstream, upstream)
            hedged.name = "stock"
            hedged.hedge = HedgePolicy(.after(.milliseconds(10)))
            given["hedged"].upstream = 1
            shared.name = "prices"
            shared.coalesces = true
            given["shared"].upstream = 2
            var reactions = targets.mapValues { _ in Reaction.json("1", after: .milliseconds(20)) }
            reactions["plain"] = .json(#"{"items":[1,2]}"#, after: .milliseconds(20))
            let plan = Plan(upstreams: [upstream, hedged, shared], endpoints: [try given.endpoint()])
            let engine = GatherEngine(plan, client: FakeUpstreams(reactions))
            nonisolated(unsafe) var names: Set<String> = []
            loop.reactor.reportSlowJobs(over: .zero) { unsafe names.insert($0.task ?? "a job without a name") }
            let gathered = await engine.gather(plan.endpoints[0], Input(), on: loop)
            #expect(gathered.isComplete)
            await engine.end(on: loop)
            return unsafe names
        }
        let calls = ["plain", "list", "hedged", "shared"].map { "call \($0)" }
        #expect(
            names.isSuperset(of: calls + ["GET /{id}/{name}", "attempt at stock", "attempt at prices"]), "\(names)")
    }
}
