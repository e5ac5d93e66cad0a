import EventLoop
import EventLoopTesting
import Testing

struct DeadlockTests {
    @Test func `a deadlock is reported with the names of the tasks that wait`() {
        #expect(throws: Deadlock(waiting: ["main", "producer"])) {
            try TestLoop.run { loop in
                let (there, back) = (Event(on: loop), Event(on: loop))
                _ = try await loop.withTaskScope { scope in
                    loop.spawn("producer", in: scope) {
                        try await back.wait()
                        there.set()
                    }
                    try await there.wait()
                    back.set()
                }
            }
        }
    }

    @Test func `a deadlock names the tasks that wait outside the loop`() throws {
        let error = #expect(throws: Deadlock.self) {
            try TestLoop.run { loop in
                try await loop.withTaskScope { scope in
                    let event = Event(on: loop)
                    loop.spawn("sleeper", in: scope) {
                        try await Task.sleep(for: .seconds(60))
                        event.set()
                    }
                    loop.spawn("waiter", in: scope) { try await event.wait() }
                }
            }
        }
        #expect(error == Deadlock(waiting: ["waiter"], outside: ["sleeper"]))
        #expect(error?.description.contains("(Task.sleep in place of loop.sleep?): sleeper") == true)
    }

    @Test func `who waits for children of a task group is not taken for one that waits outside`() {
        #expect(throws: Deadlock(waiting: ["a task without a name"], outside: [])) {
            try TestLoop.run { loop in
                await withDiscardingTaskGroup { group in
                    group.addImmediateTask { try? await Event(on: loop).wait() }
                }
            }
        }
    }

    @Test func `what waits in a deadlock is cancelled and may clean up`() {
        nonisolated(unsafe) var cleanedUp: [String] = []
        #expect(throws: Deadlock.self) {
            try TestLoop.run { loop in
                do {
                    try await Event(on: loop).wait()
                } catch {
                    try await loop.shielded { try await loop.sleep(for: .seconds(5)) }
                    unsafe cleanedUp.append("\(loop.now.nanoseconds)")
                }
            }
        }
        #expect(unsafe cleanedUp == ["5000000000"])
    }

    @Test func `who waits for what was handed over is in no deadlock`() throws {
        try TestLoop.run { loop in
            let latch = Latch()
            loop.handOver { _ in latch.open() }
            #expect(await latch.wait(on: loop) == .signalled)
        }
    }

    @Test func `a deadlock that cancelling does not end wakes what is shielded, and no task is left behind`() {
        nonisolated(unsafe) var ended: [String] = []
        #expect(throws: Deadlock(waiting: ["main"])) {
            try TestLoop.run { loop in
                defer { unsafe ended.append("outer") }
                try await loop.shielded {
                    defer { unsafe ended.append("middle") }
                    try await loop.shielded {
                        defer { unsafe ended.append("inner") }
                        try await Event(on: loop).wait()
                    }
                }
            }
        }
        #expect(unsafe ended == ["inner", "middle", "outer"])
    }
}
