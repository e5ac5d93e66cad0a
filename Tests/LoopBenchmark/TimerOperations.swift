import EventLoop

/// Measures a timer that is cancelled, as nearly all are, alone and among a million others.
func measureTimers(on loop: isolated EventLoop) async throws {
    let fuse = Fuse()
    func startAndCancel(_ count: Int) {
        for index in 0..<count {
            let due = loop.now.advanced(by: .milliseconds(1_000 + index % 29_000))
            loop.reactor.cancel(loop.reactor.schedule(at: due, fuse))
        }
    }
    try await measure("timer", 500_000, on: loop) { startAndCancel($0) }
    var random = SplitMix64(seed: 1)
    let others = (0..<1_000_000).map { _ in
        loop.reactor.schedule(at: loop.now.advanced(by: .seconds(.random(in: 3_600...90_000, using: &random))), fuse)
    }
    try await measure("timer among a million", 500_000, on: loop) { startAndCancel($0) }
    // What is cancelled stands anywhere among them.
    try await measure("timer replaced among a million", 500_000, on: loop) { count in
        for index in 0..<count {
            let due = loop.now.advanced(by: .seconds(.random(in: 3_600...90_000, using: &random)))
            loop.reactor.cancel(others[index])
            _ = loop.reactor.schedule(at: due, fuse)
        }
    }
}

/// A timer that no task waits for.
private final class Fuse: TimerHandler {
    func timerFired(_ timer: TimerID) {}
}
