import EventLoop
import EventLoopTesting
import Glibc
import Testing

/// The examples of the documentation, each between its marks: DocumentationTests' `ArticleTests` compares them with the
/// text.
struct ExampleTests {
    // example: function
    func answer(_ seconds: Int, _ loop: isolated EventLoop) async throws -> Int {
        try await loop.sleep(for: .seconds(seconds))
        return seconds
    }
    // end

    // example: lines
    func echo(_ stream: some ByteStream, _ loop: isolated EventLoop) async throws {
        let lines = StreamReader(stream)
        while let line = try await lines.readLine(atMost: 1000, on: loop) {
            try await stream.write("you said \(line)\n", on: loop)
        }
    }
    // end

    // example: listener
    func serve(_ listener: StreamListener, _ loop: isolated EventLoop) async throws {
        try await loop.withTaskScope { scope in
            while true {
                let stream = try await listener.accept(on: loop)
                loop.spawn("client", in: scope) {
                    defer { stream.close() }
                    try? await echo(stream, loop)
                }
            }
        }
    }
    // end

    @Test func `listener`() throws {
        try TestLoop.runOnSystem { loop in
            let listener = try StreamListener(SocketAddress("127.0.0.1:0"), on: loop)
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                loop.spawn(in: scope) { try await serve(listener, loop) }
                for _ in 1...2 {
                    let client = try await SocketStream.connect(to: listener.address, on: loop)
                    #expect(client.peer == listener.address)
                    try await client.write("hello\n", on: loop)
                    client.finishWriting()
                    #expect(try await client.readAll(atMost: 100, on: loop) == Array("you said hello\n".utf8))
                    client.close()
                    #expect(client.peer == nil)
                }
            }
        }
    }

    @Test func `lines`() throws {
        try TestLoop.run { loop in
            let (client, server) = SimulatedStream.pair(on: loop)
            try await client.write("hello\r\nbye", on: loop)
            client.finishWriting()
            try await echo(server, loop)
            server.finishWriting()
            #expect(try await client.readAll(atMost: 100, on: loop) == Array("you said hello\nyou said bye\n".utf8))
            client.close()
            server.close()
        }
    }

    @Test func `stopping`() async {
        await #expect(processExitsWith: .success) {
            @Sendable func serve(on loop: isolated EventLoop) async throws {
                raise(SIGTERM)
                try await loop.sleep(for: .seconds(60))
            }
            // example: stopping
            try EventLoop.run(stoppingOn: [SIGINT, SIGTERM]) { loop in
                try await serve(on: loop)
            }
            // end
        }
    }

    @Test func `run`() throws {
        // example: run
        let answer = try EventLoop.run { loop in
            try await loop.sleep(for: .milliseconds(10))
            return 42
        }
        // end
        #expect(answer == 42)
    }

    @Test func `create_task`() throws {
        try TestLoop.run { loop in
            // example: create_task
            let sum = try await loop.withTaskScope { scope in
                let one = loop.spawn("one", in: scope) { try await answer(1, loop) }
                let two = loop.spawn("two", in: scope) { try await answer(2, loop) }
                return try await one.value + two.value
            }
            // end
            #expect(sum == 3)
            #expect(loop.seconds == 2)
        }
    }

    @Test func `gather`() throws {
        try TestLoop.run { loop in
            // example: gather
            let (one, two) = try await loop.gather({ try await answer(1, loop) }, { try await answer(2, loop) })
            let all = try await loop.gather([3, 1, 2]) { try await answer($0, loop) }
            // end
            #expect((one, two) == (1, 2))
            #expect(all == [3, 1, 2])
            #expect(loop.seconds == 5)
        }
    }

    @Test func `return_exceptions`() throws {
        try TestLoop.run { loop in
            // example: return_exceptions
            let results = await loop.gatherResults([1, 2, 3]) { n in
                if n == 2 { throw Broken() }
                return try await answer(n, loop)
            }
            let answers = results.compactMap { try? $0.get() }
            // end
            #expect(answers == [1, 3])
        }
    }

    @Test func `a semaphore in gather`() throws {
        try TestLoop.run { loop in
            // example: map
            let answers = try await loop.map(1...9, atMost: 3) { try await answer($0, loop) }
            // end
            #expect(answers == Array(1...9))
            #expect(loop.seconds == 18)
        }
    }

    @Test func `wait`() throws {
        try TestLoop.run { loop in
            // example: wait
            let fastest = try await loop.withTaskScope(atEnd: .cancel) { scope in
                let tasks = [3, 1, 2].map { n in loop.spawn(in: scope) { try await answer(n, loop) } }
                let (done, pending) = try await loop.wait(for: tasks, until: .firstCompleted, timeout: .seconds(5))
                for task in pending { task.cancel() }
                return try await done[0].value
            }
            // end
            #expect(fastest == 1)
            #expect(loop.seconds == 1)
        }
    }

    @Test func `as_completed`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            try await loop.withTaskScope { scope in
                let tasks = [3, 1, 2].map { n in loop.spawn(in: scope) { try await answer(n, loop) } }
                // example: as_completed
                for try await task in loop.asCompleted(tasks) {
                    trace.note("\(try await task.value)")
                }
                // end
            }
            #expect(trace.events == ["1", "2", "3"])
        }
    }

    @Test func `race`() throws {
        try TestLoop.run { loop in
            // example: race
            let first = try await loop.race({ try await answer(2, loop) }, { try await answer(1, loop) })
            // end
            #expect(first == 1)
            #expect(loop.seconds == 1)
        }
    }

    @Test func `timeout`() throws {
        try TestLoop.run { loop in
            let trace = Trace()
            // example: timeout
            do {
                try await loop.withTimeout(.seconds(1)) { try await answer(9, loop) }
            } catch is TimedOut {
                trace.note("too late")
            }
            // end
            #expect(trace.events == ["too late"])
            #expect(loop.seconds == 1)
        }
    }

    @Test func `shield`() throws {
        try TestLoop.run { loop in
            try await loop.withTaskScope(atEnd: .cancel) { scope in
                loop.spawn(in: scope) {
                    // example: shield
                    do {
                        try await loop.sleep(for: .seconds(100))
                    } catch {
                        try? await loop.shielded { try await loop.sleep(for: .seconds(2)) }
                        throw error
                    }
                    // end
                }
                try await loop.sleep(for: .seconds(1))
            }
            #expect(loop.seconds == 3)
        }
    }

    @Test func `Event, Semaphore and Queue`() throws {
        try TestLoop.run { loop in
            // example: coordination
            let ready = Event(on: loop)
            let permits = Semaphore(permits: 2, on: loop)
            let channel = Channel<Int>(capacity: 4, on: loop)
            let (_, sum) = try await loop.gather(
                {
                    try await ready.wait()
                    try await permits.withPermit {
                        for number in 1...10 { try await channel.send(number) }
                    }
                    channel.finish()
                },
                {
                    ready.set()
                    var sum = 0
                    for try await number in channel { sum += number }
                    return sum
                })
            // end
            #expect(sum == 55)
        }
    }

    @Test func `call_soon_threadsafe`() throws {
        // example: threads
        let isReady = Latch()
        try EventLoop.runGroup(count: 2) { loop, index in
            if index == 0 {
                isReady.open()  // on any thread
            } else {
                await isReady.wait(on: loop)
            }
        }
        // end
        #expect(isReady.isOpen)
    }
}
