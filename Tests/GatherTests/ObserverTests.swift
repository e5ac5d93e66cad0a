import EventLoop
import EventLoopTesting
import JSONText
import Testing

@testable import Gather

/// What is told of a gather while it runs.
@Suite struct ObserverTests {
    /// Remembers what it is told, and when.
    private final class Witness: GatherObserver {
        struct Event: Equatable, Sendable {
            var call: String
            /// Nil at its start.
            var outcome: Outcome?
            var body: String?
            var at: Duration
        }

        private let endpoint: Endpoint
        private let reactor: Reactor
        private let start: LoopInstant
        private var all: [Event] = []
        var events: [Event] { all.filter { $0.outcome != nil } }
        var starts: [Event] { all.filter { $0.outcome == nil } }

        init(_ endpoint: Endpoint, on loop: isolated EventLoop) {
            (self.endpoint, reactor, start) = (endpoint, loop.reactor, loop.now)
        }

        func callStarted(_ call: Int, at start: Duration) {
            all.append(Event(call: endpoint.calls[call].name, at: start))
        }

        /// What was told of attempts, as text.
        private(set) var attempts: [String] = []

        func attemptChanged(of call: Int, _ attempt: AttemptReport) {
            let end = attempt.duration.map { " \($0 / .milliseconds(1)) \(attempt.outcome?.rawValue ?? "")" } ?? ""
            attempts.append(
                "\(endpoint.calls[call].name) \(attempt.number) \(attempt.kind) \(attempt.start / .milliseconds(1))\(end)"
            )
        }

        func callEnded(_ call: Int, _ report: CallReport, body: JSONValue?) {
            all.append(
                Event(
                    call: endpoint.calls[call].name, outcome: report.outcome, body: body.map { text($0.text) },
                    at: start.duration(to: reactor.now)))
        }
    }

    private func observe(
        _ endpoint: Endpoint, _ reactions: [String: Reaction], seed: UInt64? = nil
    ) throws -> (events: [Witness.Event], gathered: Gathered, starts: [Witness.Event]) {
        try TestLoop.run(seed: seed) { loop in
            let engine = GatherEngine(
                Plan(upstreams: [upstream], endpoints: [endpoint]), client: FakeUpstreams(reactions))
            let witness = Witness(endpoint, on: loop)
            let gathered = await engine.gather(endpoint, Input(), observer: witness, on: loop)
            return (witness.events, gathered, witness.starts)
        }
    }

