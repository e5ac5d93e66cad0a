import EventLoop

/// Measures tasks: making, joining, suspending and waking them.
func measureTasks(on loop: isolated EventLoop) async throws {
    try await measure("spawn and join", 200_000, on: loop) { count in
        try await loop.withTaskScope { scope in
            for _ in 0..<count { try await loop.spawn(in: scope) {}.value }
        }
    }
    try await measure("gather of 8", 50_000, on: loop) { count in
        for _ in 0..<count { _ = try await loop.gather(0..<8) { _ in } }
    }
    try await measure("hop", 1_000_000, on: loop) { count in
        let pair = Pair()
        _ = try await loop.gather(0..<2) { side in await pair.play(side, turns: count / 2, on: loop) }
    }
    try await measure("yield", 500_000, on: loop) { count in
        for _ in 0..<count { await Task.yield() }
    }
    try await measure("sleep", 10_000, on: loop) { count in
        _ = try await loop.gather(0..<count) { _ in try await loop.sleep(for: .milliseconds(1)) }
    }
}

/// Two tasks that wake each other in turns.
private final class Pair {
    private var waits: [WaitID] = [.none, .none]

    func play(_ side: Int, turns: Int, on loop: isolated EventLoop) async {
        for _ in 0..<turns {
            let wait = loop.reactor.makeWait()
            waits[side] = wait
            loop.reactor.wake(waits[1 - side])
            _ = await loop.reactor.suspend(wait)
        }
        loop.reactor.wake(waits[1 - side])
    }
}
