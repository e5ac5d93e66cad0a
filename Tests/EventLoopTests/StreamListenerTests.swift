import EventLoop
import EventLoopTesting
import Glibc
import LoopTestSupport
import Testing

struct StreamListenerTests {
    @Test func `connections are accepted in a queue, those from before too`() throws {
        try TestLoop.runOnSystem { loop in
            let listener = try StreamListener(SocketAddress("127.0.0.1:0"), on: loop)
            #expect(try listener.tryAccept() == nil)
            var clients: [SocketStream] = []
            for name in ["a", "b", "c"] {
                let client = try await SocketStream.connect(to: listener.address, on: loop)
                try await client.write(name, on: loop)
                clients.append(client)
            }
            var names = ""
            for _ in clients {
                let server = try await listener.accept(on: loop)
                names += String(decoding: try await server.read(on: loop), as: UTF8.self)
            }
            #expect(names == "abc")
            #expect(try listener.tryAccept() == nil)
        }
    }

    @Test func `waiting for a connection ends with its deadline or when the listener closes`() throws {
        try TestLoop.runOnSystem { loop in
            let listener = try StreamListener(SocketAddress("127.0.0.1:0"), on: loop)
            let deadline = loop.now.advanced(by: .milliseconds(1))
            await #expect(throws: StreamError.timedOut) { _ = try await listener.accept(until: deadline, on: loop) }
            await withTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    await #expect(throws: StreamError.closed) { _ = try await listener.accept(on: loop) }
                }
                await loop.settle()
                listener.close()
            }
            #expect(throws: StreamError.closed) { try listener.tryAccept() }
        }
    }

    @Test func `an address that is taken is an error of the system`() throws {
        try TestLoop.runOnSystem { loop in
            let listener = try StreamListener(SocketAddress("127.0.0.1:0"), on: loop)
            #expect(throws: StreamError.system(SystemError("bind", code: EADDRINUSE))) {
                _ = try StreamListener(listener.address, on: loop)
            }
            #expect(try listener.tryAccept() == nil)
        }
    }

    @Test func `without descriptors accepting fails by name and never spins, and the connection waits for one`() async {
        await #expect(processExitsWith: .success) {
            try TestLoop.runOnSystem { loop in
                let listener = try StreamListener(SocketAddress("127.0.0.1:0"), on: loop)
                let client = try await SocketStream.connect(to: listener.address, on: loop)
                try await client.write("x", on: loop)
                var limit = rlimit()
                unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                limit.rlim_cur = 0
                unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                let start = loop.time
                for _ in 0..<3 {
                    do throws(StreamError) {
                        _ = try await listener.accept(on: loop)
                        fatalError("a descriptor came from nowhere")
                    } catch {
                        precondition(error == .exhausted(SystemError("accept4", code: EMFILE)), "\(error)")
                    }
                }
                let elapsed = start.duration(to: loop.time)
                precondition(elapsed >= .milliseconds(200), "three tries took no longer than \(elapsed)")
                limit.rlim_cur = limit.rlim_max
                unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                let server = try await listener.accept(on: loop)
                let bytes = try await server.read(on: loop)
                precondition(bytes == Array("x".utf8))
            }
        }
    }
}