    @Test func `each call is told at its end, with what it leaves`() throws {
        var given = try Given(["a": "/a", "b": "/b?x={a.x}", "c": "/c", "d": "/d", "e": "/e/{d}"])
        for call in ["c", "d", "e"] { given[call].isRequired = false }
        given["c"].fallback = fallback("[ ]")
        given["d"].fallback = .omit
        let endpoint = try given.endpoint()
        let reactions: [String: Reaction] = [
            "a": .json(#" {"x": 1} "#, after: .milliseconds(20)), "b": .json("2", after: .milliseconds(5)),
            "c": .status(500, after: .milliseconds(10)), "d": .status(404, after: .milliseconds(30)),
        ]
        for seed in UInt64(0)..<20 {
            let (events, gathered, _) = try observe(endpoint, reactions, seed: seed)
            #expect(
                events == [
                    .init(call: "c", outcome: .httpError, body: "[ ]", at: .milliseconds(10)),
                    .init(call: "a", outcome: .ok, body: #"{"x": 1}"#, at: .milliseconds(20)),
                    .init(call: "b", outcome: .ok, body: "2", at: .milliseconds(25)),
                    .init(call: "d", outcome: .httpError, body: nil, at: .milliseconds(30)),
                    .init(call: "e", outcome: .skipped, body: "null", at: .milliseconds(30)),
                ])
            // What was told need not be told again.
            #expect(gathered.answer == "")
        }
    }

    @Test func `each call that is sent is told when it starts, and no other`() throws {
        var given = try Given([
            "a": "/a", "b": "/b?x={a.x}", "c": "/c?x={b.none}", "d": "/d?x={b ?? 1}", "list": "/list/{item}",
        ])
        given["c"].isRequired = false
        try given.setList("list", "{a.ids}")
        let reactions: [String: Reaction] = [
            "a": .json(#"{"x": 1, "ids": [1, 2]}"#, after: .milliseconds(20)), "b": .json("7", after: .milliseconds(5)),
            "d": .json("1"), "list": .json("1", after: .milliseconds(1)),
        ]
        for seed in UInt64(0)..<20 {
            let (_, gathered, starts) = try observe(try given.endpoint(), reactions, seed: seed)
            #expect(
                Set(starts.map { "\($0.call) \($0.at)" }) == [
                    "a \(Duration.zero)", "b \(Duration.milliseconds(20))", "d \(Duration.milliseconds(25))",
                    "list \(Duration.milliseconds(20))",
                ])
            #expect(starts.count == 4)
            #expect(gathered.reports[2].outcome == .skipped)
        }
    }

    private func attempts(
        _ reactions: [Reaction], _ change: (inout Upstream) -> Void
    ) throws -> (told: [String], reports: [CallReport]) {
        let endpoint = try Given(["a": "/a", "b": "/b"]).endpoint()
        var upstream = upstream
        change(&upstream)
        let plan = Plan(upstreams: [upstream], endpoints: [endpoint])
        return try TestLoop.run { loop in
            let engine = GatherEngine(plan, client: FakeUpstreams(["a": .inTurn(reactions), "b": .json("1")]))
            let witness = Witness(endpoint, on: loop)
            let gathered = await engine.gather(endpoint, Input(), observer: witness, on: loop)
            return (witness.attempts, gathered.reports)
        }
    }

    @Test func `of a call with a hedge each attempt is told when it begins and when it ends`() throws {
        let (told, reports) = try attempts([
            .json("1", after: .milliseconds(100)), .json("2", after: .milliseconds(20)),
        ]) { $0.hedge = HedgePolicy(.after(.milliseconds(40))) }
        #expect(told == ["a 1 first 0.0", "a 2 hedge 40.0", "a 2 hedge 40.0 20.0 ok", "a 1 first 0.0 60.0 cancelled"])
        #expect(reports[0].attempts == 2)
    }

    @Test func `of a call that is repeated the first attempt is told when the second begins`() throws {
        let (told, reports) = try attempts([
            .status(503, after: .milliseconds(10)), .json("2", after: .milliseconds(20)),
        ]) {
            $0.retry = RetryPolicy()
            $0.retry?.backoff = .zero
        }
        #expect(told == ["a 1 first 0.0 10.0 http_error", "a 2 retry 10.0", "a 2 retry 10.0 20.0 ok"])
        #expect(reports[0].attempts == 2)
    }

    @Test func `of a call with one attempt nothing more is told than of the call`() throws {
        let told = try attempts([.json("1", after: .milliseconds(10))]) {
            $0.hedge = HedgePolicy(.after(.milliseconds(40)))
            $0.retry = RetryPolicy()
        }.told
        #expect(told == [])
    }

    @Test func `a declared response is rendered all the same`() throws {
        let given = try Given(["a": "/a"])
        let template = try given.object(["m": "{a}"])
        let (events, gathered, _) = try observe(try given.endpoint { $0.response = template }, ["a": .json("1")])
        #expect(events.map(\.call) == ["a"])
        #expect(gathered.answer == #"{"m":1}"#)
    }

    @Test func `a failure that decides is told, then what it ends`() throws {
        let given = try Given(["a": "/a", "b": "/b", "c": "/c?x={a.x}"])
        let (events, gathered, _) = try observe(
            try given.endpoint(), ["a": .status(500, after: .milliseconds(10)), "b": .hangs])
        #expect(events.map(\.call) == ["a", "c", "b"])
        #expect(events.map(\.outcome) == [.httpError, .skipped, .cancelled])
        #expect(events.allSatisfy { $0.at == .milliseconds(10) && $0.body == nil })
        #expect(gathered.reports.map(\.outcome) == [.httpError, .cancelled, .skipped])
    }

    @Test func `an objection is what the gather would end with before anything is sent`() throws {
        let given = try Given(["a": "/a?x={query.q}"])
        let endpoint = try given.endpoint()
        let objections = try TestLoop.run { loop in
            let client = FakeUpstreams([:])
            let engine = GatherEngine(Plan(upstreams: [upstream], endpoints: [endpoint]), client: client)
            let missing = await engine.objection(to: Input(), for: endpoint, on: loop)
            let there = await engine.objection(to: Input(query: [("q", "1")]), for: endpoint, on: loop)
            return ([missing, there], client.requests.count)
        }
        #expect(objections.0 == ["query.q is missing", nil])
        #expect(objections.1 == 0)
    }
}

extension Gathered {
    fileprivate var answer: String? {
        if case .answered(let answer) = verdict { text(answer) } else { nil }
    }
}
