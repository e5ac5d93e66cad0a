import EventLoop
import EventLoopTesting
import Glibc
import LoopTestSupport
import Testing

struct SignalsTests {
    @Test func `signals are received one by one, those from before too`() throws {
        let descriptor = try Signals.block([SIGUSR1, SIGUSR2])
        defer { Signals.unblock([SIGUSR1, SIGUSR2]) }
        // Sent to this thread, which is the loop's: other threads of the process do not block them.
        raise(SIGUSR1)
        try TestLoop.runOnSystem { loop in
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
        defer { Signals.unblock([SIGUSR1, SIGUSR2]) }
        try TestLoop.runOnSystem { loop in
            let signals = try Signals(descriptor: descriptor, on: loop)
            raise(SIGUSR2)
            raise(SIGUSR1)
            var received: Set<CInt> = []
            for _ in 1...2 { if let signal = await signals.next(on: loop) { received.insert(signal) } }
            #expect(received == [SIGUSR1, SIGUSR2])
            signals.close()
        }
    }

    @Test func `closing ends the wait, and again changes nothing`() async {
        // No other thread opens descriptors there.
        await #expect(processExitsWith: .success) {
            let descriptor = try Signals.block([SIGUSR1])
            try TestLoop.runOnSystem { loop in
                let signals = try Signals(descriptor: descriptor, on: loop)
                await withTaskGroup(of: CInt?.self) { group in
                    group.addImmediateTask { await signals.next(on: loop) }
                    await loop.settle()
                    signals.close()
                    #expect(await group.next() == .some(nil))
                }
                // Another descriptor has the number now.
                #expect(dup2(STDERR_FILENO, descriptor) == descriptor)
                signals.close()
                #expect(fcntl(descriptor, F_GETFD) >= 0)
                #expect(await signals.next(on: loop) == nil)
            }
        }
    }

    @Test func `a cancelled task waits for no signal`() throws {
        let descriptor = try Signals.block([SIGUSR1])
        defer { Signals.unblock([SIGUSR1]) }
        try TestLoop.runOnSystem { loop in
            let signals = try Signals(descriptor: descriptor, on: loop)
            await withTaskGroup(of: CInt?.self) { group in
                group.addImmediateTask { await signals.next(on: loop) }
                await loop.settle()
                group.cancelAll()
                #expect(await group.next() == .some(nil))
            }
            raise(SIGUSR1)
            #expect(await signals.next(on: loop) == SIGUSR1)
            signals.close()
        }
    }

    @Test func `signals are a sequence whose loop stays on its thread`() throws {
        let descriptor = try Signals.block([SIGUSR1, SIGUSR2])
        defer { Signals.unblock([SIGUSR1, SIGUSR2]) }
        try TestLoop.runOnSystem { loop in
            let signals = try Signals(descriptor: descriptor, on: loop)
            raise(SIGUSR1)
            var received: [CInt] = []
            for await signal in signals {
                #expect(loop.executor.isOnLoop)
                received.append(signal)
                if received.count == 2 { break }
                raise(SIGUSR2)
            }
            #expect(received == [SIGUSR1, SIGUSR2])
            signals.close()
        }
    }

    @Test func `the sequence of signals ends with its task`() throws {
        let descriptor = try Signals.block([SIGUSR1])
        defer { Signals.unblock([SIGUSR1]) }
        try TestLoop.runOnSystem { loop in
            let signals = try Signals(descriptor: descriptor, on: loop)
            let received = await withTaskGroup(of: [CInt].self) { group in
                group.addImmediateTask {
                    var received: [CInt] = []
                    for await signal in signals {
                        #expect(loop.executor.isOnLoop)
                        received.append(signal)
                    }
                    return received
                }
                await loop.settle()
                raise(SIGUSR1)
                await loop.settle()
                group.cancelAll()
                return await group.next()
            }
            #expect(received == [SIGUSR1])
            signals.close()
        }
    }

    @Test func `a signal that the program stops on cancels the body, and that is no failure`() async {
        await #expect(processExitsWith: .success) {
            let value: Void? = try EventLoop.run(stoppingOn: [SIGTERM, SIGINT]) { loop in
                raise(SIGTERM)
                try await loop.sleep(for: .seconds(60))
            }
            #expect(value == nil)
        }
    }

    @Test func `a second signal ends the program that stops on the first`() async {
        await #expect(processExitsWith: .signal(SIGTERM)) {
            try EventLoop.run(stoppingOn: [SIGTERM]) { loop in
                raise(SIGTERM)
                try? await loop.sleep(for: .seconds(60))
                raise(SIGTERM)
                try await loop.shielded { try await loop.sleep(for: .seconds(60)) }
            }
        }
    }

    @Test func `a body that returns or fails by itself does so under signals, too`() async {
        await #expect(processExitsWith: .success) {
            let value = try EventLoop.run(stoppingOn: [SIGTERM]) { _ in 42 }
            #expect(value == 42)
            #expect(throws: Broken.self) { try EventLoop.run(stoppingOn: [SIGTERM]) { _ in throw Broken() } }
            #expect(throws: CancellationError.self) {
                try EventLoop.run(stoppingOn: [SIGTERM]) { _ in throw CancellationError() }
            }
        }
    }
}
