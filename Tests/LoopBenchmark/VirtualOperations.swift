import EventLoop

/// Measures what simulated time costs in real time.
func measureVirtualTime() throws {
    let day = 0...86_400_000
    try measureOnce("day of a million timers") { loop in
        var random = SplitMix64(seed: 1)
        let countdown = Countdown(from: 1_000_000, on: loop)
        for _ in 0..<1_000_000 {
            let due = loop.now.advanced(by: .milliseconds(Int.random(in: day, using: &random)))
            _ = loop.reactor.schedule(at: due, countdown)
        }
        await countdown.end(on: loop)
    }
    try measureOnce("day of a million sleeps") { loop in
        _ = try await loop.gather(0..<1_000) { task in
            var random = SplitMix64(seed: UInt64(task))
            for _ in 0..<1_000 { try await loop.sleep(for: .milliseconds(Int.random(in: 0...172_800, using: &random))) }
        }
    }
    try measureOnce("sleeps of 1, 2 and 3 s") { loop in
        _ = try await loop.gather([1, 2, 3]) { try await loop.sleep(for: .seconds($0)) }
        precondition(loop.now == LoopInstant(nanoseconds: 3_000_000_000))
    }
}

private func measureOnce(
    _ name: String, _ body: @escaping @Sendable (isolated EventLoop) async throws -> Void
) throws {
    let start = ContinuousClock.now
    try EventLoop.runVirtual(body)
    report(name, start.duration(to: .now))
}

/// Waits until a number of timers have fired.
private final class Countdown: TimerHandler {
    private let reactor: Reactor
    private let wait: WaitID
    private var left: Int

    init(from count: Int, on loop: isolated EventLoop) {
        reactor = loop.reactor
        wait = loop.reactor.makeWait()
        left = count
    }

    func timerFired(_ timer: TimerID) {
        left -= 1
        if left == 0 { reactor.wake(wait) }
    }

    func end(on loop: isolated EventLoop) async { _ = await loop.reactor.suspend(wait) }
}
