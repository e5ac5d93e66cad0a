import EventLoop
import EventLoopTesting
import Testing

struct WaitTests {
    @Test func `the first to end can be waited for, and the others go on`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                let tasks = [3, 1, 2].map { n in
                    loop.spawn("\(n)", in: scope) { try await loop.sleep(for: .seconds(n)) }
                }
                let (done, pending) = try await loop.wait(for: tasks, until: .firstCompleted)
                #expect(done.map(\.name) == ["1"])
                #expect(pending.map(\.name) == ["3", "2"])
                #expect(loop.seconds == 1)
                let (all, none) = try await loop.wait(for: tasks)
                #expect(all.map(\.name) == ["1", "2", "3"])
                #expect(none.isEmpty)
                #expect(loop.seconds == 3)
            }
        }
    }

    @Test func `the first failure can be waited for, and cancels nothing by that`() throws {
        try TestLoop.run { loop in
            let results = await loop.gatherResults({
                try await loop.withTaskScope { scope in
                    let tasks = [3, 1, 2].map { n in
                        loop.spawn("\(n)", in: scope) {
                            try await loop.sleep(for: .seconds(n))
                            if n == 2 { throw Broken() }
                        }
                    }
                    let (done, pending) = try await loop.wait(for: tasks, until: .firstFailure)
                    #expect(done.map(\.name) == ["1", "2"])
                    #expect(pending.map(\.name) == ["3"])
                    #expect(loop.seconds == 2)
                }
            })
            #expect(throws: Broken()) { try results.get() }
        }
    }

    @Test func `a cancelled task is not a first failure`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                let victim = loop.spawn(in: scope) { try await loop.sleep(for: .seconds(9)) }
                let other = loop.spawn(in: scope) { try await loop.sleep(for: .seconds(2)) }
                victim.cancel()
                let (done, _) = try await loop.wait(for: [victim, other], until: .firstFailure)
                #expect(done.count == 2)
                #expect(loop.seconds == 2)
            }
        }
    }

    @Test func `a task that is cancelled while it reads a stream is no failure`() throws {
        try TestLoop.run { loop in
            let (near, far) = SimulatedStream.pair(seed: 1, on: loop)
            try await loop.withTaskScope { scope in
                let victim = loop.spawn(in: scope) { _ = try await near.read(on: loop) }
                let other = loop.spawn(in: scope) { try await loop.sleep(for: .seconds(2)) }
                try await loop.sleep(for: .seconds(1))
                victim.cancel()
                let (done, _) = try await loop.wait(for: [victim, other], until: .firstFailure)
                #expect(done.count == 2)
                #expect(victim.failure as? StreamError == .cancelled)
                #expect(!scope.isCancelled)
                #expect(loop.seconds == 2)
            }
            far.close()
        }
    }

    @Test func `a wait that times out throws nothing and cancels nothing`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                let tasks = [1, 5].map { n in
                    loop.spawn("\(n)", in: scope) { try await loop.sleep(for: .seconds(n)) }
                }
                let (done, pending) = try await loop.wait(for: tasks, timeout: .seconds(2))
                #expect(done.map(\.name) == ["1"])
                #expect(pending.map(\.name) == ["5"])
                #expect(loop.seconds == 2)
            }
            #expect(loop.seconds == 5)
        }
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `a task that ends at the moment of the timeout is done or pending, not lost`(seed: UInt64) throws {
        try TestLoop.run(seed: seed) { loop in
            try await loop.withTaskScope { scope in
                let tasks = (0..<4).map { _ in loop.spawn(in: scope) { try await loop.sleep(for: .seconds(1)) } }
                let (done, pending) = try await loop.wait(for: tasks, timeout: .seconds(1))
                #expect(done.count + pending.count == tasks.count)
            }
        }
    }

    @Test func `waiting for nothing is over at once`() throws {
        try TestLoop.run { loop in
            let (done, pending) = try await loop.wait(for: [LoopTask<Void>]())
            #expect(done.isEmpty && pending.isEmpty)
        }
    }

    @Test func `cancelling a wait leaves the tasks alone`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                let task = loop.spawn(in: scope) { try await loop.sleep(for: .seconds(5)) }
                let waiter = loop.spawn(in: scope) { _ = try await loop.wait(for: [task]) }
                try await loop.sleep(for: .seconds(1))
                waiter.cancel()
                #expect(await failure { try await waiter.value } is CancellationError)
                #expect(!task.isDone)
                #expect(loop.seconds == 1)
            }
            #expect(loop.seconds == 5)
        }
    }

    @Test func `tasks of different results can be waited for together`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                let number = loop.spawn("number", in: scope) { 1 }
                let word = loop.spawn("word", in: scope) { "one" }
                let (done, _) = try await loop.wait(for: [number, word] as [AnyLoopTask])
                #expect(done.map(\.name) == ["number", "word"])
            }
        }
    }
}

