import EventLoop
import Testing

@testable import Gather

@Suite struct QuorumTests {
    /// Optional calls that leave nothing when they fail, as the configuration makes them with these policies.
    private func given(_ targets: KeyValuePairs<String, String>) throws -> Given {
        var given = try Given(targets)
        for name in given.scope.calls {
            given[name].isRequired = false
            given[name].fallback = .omit
        }
        return given
    }

    private func run(
        _ policy: Policy, _ given: Given, _ reactions: [String: Reaction], _ input: Input = Input(), seed: UInt64? = nil
    ) throws -> GatherResult {
        try gather(try given.endpoint { $0.policy = policy }, asked: input, reactions, seed: seed)
    }

    private func ok(_ body: String, _ milliseconds: Int) -> Reaction { .json(body, after: .milliseconds(milliseconds)) }
    private func bad(_ milliseconds: Int) -> Reaction { .status(500, after: .milliseconds(milliseconds)) }

    @Test func `the first success is the answer at that instant, and cancels the rest`() throws {
        let result = try run(
            .first, try given(["a": "/a", "b": "/b", "c": "/c", "d": "/d?x={a.x}"]),
            ["a": ok("1", 30), "b": ok("2", 10), "c": bad(5)])
        #expect(result.verdict == #"{"b":2}"#)
        #expect(result.outcomes == [.cancelled, .ok, .httpError, .cancelled])
        #expect(result.elapsed == .milliseconds(10))
        #expect(result.transfer("/a")?.end == .cancelled)
        #expect(result.transfer("/a")?.ended == .milliseconds(10))
        #expect(!result.gathered.isComplete)
        #expect((result.pendingWaits, result.pendingTimers) == (0, 0))
    }

    @Test func `first fails only when all have failed, with the worst of their failures`() throws {
        let result = try run(
            .first, try given(["a": "/a", "b": "/b", "c": "/c"]),
            ["a": bad(10), "b": .fails(.timeout(while: nil), after: .milliseconds(20)), "c": bad(30)])
        #expect(result.verdict == "failed: 1")
        #expect(result.elapsed == .milliseconds(30))
        #expect(result.outcomes == [.httpError, .timeout, .httpError])
    }

