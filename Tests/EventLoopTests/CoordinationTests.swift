import EventLoop
import EventLoopTesting
import Testing

struct EventTests {
    @Test func `setting an event lets all through who wait, in their order, even if it is cleared at once`() throws {
        try TestLoop.run { loop in
            let (event, trace) = (Event(on: loop), Trace())
            try await loop.withTaskScope { scope in
                for index in 0..<3 {
                    loop.spawn(in: scope) {
                        try await event.wait()
                        trace.note("\(index)")
                    }
                }
                try await loop.sleep(for: .seconds(1))
                event.set()
                event.clear()
            }
            #expect(trace.events == ["0", "1", "2"])
            #expect(!event.isSet)
        }
    }

    @Test func `who comes to an event that is set does not wait, unless cancelled`() throws {
        try TestLoop.run { loop in
            let event = Event(on: loop)
            event.set()
            try await event.wait()
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                scope.cancelAll()
                #expect(await failure { try await event.wait() } is CancellationError)
            }
        }
    }

    @Test func `a cancelled wait for an event ends, and the others' go on`() throws {
        try TestLoop.run { loop in
            let event = Event(on: loop)
            try await loop.withTaskScope { scope in
                let victim = loop.spawn(in: scope) { try await event.wait() }
                let other = loop.spawn(in: scope) { try await event.wait() }
                try await loop.sleep(for: .seconds(1))
                victim.cancel()
                #expect(await failure { try await victim.value } is CancellationError)
                #expect(!other.isDone)
                event.set()
            }
        }
    }
}

struct SemaphoreTests {
    @Test func `permits go to waiters in the order of their arrival, and none overtakes`() throws {
        try TestLoop.run { loop in
            let (semaphore, trace) = (Semaphore(permits: 1, on: loop), Trace())
            try await loop.withTaskScope { scope in
                try await semaphore.acquire()
                for index in 0..<3 {
                    loop.spawn(in: scope) { try await semaphore.withPermit { trace.note("\(index)") } }
                }
                try await loop.sleep(for: .seconds(1))
                semaphore.release()
                try await semaphore.withPermit { trace.note("late") }
            }
            #expect(trace.events == ["0", "1", "2", "late"])
            #expect(semaphore.available == 1)
        }
    }

    @Test func `no more tasks than permits are inside`() throws {
        try TestLoop.run { loop in
            let (semaphore, inside) = (Semaphore(permits: 3, on: loop), Gauge())
            try await loop.gather(0..<10) { index in
                try await semaphore.withPermit {
                    inside.enter()
                    defer { inside.leave() }
                    try await loop.sleep(for: .seconds(1))
                }
            }
            #expect(inside.most == 3)
            #expect(loop.seconds == 4)
        }
    }

    @Test func `a task that is cancelled while it waits takes no permit`() throws {
        try TestLoop.run { loop in
            let semaphore = Semaphore(permits: 1, on: loop)
            try await loop.withTaskScope { scope in
                try await semaphore.acquire()
                let victim = loop.spawn(in: scope) { try await semaphore.acquire() }
                let other = loop.spawn(in: scope) { try await semaphore.acquire() }
                try await loop.sleep(for: .seconds(1))
                victim.cancel()
                semaphore.release()
                #expect(await failure { try await victim.value } == nil, "the permit came before the cancellation")
                #expect(!other.isDone)
                semaphore.release()
                try await other.value
                semaphore.release()
            }
            #expect(semaphore.available == 1)
        }
    }

    @Test func `an error inside gives the permit back`() throws {
        try TestLoop.run { loop in
            let semaphore = Semaphore(permits: 1, on: loop)
            #expect(await failure { try await semaphore.withPermit { throw Broken() } } as? Broken == Broken())
            #expect(semaphore.available == 1)
        }
    }

    @Test func `a permit that was never taken can be given`() throws {
        try TestLoop.run { loop in
            let semaphore = Semaphore(permits: 1, on: loop)
            semaphore.release()
            #expect(semaphore.available == 2)
        }
    }
}

struct ChannelTests {
    @Test func `elements come out in the order in which they went in, and a full channel makes senders wait`() throws {
        try TestLoop.run { loop in
            let (channel, trace) = (Channel<Int>(capacity: 2, on: loop), Trace())
            try await loop.withTaskScope { scope in
                loop.spawn(in: scope) {
                    for number in 1...4 {
                        try await channel.send(number)
                        trace.note("sent \(number)")
                    }
                    channel.finish()
                }
                try await loop.sleep(for: .seconds(1))
                #expect(trace.events == ["sent 1", "sent 2"])
                #expect(channel.count == 2)
                var received: [Int] = []
                for try await number in channel { received.append(number) }
                #expect(received == [1, 2, 3, 4])
            }
        }
    }

