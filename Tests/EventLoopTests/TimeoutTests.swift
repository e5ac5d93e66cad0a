import EventLoop
import EventLoopTesting
import Testing

struct TimeoutTests {
    @Test func `an operation that ends in time has its way`() throws {
        try TestLoop.run { loop in
            let value = try await loop.withTimeout(.seconds(2)) {
                try await loop.sleep(for: .seconds(1))
                return 5
            }
            #expect(value == 5)
            #expect(loop.seconds == 1)
            let error = await failure { try await loop.withTimeout(.seconds(2)) { throw Broken() } }
            #expect(error as? Broken == Broken())
        }
    }

    @Test func `an operation that takes too long is cancelled, and timed out when it has cleaned up`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            let error = await failure {
                try await loop.withTimeout(.seconds(1)) {
                    do {
                        try await loop.sleep(for: .seconds(9))
                    } catch {
                        try await loop.shielded { try await loop.sleep(for: .seconds(3)) }
                        trace.note("clean")
                        throw error
                    }
                }
            }
            #expect(error as? TimedOut == TimedOut())
            #expect(trace.events == ["clean"])
            #expect(loop.seconds == 4)
        }
    }

    @Test func `an operation that returns a value although it was cancelled has its way`() throws {
        try TestLoop.run { loop in
            let value = try await loop.withTimeout(.seconds(1)) {
                try? await loop.sleep(for: .seconds(9))
                return "late"
            }
            #expect(value == "late")
            #expect(loop.seconds == 1)
        }
    }

    @Test func `an operation that throws an error of its own when it is cancelled has its way`() throws {
        try TestLoop.run { loop in
            let error = await failure {
                try await loop.withTimeout(.seconds(1)) {
                    do { try await loop.sleep(for: .seconds(9)) } catch { throw Broken() }
                }
            }
            #expect(error as? Broken == Broken())
        }
    }

    @Test func `a stream's wait that the deadline cancels is timed out, and one that fails before is not`() throws {
        try TestLoop.run { loop in
            let (near, far) = SimulatedStream.pair(seed: 1, on: loop)
            let late = await failure { try await loop.withTimeout(.seconds(1)) { try await near.read(on: loop) } }
            #expect(late as? TimedOut == TimedOut())
            let closed = await failure {
                try await loop.withTimeout(.seconds(1)) {
                    near.close()
                    return try await near.read(on: loop)
                }
            }
            #expect(closed as? StreamError == .closed)
            far.close()
        }
    }

    @Test func `a cancellation from outside is a stream's own error, not a timeout`() throws {
        try TestLoop.run { loop in
            let (near, far) = SimulatedStream.pair(seed: 1, on: loop)
            try await loop.withTaskScope { scope in
                let task = loop.spawn(in: scope) {
                    try await loop.withTimeout(.seconds(9)) { try await near.read(on: loop) }
                }
                try await loop.sleep(for: .seconds(1))
                task.cancel()
                #expect(await failure { try await task.value } as? StreamError == .cancelled)
            }
            far.close()
        }
    }

    @Test func `what has a deadline in the past is not begun`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            let past = await failure {
                try await loop.withDeadline(loop.now.advanced(by: .seconds(-1))) { trace.note("begun") }
            }
            let now = await failure { try await loop.withTimeout(.zero) { trace.note("begun") } }
            #expect(past as? TimedOut == TimedOut())
            #expect(now as? TimedOut == TimedOut())
            #expect(trace.events.isEmpty)
        }
    }

    @Test func `an inner timeout is the inner operation's error, and the outer goes on`() throws {
        try TestLoop.run { loop in
            let seconds = try await loop.withTimeout(.seconds(9)) {
                let inner = await failure {
                    try await loop.withTimeout(.seconds(1)) { try await loop.sleep(for: .seconds(5)) }
                }
                #expect(inner as? TimedOut == TimedOut())
                try await loop.sleep(for: .seconds(2))
                return loop.seconds
            }
            #expect(seconds == 3)
        }
    }

    @Test(arguments: [1, 9])
    func `an outer timeout reaches the inner operation as a cancellation, also with equal deadlines`(inner: Int) throws
    {
        try TestLoop.run { loop in
            let trace = Trace()
            let error = await failure {
                try await loop.withTimeout(.seconds(1)) {
                    do {
                        try await loop.withTimeout(.seconds(inner)) { try await loop.sleep(for: .seconds(20)) }
                    } catch {
                        trace.note("\(error is CancellationError)")
                        throw error
                    }
                }
            }
            #expect(error as? TimedOut == TimedOut())
            #expect(trace.events == ["true"])
            #expect(loop.seconds == 1)
        }
    }

    @Test func `a cancellation from outside is not a timeout`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                let task = loop.spawn(in: scope) {
                    try await loop.withTimeout(.seconds(9)) { try await loop.sleep(for: .seconds(20)) }
                }
                try await loop.sleep(for: .seconds(1))
                task.cancel()
                #expect(await failure { try await task.value } is CancellationError)
                #expect(loop.seconds == 1)
            }
        }
    }

    @Test func `an operation's own CancellationError before the deadline is not a timeout`() throws {
        try TestLoop.run { loop in
            let error = await failure { try await loop.withTimeout(.seconds(9)) { throw CancellationError() } }
            #expect(error is CancellationError)
            #expect(loop.seconds == 0)
        }
    }
}

struct ShieldTests {
    @Test func `a cancelled caller waits for what it has shielded, and is cancelled after it`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            try await loop.withTaskScope { scope in
                let task = loop.spawn(in: scope) {
                    let value = try await loop.shielded {
                        try await loop.sleep(for: .seconds(3))
                        return 7
                    }
                    trace.note("\(value) at \(loop.seconds)")
                    try await loop.sleepUntilCancelled("caller", trace)
                }
                try await loop.sleep(for: .seconds(1))
                task.cancel()
            }
            #expect(trace.events == ["7 at 3.0", "caller cancelled"])
            #expect(loop.seconds == 3)
        }
    }

    @Test func `an error under the shield is thrown`() throws {
        try TestLoop.run { loop in
            let error = await failure { try await loop.shielded { throw Broken() } }
            #expect(error as? Broken == Broken())
        }
    }

    @Test func `cleanup may have a timeout of its own under the shield`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                loop.spawn(in: scope) {
                    do {
                        try await loop.sleep(for: .seconds(100))
                    } catch {
                        try? await loop.shielded {
                            try await loop.withTimeout(.seconds(2)) {
                                try await loop.sleepUntilCancelled("goodbye", trace)
                            }
                        }
                        throw error
                    }
                }
                try await loop.sleep(for: .seconds(1))
            }
            #expect(trace.events == ["goodbye cancelled"])
            #expect(loop.seconds == 3)
        }
    }
}
