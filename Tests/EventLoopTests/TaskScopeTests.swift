import EventLoop
import EventLoopTesting
import Testing

struct TaskScopeTests {
    @Test func `a scope ends when its last task has`() throws {
        try TestLoop.run { loop in
            let value = try await loop.withTaskScope { scope in
                loop.spawn(in: scope) { try await loop.sleep(for: .seconds(3)) }
                #expect(scope.count == 2, "the body counts")
                return 5
            }
            #expect(value == 5)
            #expect(loop.seconds == 3)
        }
    }

    @Test func `a scope that cancels at its end waits for its tasks' cleanup`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            let value = try await loop.withTaskScope(atEnd: .cancel) { scope in
                loop.spawn(in: scope) { try await loop.sleepUntilCancelled("task", trace) }
                try await loop.sleep(for: .seconds(2))
                return 5
            }
            #expect(value == 5)
            #expect(trace.events == ["task cancelled"])
            #expect(loop.seconds == 2)
        }
    }

    @Test func `a task's error cancels its siblings and the body, and is thrown`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            let error = await failure {
                try await loop.withTaskScope { scope in
                    loop.spawn(in: scope) { try await loop.sleepUntilCancelled("sibling", trace) }
                    loop.spawn(in: scope) {
                        try await loop.sleep(for: .seconds(1))
                        throw Broken()
                    }
                    try await loop.sleepUntilCancelled("body", trace)
                }
            }
            #expect(error as? Broken == Broken())
            #expect(trace.events.sorted() == ["body cancelled", "sibling cancelled"])
            #expect(loop.seconds == 1)
        }
    }

    @Test func `of several errors the first is thrown and the handles have the others`() throws {
        try TestLoop.run { loop in
            let handles = Handles()
            let error = await failure {
                try await loop.withTaskScope { scope in
                    handles.tasks = [1, 2].map { n in
                        loop.spawn(in: scope) {
                            try? await loop.sleep(for: .seconds(n))
                            throw Broken(which: n)
                        }
                    }
                }
            }
            #expect(error as? Broken == Broken(which: 1))
            #expect(handles.tasks.map { $0.failure as? Broken } == [Broken(which: 1), Broken(which: 2)])
        }
    }

    @Test func `an error that is not awaited is the scope's`() throws {
        try TestLoop.run { loop in
            let error = await failure {
                try await loop.withTaskScope { scope in _ = loop.spawn(in: scope) { throw Broken() } }
            }
            #expect(error as? Broken == Broken())
        }
    }

    @Test func `an error of the body cancels the tasks and is thrown as it is`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            let error = await failure {
                try await loop.withTaskScope { scope in
                    loop.spawn(in: scope) { try await loop.sleepUntilCancelled("task", trace) }
                    try await loop.sleep(for: .seconds(1))
                    throw Broken()
                }
            }
            #expect(error as? Broken == Broken())
            #expect(trace.events == ["task cancelled"])
        }
    }

    @Test(arguments: [CancellationError(), StreamError.cancelled] as [any Error])
    func `a body that ends with CancellationError cancels the tasks`(cancellation: any Error) throws {
        try TestLoop.run { loop in
            let trace = Trace()
            let error = await failure {
                try await loop.withTaskScope { scope in
                    loop.spawn(in: scope) { try await loop.sleepUntilCancelled("task", trace) }
                    try await loop.sleep(for: .seconds(1))
                    throw cancellation
                }
            }
            #expect(error.map { type(of: $0) == type(of: cancellation) } == true)
            #expect(trace.events == ["task cancelled"])
        }
    }

    @Test func `a scope without a value that stops itself is no failure`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            try await loop.withTaskScope { scope in
                loop.spawn(in: scope) {
                    try await loop.sleep(for: .seconds(1))
                    scope.cancelAll()
                }
                try await loop.sleepUntilCancelled("body", trace)
            }
            #expect(trace.events == ["body cancelled"])
            #expect(loop.seconds == 1)
        }
    }

    @Test
    func `a scope that owes a value and stops itself, or one whose caller is cancelled, throws CancellationError`()
        throws
    {
        try TestLoop.run { loop in
            let error = await failure {
                try await loop.withTaskScope { scope -> Int in
                    scope.cancelAll()
                    try await loop.sleep(for: .seconds(1))
                    return 1
                }
            }
            #expect(error is CancellationError)
            try await loop.withTaskScope { outer in
                let caller = loop.spawn(in: outer) { () -> (any Error)? in
                    await failure {
                        try await loop.withTaskScope { scope in
                            scope.cancelAll()
                            try await loop.shielded { try await loop.sleep(for: .seconds(2)) }
                            try await loop.sleep(for: .seconds(1))
                        }
                    }
                }
                try await loop.sleep(for: .seconds(1))
                caller.cancel()
                #expect(try await caller.value is CancellationError)
            }
        }
    }

    @Test func `a task that is cancelled by its handle cancels no sibling`() throws {
        try TestLoop.run { loop in
            let sibling = try await loop.withTaskScope { scope in
                let victim = loop.spawn(in: scope) { try await loop.sleep(for: .seconds(10)) }
                let sibling = loop.spawn(in: scope) {
                    try await loop.sleep(for: .seconds(2))
                    return 5
                }
                try await loop.sleep(for: .seconds(1))
                victim.cancel()
                return sibling
            }
            #expect(try await sibling.value == 5)
        }
    }

    @Test func `cancelling the caller cancels the body and the tasks`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            try await loop.withTaskScope { outer in
                let caller = loop.spawn(in: outer) {
                    try await loop.withTaskScope { scope in
                        loop.spawn(in: scope) { try await loop.sleepUntilCancelled("task", trace) }
                        try await loop.sleepUntilCancelled("body", trace)
                    }
                }
                try await loop.sleep(for: .seconds(1))
                caller.cancel()
                #expect(await failure { try await caller.value } is CancellationError)
            }
            #expect(trace.events.sorted() == ["body cancelled", "task cancelled"])
            #expect(loop.seconds == 1)
        }
    }

    @Test func `an error during the cancellation from outside is thrown instead of it`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { outer in
                let caller = loop.spawn(in: outer) { () -> (any Error)? in
                    await failure {
                        try await loop.withTaskScope { scope in
                            loop.spawn(in: scope) {
                                do { try await loop.sleep(for: .seconds(9)) } catch { throw Broken() }
                            }
                        }
                    }
                }
                try await loop.sleep(for: .seconds(1))
                caller.cancel()
                #expect(try await caller.value as? Broken == Broken())
            }
        }
    }

    @Test func `a task that is made in a cancelled scope never begins`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            let error = await failure {
                try await loop.withTaskScope { scope in
                    loop.spawn(in: scope) { throw Broken() }
                    do {
                        try await loop.sleep(for: .seconds(1))
                    } catch {
                        let late = loop.spawn(in: scope) { trace.note("begun") }
                        #expect(await loop.gatherResults({ try await late.value }).isFailure)
                        throw error
                    }
                }
            }
            #expect(error as? Broken == Broken())
            #expect(trace.events.isEmpty)
        }
    }

    @Test func `a caller that is cancelled already begins nothing`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            try await loop.withTaskScope { outer in
                let caller = loop.spawn(in: outer) {
                    try? await loop.sleep(for: .seconds(9))
                    let scope = await failure { try await loop.withTaskScope { _ in trace.note("scope") } }
                    let gather = await failure { try await loop.gather({ trace.note("gather") }, {}) }
                    let map = await failure { try await loop.map([1], atMost: 1) { _ in trace.note("map") } }
                    let race = await failure { try await loop.race({ trace.note("race") }) }
                    let timeout = await failure { try await loop.withTimeout(.seconds(1)) { trace.note("timeout") } }
                    for error in [scope, gather, map, race, timeout] { #expect(error is CancellationError) }
                    try? await loop.shielded { trace.note("shielded") }
                }
                try await loop.sleep(for: .seconds(1))
                caller.cancel()
            }
            #expect(trace.events == ["shielded"])
            #expect(loop.seconds == 1)
        }
    }

    @Test func `a task may make further tasks in its scope`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            try await loop.withTaskScope { scope in
                loop.spawn(in: scope) {
                    try await loop.sleep(for: .seconds(1))
                    loop.spawn(in: scope) {
                        try await loop.sleep(for: .seconds(1))
                        trace.note("grandchild")
                    }
                }
            }
            #expect(trace.events == ["grandchild"])
            #expect(loop.seconds == 2)
        }
    }

    @Test func `making a task in a scope that has been left stops the program`() async {
        await #expect(processExitsWith: .failure) {
            try TestLoop.run { loop in
                let handles = Handles()
                try await loop.withTaskScope { handles.scope = $0 }
                if let scope = handles.scope { loop.spawn(in: scope) {} }
            }
        }
    }
}

private final class Handles {
    var tasks: [LoopTask<Void>] = []
    var scope: TaskScope?
}

extension Result {
    fileprivate var isFailure: Bool { if case .failure = self { true } else { false } }
}
