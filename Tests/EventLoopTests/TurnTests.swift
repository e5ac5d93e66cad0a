import EventLoopTesting
import Glibc
import LoopTestSupport
import Synchronization
import Testing

@testable import EventLoop

struct ShareTests {
    @Test func `a turn has room for so much bulk work, and the next turn for as much again`() throws {
        let taken = try TestLoop.run { loop in
            var taken: [[Bool]] = []
            for _ in 0..<2 {
                taken.append([40, 60, 1, 0].map { loop.reactor.takeShare($0, of: 100) })
                try await loop.sleep(for: .milliseconds(1))
            }
            return taken
        }
        #expect(taken == Array(repeating: [true, true, false, true], count: 2))
    }
}

struct SleepTests {
    @Test func `a sleep of zero, or of less, lets the others run`() throws {
        try TestLoop.run { loop in
            for duration in [Duration.zero, .seconds(-1)] {
                let trace = Trace()
                try await loop.gather(
                    {
                        trace.note("a1")
                        try await loop.sleep(for: duration)
                        trace.note("a2")
                    }, { trace.note("b") })
                #expect(trace.events == ["a1", "b", "a2"])
                #expect(loop.seconds == 0)
            }
        }
    }

    @Test func `no virtual time passes before what was handed over has been done`() throws {
        try TestLoop.run { loop in
            let times = Mutex<[LoopInstant]>([])
            loop.handOver { loop in times.withLock { $0.append(loop.now) } }
            let begin = loop.now
            try await loop.sleep(for: .seconds(1))
            #expect(times.withLock { $0 } == [begin])
        }
    }

    @Test(arguments: [Int64.min, Int64.min + 1, Int64(-1)])
    func `a sleep until long ago ends at once`(instant: Int64) throws {
        try TestLoop.runOnSystem { loop in try await loop.sleep(until: LoopInstant(nanoseconds: instant)) }
    }

    @Test func `what is between two instants has its sign, however far they are apart`() {
        let (first, last) = (LoopInstant(nanoseconds: .min), LoopInstant(nanoseconds: .max))
        #expect(first.duration(to: last) == .nanoseconds(Int64.max))
        #expect(last.duration(to: first) == .nanoseconds(Int64.min))
        #expect(LoopInstant(nanoseconds: 5).duration(to: LoopInstant(nanoseconds: -2)) == .nanoseconds(-7))
    }

    @Test func `what lasts a while lasts it from its call on, even if the loop was held before`() throws {
        try TestLoop.runOnSystem { loop in
            let shortest = Duration.milliseconds(5)
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                let endless = loop.spawn(in: scope) { try await loop.sleep(for: .seconds(100)) }
                let waits: [() async throws -> Void] = [
                    { try await loop.sleep(for: shortest) },
                    { try await loop.wait(for: [endless], timeout: shortest) },
                    { try await loop.withTimeout(shortest) { try await endless.value } },
                ]
                for wait in waits {
                    try await loop.sleep(for: .zero)
                    while loop.now.duration(to: loop.time) < shortest * 2 {}
                    let start = loop.time
                    try? await wait()
                    #expect(start.duration(to: loop.time) >= shortest)
                }
            }
        }
    }

    @Test func `sleeps with equal deadlines end in the order in which they began`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            let deadline = loop.now.advanced(by: .seconds(1))
            try await loop.gather(0..<20) { index in
                try await loop.sleep(until: deadline)
                trace.note("\(index)")
            }
            #expect(trace.events == (0..<20).map { "\($0)" })
        }
    }

    @Test func `cancelled sleeps leave no timer behind`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope { scope in
                let sleepers = (0..<50).map { _ in loop.spawn(in: scope) { try await loop.sleep(for: .seconds(9)) } }
                try await loop.sleep(for: .seconds(1))
                #expect(loop.reactor.pendingTimers == 50)
                for sleeper in sleepers { sleeper.cancel() }
                try await loop.wait(for: sleepers)
                #expect(loop.reactor.pendingTimers == 0)
            }
        }
    }

    @Test func `a day of ten thousand sleeps passes in its order`() throws {
        try TestLoop.run { loop in
            let ended = EndTimes()
            try await loop.withTaskScope { scope in
                var generator = SplitMix64(seed: 1)
                for _ in 0..<10_000 {
                    let due = LoopInstant(nanoseconds: .random(in: 0..<86_400_000_000_000, using: &generator))
                    loop.spawn(in: scope) {
                        try await loop.sleep(until: due)
                        #expect(loop.now == due)
                        ended.note(loop.now)
                    }
                }
            }
            #expect(ended.count == 10_000)
            #expect(ended.areInOrder)
        }
    }

    private final class EndTimes {
        private var latest = LoopInstant(nanoseconds: 0)
        private(set) var count = 0
        private(set) var areInOrder = true

        func note(_ instant: LoopInstant) {
            areInOrder = areInOrder && latest <= instant
            latest = instant
            count += 1
        }
    }
}

