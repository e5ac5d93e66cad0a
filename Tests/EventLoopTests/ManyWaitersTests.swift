import EventLoopTesting
import Testing

@testable import EventLoop

/// That giving up costs each of many who wait for one thing the same.
struct ManyWaitersTests {
    enum Place: CaseIterable { case event, semaphore, sender, receiver, latch, task, completion }

    #if DEBUG
        private static let count = 4000
    #else
        private static let count = 20_000
    #endif

    /// If each looked at all others, each place would take many seconds.
    @Test(arguments: Place.allCases)
    func `tens of thousands of tasks that wait for one thing can all be cancelled`(place: Place) throws {
        try TestLoop.run { loop in
            let (event, latch, semaphore) = (Event(on: loop), Latch(), Semaphore(permits: 1, on: loop))
            let (full, empty) = (Channel<Int>(capacity: 1, on: loop), Channel<Int>(capacity: 1, on: loop))
            try await semaphore.acquire()
            try await full.send(1)
            let error = await failure {
                try await loop.withTaskScope(atEnd: .cancel) { scope in
                    let task = loop.spawn(in: scope) { try await loop.sleep(for: .seconds(1)) }
                    try await loop.withTaskScope(atEnd: .cancel) { waiting in
                        for _ in 0..<Self.count {
                            loop.spawn(in: waiting) {
                                switch place {
                                case .event: try await event.wait()
                                case .semaphore: try await semaphore.acquire()
                                case .sender: try await full.send(2)
                                case .receiver: _ = try await empty.receive()
                                case .latch: await latch.wait(on: loop)
                                case .task: try await task.value
                                case .completion: try await loop.wait(for: [task])
                                }
                            }
                        }
                        try await loop.sleep(for: .zero)
                    }
                }
            }
            #expect(error == nil)
            // No waiter is left whom one of these would reach before the next.
            semaphore.release()
            #expect(semaphore.available == 1)
            #expect(full.tryReceive() == 1)
            #expect(full.tryReceive() == nil)
            #expect(empty.trySend(3))
            #expect(empty.tryReceive() == 3)
        }
    }
}
