import EventLoop
import EventLoopTesting
import LoopTestSupport
import Synchronization
import Testing

/// What shutting down is told by.
struct LatchTests {
    @Test func `a latch lets through all who wait and all who come later`() throws {
        try TestLoop.runOnSystem { loop in
            let latch = Latch()
            let through = Mutex(0)
            await withDiscardingTaskGroup { group in
                for _ in 0..<3 {
                    group.addImmediateTask {
                        #expect(await latch.wait(on: loop) == .signalled)
                        through.withLock { $0 += 1 }
                    }
                }
                await loop.settle()
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
        try TestLoop.runOnSystem { loop in
            let latch = Latch()
            #expect(await latch.wait(until: loop.now.advanced(by: .milliseconds(1)), on: loop) == .timedOut)
            await withTaskGroup(of: Wake.self) { group in
                group.addImmediateTask { await latch.wait(on: loop) }
                await loop.settle()
                group.cancelAll()
                #expect(await group.next() == .cancelled)
            }
            // No task is left to be woken.
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