struct TurnTests {
    private final class Ticker: TimerHandler {
        let reactor: Reactor
        let delay: Duration
        var left: Int
        var onTick: () -> Void = {}

        init(_ times: Int, every delay: Duration, on reactor: Reactor) {
            (self.reactor, self.delay, left) = (reactor, delay, times)
            next()
        }

        func timerFired(_ timer: TimerID) {
            onTick()
            next()
        }

        private func next() {
            guard left > 0 else { return }
            left -= 1
            _ = reactor.schedule(at: reactor.now.advanced(by: delay), self)
        }
    }

    @Test func `runnable tasks take turns in the order of their arrival`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            try await loop.gather(["a", "b", "c"]) { name in
                for step in 1...2 {
                    trace.note("\(name)\(step)")
                    await Task.yield()
                }
            }
            #expect(trace.events == ["a1", "b1", "c1", "a2", "b2", "c2"])
        }
    }

    @Test(arguments: [Duration.zero, .seconds(-5)])
    func `a timer's handler that schedules itself for now lets tasks and other timers in`(delay: Duration) throws {
        try TestLoop.run { loop in
            let trace = Trace()
            let ticker = Ticker(4, every: delay, on: loop.reactor)
            ticker.onTick = { trace.note("tick") }
            try await loop.gather({
                for _ in 0..<2 {
                    try await loop.sleep(for: .zero)
                    trace.note("task")
                }
            })
            try await loop.sleep(for: .seconds(1))
            #expect(trace.events.count == 6)
            #expect(trace.events.firstIndex(of: "task").map { $0 <= 2 } == true)
            #expect(trace.events.lastIndex(of: "task").map { $0 <= 4 } == true)
        }
    }

    @Test func `a timer may be cancelled, and its handler is not called`() throws {
        try TestLoop.run { loop in
            let ticker = Ticker(0, every: .zero, on: loop.reactor)
            let trace = Trace()
            ticker.onTick = { trace.note("tick") }
            let timer = loop.reactor.schedule(at: loop.now.advanced(by: .seconds(1)), ticker)
            loop.reactor.cancel(timer)
            loop.reactor.cancel(timer)
            try await loop.sleep(for: .seconds(2))
            #expect(trace.events.isEmpty)
        }
    }

    @Test func `timers beyond a hundred thousand stay in order while every other is cancelled`() {
        var generator = SplitMix64(seed: 3)
        var timers = Timers()
        var names: [TimerID] = []
        for _ in 0..<100_000 {
            let due = LoopInstant(nanoseconds: .random(in: 0..<1_000_000, using: &generator))
            names.append(timers.schedule(at: due, .wake(.none)))
        }
        for name in names.indices where name % 2 == 0 { timers.cancel(names[name]) }
        #expect(timers.count == 50_000)
        var latest = LoopInstant(nanoseconds: 0)
        var fired = 0
        while let due = timers.next, timers.popDue(at: due) != nil {
            #expect(latest <= due)
            latest = due
            fired += 1
        }
        #expect(fired == 50_000)
    }

    @Test(.blocking)
    func `what has arrived while the loop was held comes before what is due, with all that follows from it`()
        throws
    {
        let ends = try TestLoop.runOnSystem { loop in
            let listener = try StreamListener(SocketAddress("127.0.0.1:0"), on: loop)
            let client = try await SocketStream.connect(to: listener.address, on: loop)
            let server = try await listener.accept(on: loop)
            let arrived = Event(on: loop)
            return try await loop.gather(
                {
                    let bytes = try await loop.withTimeout(.seconds(1)) { try await server.read(on: loop) }
                    arrived.set()
                    return bytes.count
                },
                {
                    try await loop.withTimeout(.seconds(1)) { try await arrived.wait() }
                    return 1
                },
                {
                    await loop.settle()
                    try await client.write("x", on: loop)
                    holdLoop(for: .milliseconds(1050))
                    return 1
                })
        }
        #expect(ends == (1, 1, 1))
    }

    /// Notes what happens to the reading end of a pipe of its own.
    private final class Reader: ReadinessHandler, PollHandler {
        let (reading, writing): (CInt, CInt)
        let wait: WaitID
        private let reactor: Reactor
        private let trace: Trace

        init(_ trace: Trace, on loop: isolated EventLoop) throws {
            var ends: [CInt] = [-1, -1]
            guard unsafe pipe(&ends) == 0 else { throw SystemError("pipe") }
            (reading, writing) = (ends[0], ends[1])
            (reactor, self.trace) = (loop.reactor, trace)
            wait = reactor.makeWait()
            try reactor.watch(reading, .readable, .edge, self)
        }

        deinit {
            close(reading)
            close(writing)
        }

        func write() { _ = unsafe Glibc.write(writing, "x", 1) }

        func descriptorReady(_: CInt, _ events: IOEvents) {
            trace.note("report")
            reactor.wake(wait)
        }

        func polled() { trace.note(reactor.hasNews(reading) ? "news" : "none") }
    }

    @Test func `what has come on a descriptor is known after a poll, before it is reported`() throws {
        try TestLoop.runOnSystem { loop in
            let trace = Trace()
            let reader = try Reader(trace, on: loop)
            defer { loop.reactor.forget(reader.reading) }
            loop.reactor.callAfterPoll(reader)
            await loop.settle()
            reader.write()
            for _ in 0..<2 {
                loop.reactor.callAfterPoll(reader)
                await loop.settle()
            }
            #expect(trace.events == ["none", "news", "report", "none"])
            loop.reactor.abandon(reader.wait)
        }
    }

    @Test func `what some reports have led to is done before the others are passed on`() throws {
        try TestLoop.runOnSystem { loop in
            let trace = Trace()
            let readers = try (0..<40).map { _ in try Reader(trace, on: loop) }
            try await loop.withTaskScope { scope in
                for reader in readers {
                    loop.spawn(in: scope) {
                        _ = await loop.reactor.suspend(reader.wait)
                        trace.note("job")
                    }
                }
                await loop.settle()
                for reader in readers { reader.write() }
            }
            for reader in readers { loop.reactor.forget(reader.reading) }
            #expect(trace.events.count == 80)
            #expect(trace.events.firstIndex(of: "job") == 16)
            #expect(trace.events.lastIndex(of: "report") == 16 * 4 + 7)
        }
    }

    @Test func `what another thread hands over between two polls of a turn does not wait for the next event`() throws {
        try TestLoop.runOnSystem { loop in
            let trace = Trace()
            let readers = try (0..<40).map { _ in try Reader(trace, on: loop) }
            let opened = Latch()
            try await loop.withTaskScope { scope in
                for (index, reader) in readers.enumerated() {
                    loop.spawn(in: scope) {
                        _ = await loop.reactor.suspend(reader.wait)
                        guard index == 0 else { return }
                        // Another poll follows in this turn, for there are more reports.
                        _ = LoopThread { opened.open() }.join()
                        loop.reactor.callAfterPoll(reader)
                    }
                }
                await loop.settle()
                let begin = loop.now
                loop.spawn(in: scope) {
                    try await loop.withTimeout(.seconds(40)) { await opened.wait(on: loop) }
                    // The timer would be the next event.
                    #expect(begin.duration(to: loop.now) < .seconds(30))
                }
                for reader in readers { reader.write() }
            }
            for reader in readers { loop.reactor.forget(reader.reading) }
        }
    }

    @Test func `news stay news until the last of their reports is passed on`() throws {
        try TestLoop.runOnSystem { loop in
            let trace = Trace()
            // Those that are watched later are reported later.
            let others = try (0..<32).map { _ in try Reader(Trace(), on: loop) }
            let last = try Reader(trace, on: loop)
            try await loop.withTaskScope { scope in
                loop.spawn(in: scope) {
                    _ = await loop.reactor.suspend(others[0].wait)
                    // Reported for the second time by a poll within the turn, before the first report is passed on.
                    last.write()
                    loop.reactor.callAfterPoll(last)
                }
                loop.spawn(in: scope) {
                    _ = await loop.reactor.suspend(last.wait)
                    trace.note(loop.reactor.hasNews(last.reading) ? "still news" : "no news")
                }
                await loop.settle()
                for reader in others + [last] { reader.write() }
            }
            await loop.settle()
            for reader in others + [last] { loop.reactor.forget(reader.reading) }
            for reader in others.dropFirst() { loop.reactor.abandon(reader.wait) }
            #expect(trace.events == ["news", "report", "still news", "report"])
        }
    }

    @Test func `a loop may run inside another's job, which waits for it`() throws {
        let answers = try EventLoop.run { loop in
            let inner = try EventLoop.run { inner in
                try await inner.gather([3, 4]) { n in
                    try await inner.sleep(for: .milliseconds(1))
                    return n
                }
            }
            try await loop.sleep(for: .milliseconds(1))
            return inner
        }
        #expect(answers == [3, 4])
    }
}
