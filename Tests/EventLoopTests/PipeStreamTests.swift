import EventLoop
import EventLoopTesting
import Glibc
import LoopTestSupport
import Testing

struct PipeStreamTests {
    @Test func `a pipe keeps order, lets its writer wait, and ends when that finishes`() throws {
        try TestLoop.runOnSystem { loop in
            let (reading, writing) = try PipeStream.pair(on: loop)
            let sent = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 5) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    try await writing.write(sent, on: loop)
                    writing.finishWriting()
                }
                let received = try await reading.readAll(atMost: .max, on: loop)
                #expect(received == sent)
                try await group.waitForAll()
            }
            await #expect(throws: StreamError.closed) { try await writing.write("x", on: loop) }
        }
    }

    @Test func `a pipe without a reader is a peer that is gone, and no signal`() throws {
        try TestLoop.runOnSystem { loop in
            let (reading, writing) = try PipeStream.pair(on: loop)
            await withTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    await #expect(throws: StreamError.reset) {
                        try await writing.write([UInt8](repeating: 1, count: 1 << 20), on: loop)
                    }
                }
                await loop.settle()
                reading.close()
            }
            await #expect(throws: StreamError.reset) { try await writing.write("x", on: loop) }
        }
    }

    @Test func `each end has one direction`() throws {
        try TestLoop.runOnSystem { loop in
            let (reading, writing) = try PipeStream.pair(on: loop)
            await #expect(throws: StreamError.system(SystemError("read", code: EBADF))) {
                try await writing.read(on: loop)
            }
            await #expect(throws: StreamError.system(SystemError("write", code: EBADF))) {
                try await reading.write("x", on: loop)
            }
            // Of no effect on an end that only reads.
            reading.finishWriting()
            try await writing.write("x", on: loop)
            #expect(try await reading.read(on: loop) == Array("x".utf8))
        }
    }

    @Test(arguments: ["read", "write"])
    func `cancellation and deadline end a wait`(_ what: String) throws {
        try TestLoop.runOnSystem { loop in
            let (reading, writing) = try PipeStream.pair(on: loop)
            let stream = what == "read" ? reading : writing
            let deadline = loop.now.advanced(by: .milliseconds(1))
            #expect(await Self.wait(what, stream, until: deadline, on: loop) == .timedOut)
            await withTaskGroup(of: StreamError?.self) { group in
                group.addImmediateTask { await Self.wait(what, stream, until: nil, on: loop) }
                await loop.settle()
                group.cancelAll()
                #expect(await group.next() == .cancelled)
            }
        }
    }

    private static func wait(
        _ what: String, _ stream: PipeStream, until deadline: LoopInstant?, on loop: isolated EventLoop
    ) async -> StreamError? {
        do throws(StreamError) {
            if what == "read" {
                _ = try await stream.read(atMost: 1, until: deadline, on: loop)
            } else {
                try await stream.write([UInt8](repeating: 1, count: 1 << 20), until: deadline, on: loop)
            }
            return nil
        } catch {
            return error
        }
    }
}

struct DescriptorReadinessTests {
    @Test func `a descriptor of someone else is waited for, and not touched`() throws {
        try TestLoop.runOnSystem { loop in
            var ends: [CInt] = [0, 0]
            #expect(unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
            let (mine, other) = (ends[0], ends[1])
            defer {
                close(mine)
                close(other)
            }
            try await loop.waitUntilWritable(mine)
            let deadline = loop.now.advanced(by: .milliseconds(1))
            await #expect(throws: StreamError.timedOut) { try await loop.waitUntilReadable(mine, until: deadline) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask { try await loop.waitUntilReadable(mine) }
                await loop.settle()
                _ = unsafe write(other, "x", 1)
                try await group.waitForAll()
            }
            #expect(fcntl(mine, F_GETFL) & O_NONBLOCK == 0)
            await withTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    await #expect(throws: StreamError.cancelled) { try await loop.waitUntilReadable(other) }
                }
                await loop.settle()
                group.cancelAll()
            }
        }
    }

    @Test func `what cannot be waited for is an error of the system`() throws {
        try TestLoop.runOnSystem { loop in
            let file = unsafe open("/dev/null", O_RDONLY)
            defer { close(file) }
            await #expect(throws: StreamError.system(SystemError("epoll_ctl", code: EPERM))) {
                try await loop.waitUntilReadable(file)
            }
        }
    }

    @Test func `two tasks that wait for one descriptor stop the program`() async {
        await #expect(processExitsWith: .failure) {
            try TestLoop.runOnSystem { loop in
                var ends: [CInt] = [0, 0]
                _ = unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends)
                let fd = ends[0]
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<2 { group.addImmediateTask { try? await loop.waitUntilReadable(fd) } }
                    await loop.settle()
                    group.cancelAll()
                }
            }
        }
    }
}
