import EventLoopTesting
import Testing

@testable import EventLoop

/// That what a task captures goes with it, and a loop with its run.
struct LifetimeTests {
    @Test func `a loop is gone when its run is over`() throws {
        weak let executor = try TestLoop.run { loop in
            try await loop.gather([1, 2]) { try await loop.sleep(for: .seconds($0)) }
            return loop.executor
        }
        #expect(executor == nil)
        weak let system = try EventLoop.run { $0.executor }
        #expect(system == nil)
    }

    @Test func `a task's captures go when it ends, though its handle and its scope are kept`() throws {
        let alive = Alive()
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                let witness = Kept(Witness(alive))
                let task = loop.spawn(in: scope) { [witness = witness.take()] in
                    try await loop.sleep(for: .seconds(1))
                    witness?.look()
                }
                #expect(alive.count == 1)
                try await task.value
                try await loop.sleep(for: .zero)
                #expect(alive.count == 0)
                #expect(task.isDone)
            }
        }
    }

    @Test func `scopes and handles are freed when the last reference goes`() throws {
        try TestLoop.run { loop in
            let weak = WeakReferences()
            try await loop.withTaskScope { scope in
                let task = loop.spawn(in: scope) { try await loop.sleep(for: .seconds(1)) }
                weak.scope = scope
                weak.task = task
            }
            try await loop.sleep(for: .zero)
            #expect(weak.scope == nil)
            #expect(weak.task == nil)
        }
    }

    @Test func `a result goes with the last handle`() throws {
        let alive = Alive()
        try TestLoop.run { loop in
            let results = try await loop.gather([1, 2, 3]) { seconds in
                try await loop.sleep(for: .seconds(seconds))
                return Witness(alive)
            }
            #expect(alive.count == 3)
            #expect(results.count == 3)
        }
        #expect(alive.count == 0)
    }

    @Test func `an iteration as completed that is left keeps nothing, though its tasks run on`() throws {
        try TestLoop.run { loop in
            let weak = WeakReferences()
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                let tasks = (1...3).map { n in loop.spawn(in: scope) { try await loop.sleep(for: .seconds(n)) } }
                try await firstOfAll(tasks, weak, loop)
                #expect(weak.completed == nil)
                #expect(tasks.map(\.isDone) == [true, false, false])
            }
        }
    }

    private func firstOfAll(
        _ tasks: [LoopTask<Void>], _ weak: WeakReferences, _ loop: isolated EventLoop
    ) async throws {
        let completed = loop.asCompleted(tasks)
        weak.completed = completed
        for try await _ in completed { break }
    }

    @Test func `elements that are never received go with their channel`() throws {
        let alive = Alive()
        try TestLoop.run { loop in
            let channel = Channel<Witness>(capacity: 1, on: loop)
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                for _ in 0..<3 { loop.spawn(in: scope) { try await channel.send(Witness(alive)) } }
                try await loop.sleep(for: .seconds(1))
                #expect(alive.count == 3)
            }
        }
        #expect(alive.count == 0)
    }

    private final class WeakReferences {
        weak var scope: TaskScope?
        weak var task: LoopTask<Void>?
        weak var completed: CompletedTasks<LoopTask<Void>>?
    }

    /// Holds an object until it is taken out.
    private final class Kept {
        private var object: Witness?
        init(_ object: Witness) { self.object = object }
        func take() -> Witness? { object.take() }
    }
}
