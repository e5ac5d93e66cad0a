import EventLoop

/// What a loop still held when its test was over, or that the test was never over.
public enum TestLoopError: Error, Equatable {
    case leftover(waits: Int, timers: Int, descriptors: Int)
    case hung
}

/// Runs a test's body on a loop, and checks that the body left nothing of its own on it.
///
/// A body that waits for what does not come is cancelled after ten seconds, so that a broken test ends, with a name.
public func onTestLoop<Value: Sendable>(
    _ body: @escaping @Sendable (isolated EventLoop) async throws -> Value
) throws -> Value {
    try EventLoop.run { loop in
        let value = try await withThrowingTaskGroup(of: Value.self) { group in
            group.addImmediateTask {
                try await loop.sleep(for: .seconds(10))
                throw TestLoopError.hung
            }
            group.addImmediateTask { try await body(loop) }
            guard let value = try await group.next() else { throw TestLoopError.hung }
            group.cancelAll()
            return value
        }
        let reactor = loop.reactor
        let (waits, timers) = (reactor.pendingWaits, reactor.pendingTimers)
        guard waits == 0, timers == 0, reactor.watchedDescriptors == 0 else {
            throw TestLoopError.leftover(waits: waits, timers: timers, descriptors: reactor.watchedDescriptors)
        }
        return value
    }
}
