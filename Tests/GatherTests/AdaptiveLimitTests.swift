import EventLoop
import EventLoopTesting
import Testing

@testable import Gather

@Suite struct AdaptiveLimitTests {
    private static func instant(_ milliseconds: Int) -> LoopInstant {
        LoopInstant(nanoseconds: Int64(milliseconds) * 1_000_000)
    }

    /// Ten seconds of an upstream that does 10 ms of work at a time in so many workers, always asked as much as the
    /// limit lets.
    private func run(_ learned: AdaptiveLimit.Learned, workers: Int, from start: Int, loops: Int = 1) {
        var samples = Array(repeating: AdaptiveLimit(learned), count: loops)
        var time = start
        while time < start + 10_000 {
            let inFlight = learned.limit
            // What is more than the workers can take waits for them.
            let latency = 10 * max(1, Double(inFlight) / Double(workers))
            for number in 0..<inFlight {
                samples[number % loops].record(
                    .microseconds(Int(latency * 1000)), inFlight: inFlight, at: Self.instant(time))
            }
            time += Int(latency)
        }
    }

    @Test("The limit falls when the upstream queues, and comes back, however many loops learn it", arguments: [1, 8])
    func learning(_ loops: Int) {
        let limit = AdaptiveLimit.Learned(most: 200)
        run(limit, workers: 200, from: 0, loops: loops)
        #expect(limit.limit > 150)
        run(limit, workers: 20, from: 10_000, loops: loops)
        #expect((15...70).contains(limit.limit), "\(limit.limit)")
        run(limit, workers: 200, from: 20_000, loops: loops)
        #expect(limit.limit > 150, "\(limit.limit)")
    }

    @Test func `the limit stays between one and the most`() {
        let limit = AdaptiveLimit.Learned(most: 8)
        #expect(limit.limit == 8)
        run(limit, workers: 100, from: 0)
        #expect(limit.limit == 8)
        var samples = AdaptiveLimit(limit)
        for time in 0..<1000 {
            samples.record(.milliseconds(time * time), inFlight: 8, at: Self.instant(10_000 + time * 20))
        }
        #expect(limit.limit >= 1 && limit.limit < 8)
    }

    @Test func `a limit that is not reached stays what it is`() {
        let limit = AdaptiveLimit.Learned(most: 200)
        let before = limit.limit
        var samples = AdaptiveLimit(limit)
        for time in 0..<2000 { samples.record(.milliseconds(10), inFlight: 2, at: Self.instant(time * 10)) }
        #expect(limit.limit == before)
    }

    @Test func `a bulkhead whose limit changes keeps to it`() throws {
        let ends = try TestLoop.run { loop in
            let bulkhead = Bulkhead(limit: 3, queueLimit: 10)
            var ends: [Int] = []
            for _ in 0..<3 { #expect(bulkhead.tryEnter()) }
            bulkhead.limit = 1
            bulkhead.leave()
            ends.append(bulkhead.inFlight)
            #expect(!bulkhead.tryEnter())
            await withDiscardingTaskGroup { group in
                for _ in 0..<2 {
                    group.addImmediateTask {
                        _ = await bulkhead.enter(until: loop.now.advanced(by: .seconds(1)), on: loop)
                    }
                }
                try? await loop.sleep(for: .zero)
                ends.append(bulkhead.queued)
                bulkhead.leave()
                ends += [bulkhead.inFlight, bulkhead.queued]
                bulkhead.limit = 3
                ends += [bulkhead.inFlight, bulkhead.queued]
            }
            return ends
        }
        #expect(ends == [2, 2, 1, 2, 3, 0])
    }

    @Test func `through the engine, what an upstream cannot take waits in the queue`() throws {
        var upstream = upstream
        (upstream.maxInFlight, upstream.maxQueued, upstream.adaptsLimit) = (100, 1000, true)
        upstream.queueTimeout = .milliseconds(100)
        let endpoint = try Given(["a": "/a"]).endpoint()
        let peak = try withEngine([upstream], [endpoint], ["a": .json("1", after: .milliseconds(100))]) {
            engine, client, loop in
            _ = try await load(endpoint, on: engine, every: .milliseconds(2), for: .seconds(1), on: loop)
            let first = client.peak[0] ?? 0
            _ = try await load(endpoint, on: engine, every: .milliseconds(1), for: .seconds(10), on: loop)
            return [first, client.peak[0] ?? 0]
        }
        // It begins low and grows to what the upstream takes without getting slower.
        #expect(peak[0] < 50 && peak[1] > 80, "\(peak)")
    }
}
