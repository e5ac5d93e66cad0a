import EventLoop
import Synchronization
import Testing

/// Loops that take all that becomes runnable on their threads, as a service's do.
@Suite struct ConfinedLoopTests {
    /// Whether code that is isolated to nothing is on the loop's thread.
    @concurrent private func isOnLoop(_ executor: LoopExecutor) async -> Bool { executor.isOnLoop }

    private func run<Value: Sendable>(
        _ body: @escaping @Sendable (isolated EventLoop) async throws -> Value
    ) throws -> Value {
        let result = Mutex<Value?>(nil)
        try EventLoop.runGroup(count: 1, confined: true) { loop, _ in
            let value = try await body(loop)
            result.withLock { $0 = value }
        }
        return try #require(result.withLock { $0 })
    }

    @Test func `a child task begins in the step that makes it`() throws {
        let steps = try EventLoop.runVirtual(confined: true) { loop in
            var steps: [String] = []
            await withDiscardingTaskGroup { group in
                group.addImmediateTask {
                    steps.append("child")
                    try? await loop.sleep(for: .seconds(1))
                    steps.append("child wakes")
                }
                steps.append("parent")
            }
            return steps
        }
        #expect(steps == ["child", "parent", "child wakes"])
    }

    @Test func `a task of a scope begins after the code that made it has suspended`() throws {
        let steps = try EventLoop.runVirtual(confined: true) { loop in
            var steps: [String] = []
            try await loop.withTaskScope { scope in
                let task = loop.spawn(in: scope) { steps.append("task") }
                steps.append("maker")
                try await task.value
            }
            return steps
        }
        #expect(steps == ["maker", "task"])
    }

    @Test(.timeLimit(.minutes(1))) func `what becomes runnable as the loop ends runs all the same`() async throws {
        let task = try run { _ in Task.detached { 7 } }
        #expect(await task.value == 7)
    }

    @Test func `what is isolated to nothing stays on the loop`() throws {
        let places = try run { loop in
            let executor = loop.executor
            var places = [await isOnLoop(executor)]
            await Task.yield()
            places.append(executor.isOnLoop)
            places += await withTaskGroup(of: Bool.self) { group in
                group.addTask { await self.isOnLoop(executor) }
                group.addImmediateTask { await self.isOnLoop(executor) }
                return await group.reduce(into: []) { $0.append($1) }
            }
            places.append(await Task.detached { executor.isOnLoop }.value)
            return places
        }
        #expect(places == [true, true, true, true, true])
    }

    @Test func `a task comes back to the loop from another thread`() throws {
        let places = try run { loop in
            var places = [try await loop.runBlocking { !loop.executor.isOnLoop }]
            places.append(loop.executor.isOnLoop)
            return places
        }
        #expect(places == [true, true])
    }

    @Test(arguments: [nil, 1, 2, 3] as [UInt64?])
    func `waits, timeouts and cancellation are as on other loops`(_ seed: UInt64?) throws {
        let (values, taken, failure) = try EventLoop.runVirtual(seed: seed, confined: true) { loop in
            let start = loop.now
            let values = try await loop.gather([3, 1, 2]) { seconds in
                try await loop.sleep(for: .seconds(seconds))
                return seconds
            }
            let taken = start.duration(to: loop.now)
            var failure: (any Error)?
            do {
                try await loop.withTimeout(.seconds(1)) { try await loop.sleep(for: .seconds(2)) }
            } catch {
                failure = error
            }
            return (values, taken, "\(failure.map { "\($0)" } ?? "none")")
        }
        #expect(values == [3, 1, 2])
        #expect(taken == .seconds(3))
        #expect(failure == "\(TimedOut())")
    }

    @Test func `a deadlock is found`() throws {
        #expect(throws: Deadlock.self) {
            try EventLoop.runVirtual(confined: true) { loop in
                _ = await loop.reactor.suspend(loop.reactor.makeWait())
            }
        }
    }
}
