import EventLoopTesting
import Synchronization
import Testing

@testable import EventLoop

struct ThreadTests {
    @Test func `calls from another thread are made on the loop, in their order, and wake it`() throws {
        try TestLoop.runOnSystem { loop in
            let trace = Mutex<[Int]>([])
            let done = loop.reactor.makeWait()
            let thread = LoopThread {
                for index in 0..<1000 { loop.handOver { _ in trace.withLock { $0.append(index) } } }
                loop.handOver { $0.reactor.wake(done) }
            }
            #expect(await loop.reactor.suspend(done) == .signalled)
            _ = thread.join()
            #expect(trace.withLock { $0 } == Array(0..<1000))
        }
    }

    @Test func `a loop that has ended takes no calls`() throws {
        let ended = try EventLoop.run { $0 }
        let isTaken = ended.handOver { _ in Issue.record("called") }
        #expect(!isTaken)
    }

    @Test func `a call that was taken is made even if the loop is about to end`() throws {
        let made = Atomic<Int>(0)
        for _ in 0..<100 {
            let isTaken = try EventLoop.run { loop in loop.handOver { _ in made.add(1, ordering: .relaxed) } }
            #expect(isTaken)
        }
        #expect(made.load(ordering: .relaxed) == 100)
    }

    @Test func `a task of another loop gets what the loop returns or throws`() throws {
        let other = Mutex<EventLoop?>(nil)
        let (ready, finished) = (Latch(), Latch())
        try EventLoop.runGroup(count: 2) { loop, index in
            if index == 0 {
                other.withLock { $0 = loop }
                ready.open()
                await finished.wait(on: loop)
            } else {
                await ready.wait(on: loop)
                guard let other = other.withLock({ $0 }) else { return }
                let isThere = await other.perform { $0.executor.isOnLoop }
                #expect(isThere)
                #expect(loop.executor.isOnLoop)
                let stays = try await other.perform { other in
                    try await other.withTaskScope { scope in
                        let (event, channel) = (Event(on: other), Channel<Int>(capacity: 1, on: other))
                        for _ in 0..<10 {
                            other.spawn(in: scope) {
                                event.set()
                                try await channel.send(1)
                            }
                            try await event.wait()
                            event.clear()
                            guard other.executor.isOnLoop, try await channel.receive() == 1 else { return false }
                        }
                        return other.executor.isOnLoop
                    }
                }
                #expect(stays, "what it waits for there, it waits for there")
                let error = await failure {
                    try await other.perform { other in
                        try await other.sleep(for: .milliseconds(1))
                        throw Broken()
                    }
                }
                #expect(error as? Broken == Broken())
                let timeout = await failure {
                    try await loop.withTimeout(.milliseconds(5)) {
                        try await other.perform { try await $0.sleep(for: .seconds(100)) }
                    }
                }
                #expect(timeout as? TimedOut == TimedOut(), "a cancellation goes with the call")
                finished.open()
            }
        }
    }

    @Test func `a latch lets tasks of several loops through`() throws {
        let latch = Latch()
        let passed = Atomic<Int>(0)
        try EventLoop.runGroup(count: 3) { loop, index in
            if index == 0 {
                try await loop.sleep(for: .milliseconds(1))
                latch.open()
            }
            #expect(await latch.wait(on: loop) == .signalled)
            passed.add(1, ordering: .relaxed)
        }
        #expect(passed.load(ordering: .relaxed) == 3)
    }
}
