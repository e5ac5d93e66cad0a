import EventLoopTesting
import Synchronization
import Testing

@testable import EventLoop

/// Cancels a program at every point in time and every place in the order of jobs, under several orders, and looks for
/// what it leaves.
struct CancellationSweepTests {
    /// Each ends by itself within four seconds, and holds a ``Witness`` in what it suspends with.
    static let programs: [(name: String, body: Program)] = [
        (
            "sleep",
            { loop, witness in
                for seconds in 1...2 { try await loop.sleep(for: .seconds(seconds)) }
                witness.look()
            }
        ),
        (
            "scope",
            { loop, witness in
                try await loop.withTaskScope { scope in
                    for seconds in 1...3 {
                        loop.spawn(in: scope) {
                            try await loop.sleep(for: .seconds(seconds))
                            loop.spawn(in: scope) { try await loop.sleep(for: .seconds(1)) }
                            witness.look()
                        }
                    }
                    try await loop.sleep(for: .seconds(2))
                }
            }
        ),
        (
            "scope that cancels",
            { loop, witness in
                try await loop.withTaskScope(atEnd: .cancel) { scope in
                    let task = loop.spawn(in: scope) { try await loop.sleep(for: .seconds(2)) }
                    loop.spawn(in: scope) {
                        try await loop.sleep(for: .seconds(9))
                        witness.look()
                    }
                    try await task.value
                }
            }
        ),
        (
            "gather",
            { loop, witness in
                try await loop.gather([1, 2, 3]) { seconds in
                    try await loop.sleep(for: .seconds(seconds))
                    witness.look()
                }
            }
        ),
        (
            "gather with an error",
            { loop, witness in
                _ = await failure {
                    try await loop.gather([1, 2, 3]) { seconds in
                        try await loop.sleep(for: .seconds(seconds))
                        witness.look()
                        if seconds == 2 { throw Broken() }
                    }
                }
                try await loop.sleep(for: .seconds(1))
            }
        ),
        (
            "gather of results",
            { loop, witness in
                _ = await loop.gatherResults([1, 2, 3]) { seconds in
                    try await loop.sleep(for: .seconds(seconds))
                    witness.look()
                    if seconds == 2 { throw Broken() }
                }
                try await loop.sleep(for: .seconds(1))
            }
        ),
        (
            "map",
            { loop, witness in
                try await loop.map(1...5, atMost: 2) { _ in
                    try await loop.sleep(for: .seconds(1))
                    witness.look()
                }
            }
        ),
        (
            "wait",
            { loop, witness in
                try await loop.withTaskScope(atEnd: .cancel) { scope in
                    let tasks = [1, 2, 9].map { seconds in
                        loop.spawn(in: scope) {
                            try await loop.sleep(for: .seconds(seconds))
                            witness.look()
                        }
                    }
                    try await loop.wait(for: tasks, until: .firstCompleted)
                    try await loop.wait(for: tasks, until: .firstFailure, timeout: .seconds(1))
                    try await loop.wait(for: tasks, timeout: .seconds(1))
                }
            }
        ),
        (
            "as completed",
            { loop, witness in
                try await loop.withTaskScope(atEnd: .cancel) { scope in
                    let tasks = [3, 1, 2].map { seconds in
                        loop.spawn(in: scope) {
                            try await loop.sleep(for: .seconds(seconds))
                            witness.look()
                        }
                    }
                    var seen = 0
                    for try await _ in loop.asCompleted(tasks) {
                        seen += 1
                        if seen == 2 { break }
                    }
                }
            }
        ),
        (
            "race",
            { loop, witness in
                try await loop.race(
                    [3, 1, 2].map { seconds in
                        {
                            try await loop.sleep(for: .seconds(seconds))
                            witness.look()
                            if seconds == 1 { throw Broken() }
                        }
                    })
            }
        ),
        (
            "nested timeouts",
            { loop, witness in
                _ = await failure {
                    try await loop.withTimeout(.seconds(2)) {
                        _ = await failure {
                            try await loop.withTimeout(.seconds(1)) { try await loop.sleep(for: .seconds(5)) }
                        }
                        try await loop.sleep(for: .seconds(5))
                        witness.look()
                    }
                }
                try await loop.sleep(for: .seconds(1))
            }
        ),
        (
            "shield",
            { loop, witness in
                try await loop.shielded {
                    try await loop.sleep(for: .seconds(1))
                    witness.look()
                }
                try await loop.sleep(for: .seconds(1))
            }
        ),
        (
            "event",
            { loop, witness in
                let event = Event(on: loop)
                try await loop.gather(
                    {
                        try await event.wait()
                        witness.look()
                    },
                    {
                        try await loop.sleep(for: .seconds(1))
                        event.set()
                    })
            }
        ),
        (
            "semaphore",
            { loop, witness in
                let semaphore = Semaphore(permits: 2, on: loop)
                defer { witness.check(semaphore.available == 2, "a permit is lost") }
                try await loop.gather(1...5) { _ in
                    try await semaphore.withPermit {
                        try await loop.sleep(for: .seconds(1))
                        witness.look()
                    }
                }
            }
        ),
        (
            "channel",
            { loop, witness in
                let channel = Channel<Witness>(capacity: 1, on: loop)
                try await loop.gather(
                    {
                        for _ in 1...4 { try await channel.send(witness) }
                        channel.finish()
                    },
                    { for try await witness in channel { witness.look() } },
                    {
                        try await loop.sleep(for: .seconds(1))
                        _ = try await channel.receive()
                    })
            }
        ),
        (
            "latch",
            { loop, witness in
                let latch = Latch()
                try await loop.gather(
                    {
                        if await latch.wait(on: loop) == .cancelled { throw CancellationError() }
                        witness.look()
                    },
                    {
                        try await loop.sleep(for: .seconds(1))
                        latch.open()
                    })
            }
        ),
    ]

