import EventLoop
import EventLoopTesting
import Glibc
import LoopTestSupport
import Testing

struct SocketStreamTests {
    /// Two ends of a connection over the loopback.
    private static func pair(
        on loop: isolated EventLoop
    ) async throws -> (client: SocketStream, server: SocketStream) {
        let listener = try StreamListener(SocketAddress("127.0.0.1:0"), on: loop)
        let client = try await SocketStream.connect(to: listener.address, on: loop)
        return (client, try await listener.accept(on: loop))
    }

    private static func path() -> String { "/tmp/gatherd-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock" }

    @Test(arguments: ["127.0.0.1:0", "[::1]:0", "unix"])
    func `bytes go both ways, and each way ends by itself`(_ kind: String) throws {
        let path = Self.path()
        defer { unsafe unlink(path) }
        try TestLoop.runOnSystem { loop in
            let address = try kind == "unix" ? SocketAddress(path: path) : SocketAddress(kind)
            let listener: StreamListener
            do {
                listener = try StreamListener(address, on: loop)
            } catch StreamError.system(let error) where error.code == EADDRNOTAVAIL || error.code == EAFNOSUPPORT {
                return  // a machine without IPv6
            }
            #expect(listener.address.port != 0)
            let client = try await SocketStream.connect(to: listener.address, on: loop)
            let server = try await listener.accept(on: loop)
            try await client.write("ping", on: loop)
            client.finishWriting()
            #expect(try await server.readAll(atMost: 100, on: loop) == Array("ping".utf8))
            try await server.write("pong", on: loop)
            server.close()
            #expect(try await client.readAll(atMost: 100, on: loop) == Array("pong".utf8))
        }
    }