struct RaceTests {
    @Test func `the first success wins, and the others are cancelled`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            let winner = try await loop.race(
                { () -> Int in throw Broken() },
                {
                    try await loop.sleep(for: .seconds(2))
                    return 2
                },
                {
                    try await loop.sleepUntilCancelled("slow", trace)
                    return 9
                })
            #expect(winner == 2)
            #expect(trace.events == ["slow cancelled"])
            #expect(loop.seconds == 2)
        }
    }

    @Test func `a race without a winner throws the first error in time`() throws {
        try TestLoop.run { loop in
            let error = await failure {
                try await loop.race(
                    [3, 1, 2].map { n in
                        {
                            try await loop.sleep(for: .seconds(n))
                            throw Broken(which: n)
                        }
                    })
            }
            #expect(error as? Broken == Broken(which: 1))
            #expect(loop.seconds == 3)
        }
    }

    @Test func `cancelling a race cancels all who run`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            try await loop.withTaskScope { scope in
                let race = loop.spawn(in: scope) {
                    try await loop.race(
                        { try await loop.sleepUntilCancelled("a", trace) },
                        { try await loop.sleepUntilCancelled("b", trace) })
                }
                try await loop.sleep(for: .seconds(1))
                race.cancel()
                #expect(await failure { try await race.value } is CancellationError)
            }
            #expect(trace.events == ["a cancelled", "b cancelled"])
        }
    }
}

struct AsCompletedTests {
    @Test func `tasks come in the order in which they end, as they do`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                let tasks = [3, 1, 2, 0].map { n in
                    loop.spawn(in: scope) {
                        if n > 0 { try await loop.sleep(for: .seconds(n)) }
                        return n
                    }
                }
                var seen: [Int] = []
                for try await task in loop.asCompleted(tasks) {
                    seen.append(try await task.value)
                    #expect(loop.seconds == Double(seen.count - 1))
                }
                #expect(seen == [0, 1, 2, 3])
            }
        }
    }

    @Test func `a timeout around the iteration ends it and leaves the tasks alone`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                let tasks = [1, 9].map { n in loop.spawn(in: scope) { try await loop.sleep(for: .seconds(n)) } }
                let error = await failure {
                    try await loop.withTimeout(.seconds(2)) { for try await _ in loop.asCompleted(tasks) {} }
                }
                #expect(error as? TimedOut == TimedOut())
                #expect(loop.seconds == 2)
                #expect(tasks.map(\.isDone) == [true, false])
            }
            #expect(loop.seconds == 9)
        }
    }

    @Test func `an iteration that is left can be taken up where it was`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                let tasks = (1...3).map { n in
                    loop.spawn(in: scope) {
                        try await loop.sleep(for: .seconds(n))
                        return n
                    }
                }
                let completed = loop.asCompleted(tasks)
                for try await task in completed {
                    #expect(try await task.value == 1)
                    break
                }
                try await loop.sleep(for: .seconds(5))
                var rest: [Int] = []
                for try await task in completed { rest.append(try await task.value) }
                #expect(rest == [2, 3])
            }
        }
    }
}