    @Test func `senders that wait are served in the order of their arrival`() throws {
        try TestLoop.run { loop in
            let channel = Channel<Int>(capacity: 1, on: loop)
            try await loop.withTaskScope { scope in
                for number in 0..<5 { loop.spawn(in: scope) { try await channel.send(number) } }
                try await loop.sleep(for: .seconds(1))
                for number in 0..<5 {
                    let received = try await channel.receive()
                    #expect(received == number)
                }
            }
        }
    }

    @Test func `trying neither waits nor throws`() throws {
        try TestLoop.run { loop in
            let channel = Channel<Int>(capacity: 1, on: loop)
            #expect(channel.tryReceive() == nil)
            #expect(channel.trySend(1))
            #expect(!channel.trySend(2))
            #expect(channel.tryReceive() == 1)
            channel.finish()
            #expect(!channel.trySend(3))
        }
    }

    @Test func `the element of a cancelled sender is not in`() throws {
        try TestLoop.run { loop in
            let channel = Channel<Int>(capacity: 1, on: loop)
            try await channel.send(1)
            try await loop.withTaskScope { scope in
                let sender = loop.spawn(in: scope) { try await channel.send(2) }
                try await loop.sleep(for: .seconds(1))
                sender.cancel()
                #expect(await failure { try await sender.value } is CancellationError)
            }
            #expect(channel.tryReceive() == 1)
            #expect(channel.tryReceive() == nil)
        }
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `cancelling receivers and senders loses no element and doubles none`(seed: UInt64) throws {
        try TestLoop.run(seed: seed) { loop in
            let (channel, sent, received) = (Channel<Int>(capacity: 2, on: loop), Trace(), Trace())
            var generator = SplitMix64(seed: seed)
            let delays = (0..<40).map { _ in Int.random(in: 0..<6, using: &generator) }
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                let senders = (0..<20).map { number in
                    loop.spawn(in: scope) {
                        try await loop.sleep(for: .seconds(delays[number]))
                        try await channel.send(number)
                        sent.note("\(number)")
                    }
                }
                let receivers = (0..<20).map { number in
                    loop.spawn(in: scope) {
                        try await loop.sleep(for: .seconds(delays[20 + number]))
                        if let element = try await channel.receive() { received.note("\(element)") }
                    }
                }
                for (index, task) in (senders + receivers).enumerated() where index % 3 == 0 {
                    loop.spawn(in: scope) {
                        try await loop.sleep(for: .seconds(delays[index]))
                        task.cancel()
                    }
                }
                try await loop.sleep(for: .seconds(9))
                while let element = channel.tryReceive() {
                    received.note("\(element)")
                    try await loop.sleep(for: .zero)
                }
            }
            #expect(sent.events.sorted() == received.events.sorted())
        }
    }

    @Test func `finishing lets what is in out, and fails senders and ends receivers who wait`() throws {
        try TestLoop.run { loop in
            let (full, empty) = (Channel<Int>(capacity: 1, on: loop), Channel<Int>(capacity: 1, on: loop))
            try await full.send(1)
            try await loop.withTaskScope { scope in
                let sender = loop.spawn(in: scope) { await failure { try await full.send(2) } }
                let receiver = loop.spawn(in: scope) { try await empty.receive() }
                try await loop.sleep(for: .seconds(1))
                full.finish()
                empty.finish()
                let error = try await sender.value
                #expect(error as? ChannelFinished == ChannelFinished())
                let element = try await receiver.value
                #expect(element == nil)
                let (first, second) = (try await full.receive(), try await full.receive())
                #expect(first == 1)
                #expect(second == nil)
            }
            #expect(await failure { try await full.send(3) } as? ChannelFinished == ChannelFinished())
        }
    }

    @Test func `a cancelled receiver leaves the element to the next`() throws {
        try TestLoop.run { loop in
            let channel = Channel<Int>(capacity: 1, on: loop)
            try await loop.withTaskScope { scope in
                let victim = loop.spawn(in: scope) { try await channel.receive() }
                let other = loop.spawn(in: scope) { try await channel.receive() }
                try await loop.sleep(for: .seconds(1))
                victim.cancel()
                #expect(await failure { try await victim.value } is CancellationError)
                try await channel.send(5)
                let element = try await other.value
                #expect(element == 5)
            }
        }
    }
}
