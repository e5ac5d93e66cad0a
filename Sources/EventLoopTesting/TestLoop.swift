import EventLoop

/// Loops for tests: each checks that the test left nothing of its own behind, and that it ends.
///
/// ```swift
/// @Test func `the second request waits for the first`() throws {
///     try TestLoop.run { loop in … }
/// }
/// ```
public enum TestLoop {
    /// Runs a test on virtual time: what waits for a timer waits no real time, and the same seed gives the same order
    /// of tasks.
    /// - Parameter seed: draws the order of runnable tasks; without one they run in the order in which they became so.
    /// - Throws: ``Leftover``; `Deadlock`, with the names of the tasks that wait; the error of `body`.
    public static func run<Value: Sendable>(
        seed: UInt64? = nil, _ body: @escaping @Sendable (isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try EventLoop.runVirtual(seed: seed) { loop in
            let value = try await body(loop)
            try Leftover.check(loop)
            return value
        }
    }

    /// Runs a test on the system's clock and descriptors; one that does not end is cancelled.
    /// - Throws: ``Leftover``; `TimedOut` when `limit` is over; the error of `body`.
    public static func runOnSystem<Value: Sendable>(
        limit: Duration = .seconds(60), _ body: @escaping @Sendable (isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try EventLoop.run { loop in
            let value = try await loop.withTimeout(limit) { try await body(loop) }
            try Leftover.check(loop)
            return value
        }
    }

    /// Runs a test on virtual time under many seeds, up to the first under which it throws an error.
    ///
    /// Swift Testing's `#require` throws; `#expect` does not, and what it reports has no seed.
    /// - Throws: ``SeedFailure``, with the seed to replay it by `run(seed:)`.
    public static func explore(
        seeds: some Sequence<UInt64>, _ body: @escaping @Sendable (isolated EventLoop) async throws -> Void
    ) throws(SeedFailure) {
        for seed in seeds {
            do {
                try run(seed: seed, body)
            } catch {
                throw SeedFailure(seed: seed, error: error)
            }
        }
    }
}

/// What a loop still held when its test was over.
public struct Leftover: Error, Equatable, Sendable, CustomStringConvertible {
    public let waits: Int
    public let timers: Int
    public let descriptors: Int

    public var description: String {
        "the test left \(waits) suspensions, \(timers) timers and \(descriptors) watched descriptors behind"
    }

    fileprivate static func check(_ loop: isolated EventLoop) throws(Leftover) {
        let leftover = Leftover(
            waits: loop.reactor.pendingWaits, timers: loop.reactor.pendingTimers,
            descriptors: loop.reactor.watchedDescriptors)
        guard leftover == Leftover(waits: 0, timers: 0, descriptors: 0) else { throw leftover }
    }
}

/// A test failed under a seed, which replays the failure.
public struct SeedFailure: Error, CustomStringConvertible {
    public let seed: UInt64
    public let error: any Error

    public var description: String { "seed \(seed): \(error)" }
}
