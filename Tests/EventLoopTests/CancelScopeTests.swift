import EventLoop
import EventLoopTesting
import Testing

struct CancelScopeTests {
    @Test func `a wait in a scope ends when it is woken, at its deadline, or when the scope is cancelled`() throws {
        try TestLoop.run { loop in
            let reactor = loop.reactor
            let scope = CancelScope(on: reactor)
            var wakes: [Wake] = []
            for _ in 0..<2 {
                let wait = reactor.makeWait()
                let start = loop.now
                reactor.call(at: start.advanced(by: .seconds(1))) { reactor.wake(wait) }
                wakes.append(await scope.suspend(wait, until: start.advanced(by: .seconds(2)), on: loop))
                wakes.append(
                    await scope.suspend(reactor.makeWait(), until: loop.now.advanced(by: .seconds(3)), on: loop))
            }
            #expect(wakes == [.signalled, .timedOut, .signalled, .timedOut])
            #expect(loop.seconds == 8)
            reactor.call(at: loop.now.advanced(by: .seconds(1))) { scope.cancel() }
            let cancelled = await scope.suspend(reactor.makeWait(), on: loop)
            #expect(cancelled == .cancelled)
            #expect(loop.seconds == 9)
            #expect(reactor.pendingWaits == 0)
            scope.close()
        }
    }

    @Test func `in a scope that is cancelled no wait begins, but what had happened before is told`() throws {
        try TestLoop.run { loop in
            let reactor = loop.reactor
            let scope = CancelScope(on: reactor)
            let woken = reactor.makeWait()
            reactor.wake(woken)
            scope.cancel()
            let first = await scope.suspend(woken, on: loop)
            let second = await scope.suspend(reactor.makeWait(), until: loop.now.advanced(by: .seconds(1)), on: loop)
            #expect(first == .signalled)
            #expect(second == .cancelled)
            #expect(loop.seconds == 0)
            #expect(reactor.pendingWaits == 0)
            scope.close()
        }
    }
}

extension Reactor {
    fileprivate func call(at due: LoopInstant, _ action: @escaping () -> Void) {
        _ = schedule(at: due, Alarm(action: action))
    }
}

private final class Alarm: TimerHandler {
    private let action: () -> Void

    init(action: @escaping () -> Void) { self.action = action }

    func timerFired(_: TimerID) { action() }
}
