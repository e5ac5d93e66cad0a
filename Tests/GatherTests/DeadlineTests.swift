import EventLoop
import HTTPTypes
import Testing

@testable import Gather

@Suite struct DeadlineTests {
    private static let name: HTTPField.Name = {
        guard let name = HTTPField.Name("X-Request-Timeout-Ms") else { preconditionFailure("a name") }
        return name
    }()

    private func told(_ result: GatherResult) -> [String?] {
        // Several lines would be joined by commas.
        result.requests.map { $0.fields[Self.name] }
    }

    @Test func `an upstream that wants to know is told what is left for each attempt`() throws {
        var upstream = upstream
        (upstream.deadlineHeader, upstream.timeout) = (Self.name, .milliseconds(300))
        var retry = RetryPolicy()
        retry.backoff = .zero
        upstream.retry = retry
        let endpoint = try Given(["a": "/a", "b": "/b?x={a}"]).endpoint { $0.deadline = .milliseconds(500) }
        let result = try gather(
            endpoint, from: [upstream],
            [
                "a": .json("1", after: .milliseconds(250)),
                "b": .inTurn([.status(503, after: .milliseconds(100)), .hangs]),
            ])
        #expect(told(result) == ["300", "250", "150"])
    }

    @Test func `it is told at least a millisecond, and by gatherd only`() throws {
        var given = try Given(["a": "/a"])
        given["a"].forwardHeaders = [Self.name]
        given["a"].timeout = .microseconds(1500)
        let input = Input(headers: [Self.name: "99999"])
        #expect(told(try gather(try given.endpoint(), asked: input, [:])) == ["99999"])
        var upstream = upstream
        upstream.deadlineHeader = Self.name
        #expect(told(try gather(try given.endpoint(), asked: input, from: [upstream], [:])) == ["1"])
        given["a"].timeout = .microseconds(1)
        #expect(told(try gather(try given.endpoint(), asked: input, from: [upstream], [:])) == ["1"])
        upstream.coalesces = true
        #expect(told(try gather(try given.endpoint(), asked: input, from: [upstream], [:])) == ["1"])
    }

    @Test func `a limit shortens the deadline and never lengthens it`() throws {
        let endpoint = try Given(["a": "/a"]).endpoint { $0.deadline = .milliseconds(100) }
        for (limit, end) in [(30, 30), (100, 100), (5000, 100)] {
            let elapsed = try withEngine([upstream], [endpoint], ["a": .hangs]) { engine, _, loop in
                let gathered = await engine.gather(endpoint, Input(), within: .milliseconds(limit), on: loop)
                #expect(gathered.reports[0].outcome == .timeout)
                let over = limit < 100 ? "the client waits" : "what was left of the deadline of 100 ms"
                #expect(gathered.reports[0].detail == "127.0.0.1:9100 took longer than \(over)")
                return loop.now
            }
            #expect(elapsed == LoopInstant(nanoseconds: Int64(end) * 1_000_000))
        }
    }

    @Test(
        "An optional call that could no longer end is skipped",
        arguments: [(60, false, Outcome.skipped), (40, false, .ok), (60, true, .timeout)])
    func tooLate(_ first: Int, _ isRequired: Bool, _ outcome: Outcome) throws {
        var upstream = upstream
        upstream.hedge = HedgePolicy(.extraLoad(0.01))
        var given = try Given(["a": "/a", "b": "/b?x={a}"])
        given["a"].upstream = 1
        given["b"].isRequired = isRequired
        let endpoint = try given.endpoint { $0.deadline = .milliseconds(100) }
        let learning = try Given(["b": "/b"]).endpoint()
        let reactions = [
            "a": Reaction.json("1", after: .milliseconds(first)), "b": .json("1", after: .milliseconds(50)),
        ]
        let result = try withEngine([upstream, upstream], [endpoint, learning], reactions) { engine, client, loop in
            // Nothing is known at first.
            let early = try await gather(endpoint, Input(), engine, client, on: loop)
            #expect(early.outcomes[1] == (first == 60 ? .timeout : .ok))
            for _ in 0..<100 { _ = await engine.gather(learning, Input(), on: loop) }
            return try await gather(endpoint, Input(), engine, client, on: loop)
        }
        #expect(result.outcomes == [.ok, outcome])
        if outcome == .skipped {
            #expect(result.elapsed == .milliseconds(60))
            #expect(result.gathered.reports[1].detail?.hasPrefix("too late") == true)
        }
    }
}
