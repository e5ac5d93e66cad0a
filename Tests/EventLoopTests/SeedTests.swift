import EventLoop
import EventLoopTesting
import Synchronization
import Testing

/// Schedules that are drawn from a seed: all different, each repeatable, and good for finding an order that breaks a
/// program.
struct SeedTests {
    @Test func `a hundred seeds give a hundred schedules, each repeatable`() throws {
        let traces = try (0..<100).map(trace)
        #expect(Set(traces).count == 100)
        for seed in 0..<100 as Range<UInt64> { #expect(try trace(seed) == traces[Int(seed)]) }
    }

    @Test func `without a seed there is one schedule`() throws {
        #expect(try trace(nil) == trace(nil))
    }

    @Test func `exploring seeds finds a race between a check and its use, and the seed replays it`() throws {
        let log = Log()
        let failure = try #require(throws: SeedFailure.self) {
            try TestLoop.explore(seeds: 0..<100) { loop in
                log.begin()
                try await withdrawTwice(log, loop)
            }
        }
        let found = log.events
        #expect(failure.error as? Overdrawn == Overdrawn())
        #expect(failure.description == "seed \(failure.seed): Overdrawn()")
        log.begin()
        #expect(throws: Overdrawn()) { try TestLoop.run(seed: failure.seed) { try await withdrawTwice(log, $0) } }
        #expect(log.events == found)
    }

    @Test func `the planted race is one that the order of arrival does not show`() throws {
        try TestLoop.run { try await withdrawTwice(Log(), $0) }
    }

    @Test func `exploring seeds that all pass throws nothing`() throws {
        try TestLoop.explore(seeds: 0..<20) { loop in try await loop.sleep(for: .seconds(1)) }
    }

    /// What a program of tasks, timers, a channel, a semaphore and cancellations does, step by step.
    private func trace(_ seed: UInt64?) throws -> [String] {
        let log = Log()
        try TestLoop.run(seed: seed) { loop in
            let channel = Channel<Int>(capacity: 2, on: loop)
            let semaphore = Semaphore(permits: 2, on: loop)
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                for producer in 0..<4 {
                    loop.spawn(in: scope) {
                        for step in 0..<3 {
                            try await loop.sleep(for: .seconds(step % 2))
                            try await channel.send(producer * 10 + step)
                            log.note("sent \(producer) \(step)")
                        }
                    }
                }
                let workers = (0..<3).map { worker in
                    loop.spawn(in: scope) {
                        for try await element in channel {
                            try await semaphore.withPermit {
                                log.note("\(worker) takes \(element)")
                                try await loop.sleep(for: .seconds(1))
                            }
                        }
                    }
                }
                loop.spawn(in: scope) {
                    try await loop.sleep(for: .seconds(2))
                    workers[0].cancel()
                    log.note("cancelled")
                }
                try await loop.sleep(for: .seconds(20))
            }
            log.note("over at \(loop.now.nanoseconds)")
        }
        return log.events
    }

    private struct Overdrawn: Error, Equatable {}

    /// Two tasks that each look at the balance, wait, and draw what they saw; the bookkeeping before them makes the
    /// first one the faster.
    private func withdrawTwice(_ log: Log, _ loop: isolated EventLoop) async throws {
        let account = Account()
        try await loop.gather(["a", "b"]) { name in
            if name == "b" { for _ in 0..<3 { await Task.yield() } }
            guard account.balance >= 10 else { return log.note("\(name) refused") }
            log.note("\(name) sees \(account.balance)")
            await Task.yield()
            account.balance -= 10
            log.note("\(name) leaves \(account.balance)")
        }
        if account.balance < 0 { throw Overdrawn() }
    }

    private final class Account {
        var balance = 10
    }

    /// What runs on a loop leave for the test.
    private final class Log: Sendable {
        private let stored = Mutex<[String]>([])

        var events: [String] { stored.withLock { $0 } }
        func begin() { stored.withLock { $0 = [] } }
        func note(_ event: String) { stored.withLock { $0.append(event) } }
    }
}