    /// As many as the program has jobs at any one time, so that it is cancelled between each two of them.
    private static let mostYields = 16

    #if DEBUG
        private static let seeds: [UInt64?] = [nil]
    #else
        private static let seeds: [UInt64?] = [nil, 1, 2, 3]
    #endif

    typealias Program = @Sendable (isolated EventLoop, Witness) async throws -> Void

    @Test(arguments: programs.indices)
    func `cancelled anywhere, a program ends as it should and leaves nothing`(index: Int) throws {
        let (name, program) = Self.programs[index]
        var endings: Set<String> = []
        for seed in Self.seeds {
            for halfSeconds in 0..<10 {
                for yields in 0...Self.mostYields {
                    endings.insert(try cancel(program, after: .milliseconds(halfSeconds * 500), yields, seed))
                }
            }
        }
        #expect(endings == ["cancelled", "done"], "\(name)")
    }

    /// Runs the program in a task that is cancelled after a time and so many other jobs.
    private func cancel(_ program: Program, after delay: Duration, _ yields: Int, _ seed: UInt64?) throws -> String {
        let alive = Alive()
        let ending = try withoutActuallyEscaping(program) { program in
            try TestLoop.run(seed: seed) { loop in
                let ending = try await loop.withTaskScope { scope in
                    let task = loop.spawn("program", in: scope) { try await program(loop, Witness(alive)) }
                    try await loop.sleep(for: delay)
                    for _ in 0..<yields { await Task.yield() }
                    if yields == Self.mostYields { #expect(loop.reactor.readyJobs == 0, "places are left out") }
                    let isLate = task.isDone
                    let cancelledAt = loop.now
                    task.cancel()
                    let error = await failure { try await task.value }
                    if !isLate, cancelledAt.duration(to: loop.now) > .seconds(1) { Issue.record("it went on for long") }
                    switch error {
                    case nil: return "done"
                    case is CancellationError: return "cancelled"
                    case let error?: return "\(error)"
                    }
                }
                #expect(loop.reactor.readyJobs == 0)
                return ending
            }
        }
        #expect(alive.count == 0, "objects that the program captured are kept")
        return ending
    }
}

/// An object that a program captures, so that a test sees whether all that captured it is gone.
final class Witness {
    private let alive: Alive

    init(_ alive: Alive) {
        self.alive = alive
        alive.change(by: 1)
    }

    deinit { alive.change(by: -1) }

    func look() {}

    func check(_ condition: Bool, _ message: Comment) { #expect(condition, message) }
}

/// How many witnesses there are.
final class Alive: Sendable {
    private let counted = Atomic<Int>(0)

    var count: Int { counted.load(ordering: .relaxed) }
    func change(by number: Int) { counted.add(number, ordering: .relaxed) }
}
