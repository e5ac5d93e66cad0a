import EventLoop
import Glibc
import Synchronization
import TestSupport
import Testing

/// What shutting down is told by.
struct LatchTests {
    @Test func `a latch lets through all who wait and all who come later`() throws {
        try onTestLoop { loop in
            let latch = Latch()
            let through = Mutex(0)
            await withDiscardingTaskGroup { group in
                for _ in 0..<3 {
                    group.addImmediateTask {
                        #expect(await latch.wait(on: loop) == .signalled)
                        through.withLock { $0 += 1 }
                    }
                }
                #expect(through.withLock { $0 } == 0)
                #expect(!latch.isOpen)
                latch.open()
                latch.open()
            }
            #expect(through.withLock { $0 } == 3)
            #expect(await latch.wait(on: loop) == .signalled)
        }
    }

    @Test func `waiting for a latch ends with its deadline or its task`() throws {
        try onTestLoop { loop in
            let latch = Latch()
            #expect(await latch.wait(until: loop.now.advanced(by: .milliseconds(1)), on: loop) == .timedOut)
            await withTaskGroup(of: Wake.self) { group in
                group.addImmediateTask { await latch.wait(on: loop) }
                group.cancelAll()
                #expect(await group.next() == .cancelled)
            }
            // Nobody is left to be woken.
            latch.open()
        }
    }

    @Test func `a latch that one loop opens lets tasks of others through`() throws {
        let (there, back) = (Latch(), Latch())
        try EventLoop.runGroup(count: 3) { loop, index in
            if index == 0 {
                there.open()
                #expect(await back.wait(on: loop) == .signalled)
            } else {
                #expect(await there.wait(on: loop) == .signalled)
                if index == 2 { back.open() }
            }
            #expect(loop.reactor.pendingWaits == 0)
        }
    }
}

struct SignalsTests {
    @Test func `signals are received one by one, those from before too`() throws {
        let descriptor = try Signals.block([SIGUSR1, SIGUSR2])
        defer { unblock([SIGUSR1, SIGUSR2]) }
        // Sent to this thread, which is the loop's: other threads of the process do not block them.
        raise(SIGUSR1)
        try onTestLoop { loop in
            let signals = try Signals(descriptor: descriptor, on: loop)
            #expect(await signals.next(on: loop) == SIGUSR1)
            await withDiscardingTaskGroup { group in
                group.addImmediateTask {
                    #expect(await signals.next(on: loop) == SIGUSR2)
                    #expect(await signals.next(on: loop) == SIGUSR1)
                }
                raise(SIGUSR2)
                try? await loop.sleep(for: .zero)
                raise(SIGUSR1)
            }
            signals.close()
        }
    }

    @Test func `two signals at once are both received`() throws {
        let descriptor = try Signals.block([SIGUSR1, SIGUSR2])
        defer { unblock([SIGUSR1, SIGUSR2]) }
        try onTestLoop { loop in
            let signals = try Signals(descriptor: descriptor, on: loop)
            raise(SIGUSR2)
            raise(SIGUSR1)
            var received: Set<CInt> = []
            for _ in 1...2 { if let signal = await signals.next(on: loop) { received.insert(signal) } }
            #expect(received == [SIGUSR1, SIGUSR2])
            signals.close()
        }
    }

    @Test func `a cancelled task waits for no signal`() throws {
        let descriptor = try Signals.block([SIGUSR1])
        defer { unblock([SIGUSR1]) }
        try onTestLoop { loop in
            let signals = try Signals(descriptor: descriptor, on: loop)
            await withTaskGroup(of: CInt?.self) { group in
                group.addImmediateTask { await signals.next(on: loop) }
                group.cancelAll()
                #expect(await group.next() == .some(nil))
            }
            raise(SIGUSR1)
            #expect(await signals.next(on: loop) == SIGUSR1)
            signals.close()
        }
    }

    private func unblock(_ signals: [CInt]) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }
}
