import NIOCore
import NIOEmbedded
import NIOPosix

#if canImport(Glibc)
    import Glibc
#endif

/// The operations of `LoopBenchmark` where SwiftNIO's event loop has them. Its own form is callbacks and futures, not tasks:
/// what is measured is the loop, without Swift's concurrency on top.
///
/// Prints a line for each operation: its name and the nanoseconds that it takes, separated by a tab.
@main
struct NIOLoop {
    static func main() throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let (loop, other) = (group.next(), group.next())
        let pending = 1_000_000
        try measure("spawn and join", 200_000) { try submits($0, on: loop) }
        try measure("gather of 8", 50_000) { try gathers($0, on: loop) }
        try measure("hop", 1_000_000) { try hops($0, on: loop) }
        try measure("sleep", 10_000) { try sleeps($0, on: loop) }
        try measure("timer", 500_000) { try timers($0, on: loop) }
        var random = SystemRandomNumberGenerator()
        let others = try loop.submit {
            (0..<pending).map { _ in
                loop.scheduleTask(in: .seconds(.random(in: 3_600...90_000, using: &random))) {}
            }
        }.wait()
        // Few, because each is looked for among all.
        try measure("timer among a million", 300) { try timers($0, on: loop) }
        try measure("timer replaced among a million", 300) { try replacements($0, of: others, on: loop) }
        try measure("thread round trip", 20_000) { try roundTrips($0, from: loop, to: other) }
        measureDay(timers: pending)
        // Not shut down: that would cancel a million timers, one by one.
    }

    private static func measure(_ name: String, _ count: Int, _ body: (Int) throws -> Void) rethrows {
        try body(count / 10)
        let start = ContinuousClock.now
        try body(count)
        report(name, start.duration(to: .now) / count)
    }

    private static func report(_ name: String, _ time: Duration) {
        print("\(name)\t\(time.components.seconds * 1_000_000_000 + time.components.attoseconds / 1_000_000_000)")
        fflush(nil)
    }

    /// Calls `step`, which ends by calling what it gets, `count` times on the loop, and waits.
    private static func repeating(
        _ count: Int, on loop: any EventLoop, _ step: @escaping (@escaping () -> Void) -> Void
    ) throws {
        let done = loop.makePromise(of: Void.self)
        var left = count
        func next() {
            left -= 1
            if left < 0 { done.succeed() } else { step(next) }
        }
        loop.execute(next)
        try done.futureResult.wait()
    }

    private static func submits(_ count: Int, on loop: any EventLoop) throws {
        try repeating(count, on: loop) { next in loop.submit {}.whenComplete { _ in next() } }
    }

    private static func gathers(_ count: Int, on loop: any EventLoop) throws {
        try repeating(count, on: loop) { next in
            EventLoopFuture.andAllSucceed((0..<8).map { _ in loop.submit {} }, on: loop).whenComplete { _ in next() }
        }
    }

    private static func hops(_ count: Int, on loop: any EventLoop) throws {
        try repeating(count, on: loop) { next in loop.execute(next) }
    }

    private static func sleeps(_ count: Int, on loop: any EventLoop) throws {
        let done = loop.makePromise(of: Void.self)
        var left = count
        loop.execute {
            for _ in 0..<count {
                loop.scheduleTask(in: .milliseconds(1)) {
                    left -= 1
                    if left == 0 { done.succeed() }
                }
            }
        }
        try done.futureResult.wait()
    }

    private static func timers(_ count: Int, on loop: any EventLoop) throws {
        try loop.submit {
            for index in 0..<count { loop.scheduleTask(in: .milliseconds(Int64(1_000 + index % 29_000))) {}.cancel() }
        }.wait()
    }

    private static func replacements(_ count: Int, of timers: [Scheduled<Void>], on loop: any EventLoop) throws {
        try loop.submit {
            for timer in timers.prefix(count) {
                timer.cancel()
                loop.scheduleTask(in: .seconds(.random(in: 3_600...90_000))) {}
            }
        }.wait()
    }

    private static func roundTrips(_ count: Int, from loop: any EventLoop, to other: any EventLoop) throws {
        try repeating(count, on: loop) { next in other.submit {}.hop(to: loop).whenComplete { _ in next() } }
    }

    private static func measureDay(timers: Int) {
        let start = ContinuousClock.now
        let loop = EmbeddedEventLoop()
        var random = SystemRandomNumberGenerator()
        var fired = 0
        for _ in 0..<timers {
            loop.scheduleTask(in: .milliseconds(.random(in: 0..<86_400_000, using: &random))) { fired += 1 }
        }
        loop.advanceTime(by: .hours(24))
        precondition(fired == timers)
        report("day of a million timers", start.duration(to: .now))
    }
}
