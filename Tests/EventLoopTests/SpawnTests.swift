import EventLoop
import EventLoopTesting
import Testing

struct SpawnTests {
    @Test func `a task begins after the code that made it has suspended`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            try await loop.withTaskScope { scope in
                for index in 0..<3 { loop.spawn(in: scope) { trace.note("\(index)") } }
                trace.note("made")
                await Task.yield()
                trace.note("after")
            }
            #expect(trace.events == ["made", "0", "1", "2", "after"])
        }
    }

    @Test func `a task has the name it was given`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                #expect(Task<Never, Never>.name == "main")
                let task = loop.spawn("fetch", in: scope) { Task<Never, Never>.name }
                #expect(task.name == "fetch")
                let seen = try await task.value
                #expect(seen == "fetch")
                #expect(loop.spawn(in: scope) {}.name == "task-1")
            }
        }
    }

    @Test func `a value can be awaited by several tasks, and again`() throws {
        try TestLoop.run { loop in
            let task = try await loop.withTaskScope { scope in
                let task = loop.spawn(in: scope) {
                    try await loop.sleep(for: .seconds(1))
                    return 7
                }
                let sums = try await loop.gather(1...3) { n in try await task.value + n }
                #expect(sums == [8, 9, 10])
                return task
            }
            #expect(try await task.value == 7)
            #expect(loop.seconds == 1)
        }
    }

    @Test func `a task that is cancelled before it begins never does`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            let error = try await loop.withTaskScope { scope in
                let task = loop.spawn(in: scope) { trace.note("begun") }
                task.cancel()
                return await failure { try await task.value }
            }
            #expect(error is CancellationError)
            #expect(trace.events.isEmpty)
        }
    }

    @Test func `cancelling a task ends what it waits for`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            try await loop.withTaskScope { scope in
                let task = loop.spawn(in: scope) { try await loop.sleepUntilCancelled("task", trace) }
                try await loop.sleep(for: .seconds(1))
                task.cancel()
                #expect(await task.end() == .signalled)
                #expect(task.succeeded == false)
                #expect(task.failure is CancellationError)
            }
            #expect(trace.events == ["task cancelled"])
            #expect(loop.seconds == 1)
        }
    }

    @Test func `a cancelled task that goes on is cancelled at every later wait`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            try await loop.withTaskScope { scope in
                let task = loop.spawn(in: scope) {
                    for index in 0..<3 {
                        do { try await loop.sleep(for: .seconds(10)) } catch {
                            trace.note("\(index) at \(loop.seconds)")
                        }
                    }
                }
                try await loop.sleep(for: .seconds(1))
                task.cancel()
                try await task.value
            }
            #expect(trace.events == ["0 at 1.0", "1 at 1.0", "2 at 1.0"])
        }
    }

    @Test func `cancelling the task that awaits a value leaves the awaited one alone`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                let awaited = loop.spawn(in: scope) { try await loop.sleep(for: .seconds(5)) }
                let waiter = loop.spawn(in: scope) { try await awaited.value }
                try await loop.sleep(for: .seconds(1))
                waiter.cancel()
                #expect(await failure { try await waiter.value } is CancellationError)
                #expect(loop.seconds == 1)
                #expect(!awaited.isDone)
                try await awaited.value
                #expect(loop.seconds == 5)
            }
        }
    }

    @Test func `cancelling a task that has ended changes nothing`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                let task = loop.spawn(in: scope) { 3 }
                let before = try await task.value
                task.cancel()
                let after = try await task.value
                #expect((before, after) == (3, 3))
                #expect(task.succeeded == true)
            }
        }
    }

    @Test func `waiting for a task's end may have a deadline`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                let task = loop.spawn(in: scope) { try await loop.sleep(for: .seconds(5)) }
                #expect(await task.end(until: loop.now.advanced(by: .seconds(2))) == .timedOut)
                #expect(!task.isDone)
                #expect(await task.end() == .signalled)
                #expect(loop.seconds == 5)
            }
        }
    }

    @Test func `a task keeps the task-local values of the one that made it`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                let task = Request.$id.withValue(7) { loop.spawn(in: scope) { Request.id } }
                let seen = try await task.value
                #expect(seen == 7)
            }
        }
    }
}

private enum Request {
    @TaskLocal static var id = 0
}