    @Test func `a write waits for its reader, and not a byte is lost`() throws {
        try TestLoop.runOnSystem { loop in
            let (client, server) = try await Self.pair(on: loop)
            // More than both sockets' buffers take.
            var sent = (0..<1 << 16).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 7) }
            while sent.count < 8 << 20 { sent += sent }
            let whole = sent
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    try await client.write(whole, on: loop)
                    client.close()
                }
                let received = try await server.readAll(atMost: .max, on: loop)
                #expect(received == whole)
                try await group.waitForAll()
            }
        }
    }

    @Test func `a read returns what it was asked for at most`() throws {
        try TestLoop.runOnSystem { loop in
            let (client, server) = try await Self.pair(on: loop)
            try await client.write("abcdef", on: loop)
            #expect(try await server.read(atMost: 4, on: loop) == Array("abcd".utf8))
            #expect(try await server.read(atMost: 4, on: loop) == Array("ef".utf8))
            #expect(try await server.readAll(atMost: 0, on: loop) == [])
        }
    }

    // MARK: Ends of waits

    @Test func `a read ends with its deadline, and the stream goes on`() throws {
        try TestLoop.runOnSystem { loop in
            let (client, server) = try await Self.pair(on: loop)
            let deadline = loop.now.advanced(by: .milliseconds(5))
            await #expect(throws: StreamError.timedOut) { try await server.read(atMost: 1, until: deadline, on: loop) }
            #expect(loop.now >= deadline)
            try await client.write("x", on: loop)
            // A deadline that has passed limits no read that need not wait.
            while true {
                do throws(StreamError) {
                    #expect(try await server.read(atMost: 1, until: deadline, on: loop) == Array("x".utf8))
                    break
                } catch .timedOut {
                    try await loop.sleep(for: .zero)
                }
            }
        }
    }

    @Test func `a write ends with its deadline`() throws {
        try TestLoop.runOnSystem { loop in
            let (client, server) = try await Self.pair(on: loop)
            let bytes = [UInt8](repeating: 1, count: 64 << 20)
            let deadline = loop.now.advanced(by: .milliseconds(5))
            await #expect(throws: StreamError.timedOut) { try await client.write(bytes, until: deadline, on: loop) }
            server.close()
        }
    }

    @Test(arguments: ["read", "write", "accept", "connect"])
    func `cancellation ends a wait at once, and a cancelled task begins nothing`(_ what: String) throws {
        try TestLoop.runOnSystem { loop in
            let (client, server) = try await Self.pair(on: loop)
            let idle = try StreamListener(SocketAddress("127.0.0.1:0"), on: loop)
            let full = try StreamListener(SocketAddress("127.0.0.1:0"), backlog: 0, on: loop)
            let first = try await SocketStream.connect(to: full.address, on: loop)
            defer { first.close() }
            for beforehand in [false, true] {
                await withTaskGroup(of: StreamError?.self) { group in
                    if beforehand { group.cancelAll() }
                    group.addImmediateTask {
                        do throws(StreamError) {
                            switch what {
                            case "read": _ = try await server.read(atMost: 1, on: loop)
                            case "write": try await client.write([UInt8](repeating: 1, count: 64 << 20), on: loop)
                            case "accept": _ = try await idle.accept(on: loop)
                            default: _ = try await SocketStream.connect(to: full.address, on: loop)
                            }
                            return nil
                        } catch {
                            return error
                        }
                    }
                    await loop.settle()
                    await loop.settle()
                    group.cancelAll()
                    #expect(await group.next() == .cancelled)
                }
            }
        }
    }

    @Test func `an unanswered connect ends with its deadline`() throws {
        try TestLoop.runOnSystem { loop in
            // One place in its queue, which is taken: the kernel drops what asks for another.
            let listener = try StreamListener(SocketAddress("127.0.0.1:0"), backlog: 0, on: loop)
            let first = try await SocketStream.connect(to: listener.address, on: loop)
            let deadline = loop.now.advanced(by: .milliseconds(20))
            await #expect(throws: StreamError.timedOut) {
                _ = try await SocketStream.connect(to: listener.address, until: deadline, on: loop)
            }
            first.close()
        }
    }

    @Test func `closing ends the waits of its own side`() throws {
        try TestLoop.runOnSystem { loop in
            let (client, server) = try await Self.pair(on: loop)
            await withTaskGroup(of: StreamError?.self) { group in
                group.addImmediateTask {
                    do throws(StreamError) { _ = try await client.read(on: loop) } catch { return error }
                    return nil
                }
                group.addImmediateTask {
                    do throws(StreamError) {
                        try await client.write([UInt8](repeating: 1, count: 64 << 20), on: loop)
                    } catch {
                        return error
                    }
                    return nil
                }
                await loop.settle()
                client.close()
                for await error in group { #expect(error == .closed) }
            }
            await #expect(throws: StreamError.closed) { try await client.write("x", on: loop) }
            client.close()
            server.close()
        }
    }

    // MARK: Peers

    @Test func `a reset is seen by the read that waits and by the next write`() throws {
        try TestLoop.runOnSystem { loop in
            let (client, server) = try await Self.pair(on: loop)
            await withTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    await #expect(throws: StreamError.reset) { try await server.read(on: loop) }
                }
                await loop.settle()
                client.reset()
            }
            await #expect(throws: StreamError.reset) { try await server.write("x", on: loop) }
        }
    }

    @Test func `a write that waits ends when its reader resets`() throws {
        try TestLoop.runOnSystem { loop in
            let (client, server) = try await Self.pair(on: loop)
            await withTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    await #expect(throws: StreamError.reset) {
                        try await client.write([UInt8](repeating: 1, count: 64 << 20), on: loop)
                    }
                }
                await loop.settle()
                server.reset()
            }
        }
    }

    @Test func `a missing listener is an error of the system`() throws {
        try TestLoop.runOnSystem { loop in
            let address = try StreamListener(SocketAddress("127.0.0.1:0"), on: loop).address
            await #expect(throws: StreamError.system(SystemError("connect", code: ECONNREFUSED))) {
                _ = try await SocketStream.connect(to: address, on: loop)
            }
            await #expect(throws: StreamError.system(SystemError("connect", code: ENOENT))) {
                _ = try await SocketStream.connect(to: SocketAddress(path: Self.path()), on: loop)
            }
        }
    }

    @Test func `an invalid descriptor is not taken over`() throws {
        try TestLoop.runOnSystem { loop in
            _ = #expect(throws: StreamError.system(SystemError("fcntl", code: EBADF))) {
                _ = try SocketStream(adopting: -1, on: loop)
            }
        }
    }

    // MARK: Fairness

    @Test func `a stream that is always ready lets others have turns`() throws {
        try TestLoop.runOnSystem { loop in
            let (client, server) = try await Self.pair(on: loop)
            try await client.write([UInt8](repeating: 1, count: 4096), on: loop)
            let turns = try await withThrowingTaskGroup(of: Int.self) { group in
                group.addImmediateTask {
                    var turns = 0
                    while !Task.isCancelled {
                        try? await loop.sleep(for: .zero)
                        turns += 1
                    }
                    return turns
                }
                for _ in 0..<4096 { _ = try await server.read(atMost: 1, on: loop) }
                group.cancelAll()
                return try await group.next() ?? 0
            }
            #expect(turns > 64)
        }
    }

    // MARK: Rules

    @Test func `two tasks that read one stream at once stop the program`() async {
        await #expect(processExitsWith: .failure) {
            try TestLoop.runOnSystem { loop in
                let (client, server) = try await Self.pair(on: loop)
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<2 { group.addImmediateTask { _ = try? await server.read(on: loop) } }
                    await loop.settle()
                    client.close()
                }
            }
        }
    }

    @Test func `every way to an end leaves no descriptor behind`() async {
        await #expect(processExitsWith: .success) {
            try TestLoop.runOnSystem { loop in _ = try await Self.pair(on: loop) }
            let before = openDescriptors()
            try TestLoop.runOnSystem { loop in
                let dead = try StreamListener(SocketAddress("127.0.0.1:0"), on: loop).address
                for round in 0..<20 {
                    let (client, server) = try await Self.pair(on: loop)
                    let soon = loop.now.advanced(by: .microseconds(100))
                    _ = try? await server.read(atMost: 1, until: soon, on: loop)
                    if round % 3 == 0 { client.reset() }
                    if round % 3 == 1 { client.close() }
                    _ = try? await SocketStream.connect(to: dead, on: loop)
                    _ = try? StreamListener(SocketAddress("192.0.2.1:0"), on: loop)
                }
            }
            precondition(before >= 0 && openDescriptors() == before, "\(before) before, \(openDescriptors()) behind")
        }
    }
}