    @Test(
        "As many successes as the quorum decide, and it fails as soon as there cannot be as many",
        arguments: [
            (1, [10, 20, 30, 40], "{\"a\":0}", 10), (2, [10, 20, 30, 40], "{\"a\":0,\"b\":0}", 20),
            (4, [10, 20, 30, 40], "{\"a\":0,\"b\":0,\"c\":0,\"d\":0}", 40),
            (2, [-10, 20, -30, 40], "{\"b\":0,\"d\":0}", 40), (3, [-10, 20, -30, 40], "failed: 0", 30),
            (4, [10, 20, -15, 40], "failed: 2", 15), (2, [-40, -30, -20, 50], "failed: 0", 40),
        ])
    func quorums(_ quorum: Int, _ ends: [Int], _ verdict: String, _ elapsed: Int) throws {
        let reactions = zip(["a", "b", "c", "d"], ends).map { ($0, $1 > 0 ? ok("0", $1) : bad(-$1)) }
        let given = try given(["a": "/a", "b": "/b", "c": "/c", "d": "/d"])
        let result = try run(.quorum(quorum), given, Dictionary(uniqueKeysWithValues: reactions))
        #expect(result.verdict == verdict)
        #expect(result.elapsed == .milliseconds(elapsed))
        let ended = ends.count { abs($0) <= elapsed }
        #expect(result.outcomes.count { $0 == .cancelled } == 4 - ended)
        #expect(
            result.gathered.isComplete == (ended == 4 && !verdict.hasPrefix("failed") && ends.allSatisfy { $0 > 0 }))
    }

    @Test func `of successes at one instant no more are needed than the quorum, in whatever order`() throws {
        let names = (0..<6).map { "c\($0)" }
        var given = try Given(names.map { ($0, "/" + $0) })
        for name in names { given[name].isRequired = false }
        let reactions = Dictionary(uniqueKeysWithValues: names.map { ($0, ok("1", 5)) })
        for seed in UInt64(0)..<50 {
            let result = try run(.quorum(3), given, reactions, seed: seed)
            #expect(result.outcomes.count { $0 == .ok } >= 3)
            #expect(result.outcomes.allSatisfy { $0 == .ok || $0 == .cancelled })
            #expect(result.elapsed == .milliseconds(5))
        }
    }

    @Test func `a call that others refer to is a step on the way and does not count`() throws {
        let given = try given(["step": "/step", "a": "/a?x={step.x}", "b": "/b?x={step.x}"])
        let result = try run(
            .first, given, ["step": ok(#"{"x":1}"#, 5), "a": ok("1", 20), "b": ok("2", 10)])
        #expect(result.verdict == #"{"step":{"x":1},"b":2}"#)
        #expect(result.elapsed == .milliseconds(15))
        // Without the step none of them can succeed.
        let failed = try run(.first, given, ["step": bad(5)])
        #expect(failed.verdict == "failed: 0")
        #expect(failed.outcomes == [.httpError, .skipped, .skipped])
        #expect(failed.elapsed == .milliseconds(5))
    }

    @Test func `a required call has to succeed as well, and fails the gather if it fails`() throws {
        var given = try given(["must": "/must", "a": "/a", "b": "/b"])
        given["must"].isRequired = true
        let result = try run(.first, given, ["must": ok("0", 20), "a": ok("1", 10), "b": .hangs])
        #expect(result.verdict == #"{"must":0,"a":1}"#)
        #expect(result.elapsed == .milliseconds(20))
        let both = try run(.quorum(2), given, ["must": ok("0", 5), "a": ok("1", 10), "b": .hangs])
        #expect(both.elapsed == .milliseconds(10))
        let failed = try run(.first, given, ["must": bad(7), "a": ok("1", 5), "b": .hangs])
        #expect(failed.verdict == "failed: 0")
        #expect(failed.elapsed == .milliseconds(7))
        #expect(failed.outcomes == [.httpError, .ok, .cancelled])
    }

    @Test func `a call that is not wanted does not count, so that fewer suffice`() throws {
        var given = try given(["a": "/a", "b": "/b", "c": "/c"])
        for name in ["a", "b", "c"] { given[name].condition = try given.reference("{query.\(name)}") }
        let reactions = ["a": ok("1", 10), "b": ok("2", 20), "c": bad(5)]
        let one = try run(.quorum(2), given, reactions, Input(query: [("a", "1")]))
        #expect(one.verdict == #"{"a":1}"#)
        #expect(one.gathered.isComplete)
        let lost = try run(.quorum(2), given, reactions, Input(query: [("a", "1"), ("c", "1")]))
        #expect(lost.verdict == "failed: 2")
        #expect(lost.elapsed == .milliseconds(5))
        #expect(try run(.first, given, reactions).verdict == "{}")
    }

    @Test func `what failed leaves its fallback, and what was cancelled nothing`() throws {
        var given = try given(["a": "/a", "b": "/b", "c": "/c"])
        for name in ["a", "c"] { given[name].fallback = fallback("[]") }
        let result = try run(.first, given, ["a": bad(5), "b": ok("2", 10), "c": .hangs])
        #expect(result.verdict == #"{"a":[],"b":2}"#)
    }

    @Test func `what waits for a place when the gather is decided gives it up`() throws {
        var limited = upstream
        (limited.maxInFlight, limited.queueTimeout) = (1, .seconds(1))
        let endpoint = try given(["a": "/a", "b": "/b", "c": "/c"]).endpoint { $0.policy = .first }
        let result = try gather(endpoint, from: [limited], ["a": ok("1", 10)])
        #expect(result.verdict == #"{"a":1}"#)
        #expect(result.transfers.count <= 2)
        #expect(result.elapsed == .milliseconds(10))
        #expect((result.pendingWaits, result.pendingTimers) == (0, 0))
    }
}
