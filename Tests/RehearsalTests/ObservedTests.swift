import EventLoop
import GatherConfig
import Testing

@testable import Gather
@testable import Rehearsal

/// Models that are made of what was counted.
@Suite struct ObservedTests {
    /// Attempts as a model draws them, given up after a limit.
    private static func observed(_ model: UpstreamModel, givenUpAfter limit: Duration = .seconds(3600))
        -> ObservedAttempts
    {
        var generator = SplitMix64(seed: 3)
        var (answered, givenUp): ([Int], [Int]) = ([], [])
        for _ in 0..<20_000 {
            let latency = model.draw(using: &generator).latency
            if latency > limit {
                LatencyHistogram.record(limit.wholeNanoseconds, in: &givenUp)
            } else {
                LatencyHistogram.record(latency.wholeNanoseconds, in: &answered)
            }
        }
        var observed = ObservedAttempts(answered: LatencyHistogram(answered), givenUp: LatencyHistogram(givenUp))
        observed.ok = 20_000
        return observed
    }

    private static func simulated(_ model: UpstreamModel) throws -> SimulationResult {
        var given = try simulation(single, gathers: 20_000)
        given.models[.upstream(0)] = model
        return try given.run()
    }

    private static let tailed: UpstreamModel = {
        var model = UpstreamModel(latency: .logNormal(p50: .milliseconds(10), p99: .milliseconds(30)))
        model.slow = [UpstreamModel.Slow(share: 0.01, latency: .constant(.milliseconds(300)))]
        return model
    }()

    @Test func `a model of what another has drawn has its percentiles, to a tenth`() throws {
        let original = try Self.simulated(Self.tailed)
        let model = try #require(UpstreamModel(Self.observed(Self.tailed)))
        let again = try Self.simulated(model)
        for thousandths in [100, 500, 900, 980, 995] {
            let (one, other) = (original.percentile(thousandths), again.percentile(thousandths))
            #expect(other > one * 9 / 10 && other < one * 11 / 10, "\(thousandths): \(one) and \(other)")
        }
    }

    @Test func `attempts that were given up count as longer than they were waited for`() throws {
        let observed = Self.observed(Self.tailed, givenUpAfter: .milliseconds(100))
        #expect(abs(observed.beyond - 0.01) < 0.003)
        #expect(abs(observed.shares.reduce(0, +) + observed.beyond - 1) < 1e-9)
        var timed = observed
        (timed.ok, timed.timeouts) = (19_800, 200)
        let model = try #require(UpstreamModel(timed))
        #expect(
            model.faults.count == 1 && model.faults[0].kind == .hanging && abs(model.faults[0].share - 0.01) < 0.003)
    }

    @Test func `what is known only to be slow is as slow as the slowest of others`() {
        let fast = Self.observed(UpstreamModel(latency: .uniform(.milliseconds(8)...(.milliseconds(9)))))
        let mixed = fast.with(0.05, asSlowAs: Self.observed(Self.tailed))
        #expect(abs(mixed.shares.reduce(0, +) - 1) < 1e-9)
        let slow = zip(LatencyHistogram.bounds, mixed.shares).filter { $0.0 > .milliseconds(250) }.reduce(0) {
            $0 + $1.1
        }
        #expect(abs(slow - 0.01) < 0.003)
        let middle = zip(LatencyHistogram.bounds, mixed.shares).filter {
            $0.0 > .milliseconds(15) && $0.0 < .milliseconds(250)
        }
        #expect(abs(middle.reduce(0) { $0 + $1.1 } - 0.04) < 0.005)
    }

    @Test func `a model is told in the words in which it is read`() throws {
        var observed = Self.observed(Self.tailed)
        observed.statuses = [500: 200, 404: 100]
        (observed.unreachable, observed.badResponses) = (40, 20)
        let model = try #require(UpstreamModel(observed))
        let read = try simulation(single, "shop=\(model.text)").models[.upstream(0)]
        let again = try #require(read)
        #expect(again.faults.map(\.kind) == model.faults.map(\.kind) && again.slow.count == model.slow.count)
        // Times are told to the microsecond, and shares to the millionth.
        let words = [again, model].map { $0.text.split(separator: " ").map { $0.split(separator: ":").last } }
        #expect(words[0].prefix(again.slow.count + 1) == words[1].prefix(model.slow.count + 1))
        #expect(zip(again.slow, model.slow).allSatisfy { abs($0.share - $1.share) < 2e-6 })
        #expect(again.faults.map(\.share).reduce(0, +) < 0.02)
    }

    @Test func `of nothing there is no model`() {
        #expect(UpstreamModel(ObservedAttempts(answered: LatencyHistogram(), givenUp: LatencyHistogram())) == nil)
    }

    @Test func `a picture has a curve for each simulation, and names them`() throws {
        let one = try simulation(single, "shop=10ms").run()
        let other = try simulation(single, "shop=20ms").run()
        let svg = SimulationPicture.svg([("before", one), ("after", other)], title: "GET /x <&>")
        #expect(svg.hasPrefix("<svg") && svg.contains("GET /x &lt;&amp;&gt;"))
        #expect(svg.contains("before: p50 10.0ms, p99 10.0ms") && svg.contains("after: p50 20.0ms"))
        #expect(svg.ranges(of: "class=\"curve one\"").count == 2 && svg.ranges(of: "class=\"curve two\"").count == 2)
    }
}
