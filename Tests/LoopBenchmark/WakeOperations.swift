import CPlatform
import EventLoop
import Glibc
import Synchronization

/// Measures how long it takes until a task goes on that waits for a byte in a pipe.
func measureReadiness(on loop: isolated EventLoop) async throws {
    let pipe = try Pipe(on: loop)
    defer { pipe.close() }
    try await measure("readiness", 100_000, on: loop) { count in
        for _ in 0..<count {
            pipe.write()
            await pipe.read(on: loop)
        }
    }
}

/// Measures the way to another thread's loop and back.
func measureThreads() throws {
    let (isThere, isOver) = (Latch(), Latch())
    let other = Mutex<EventLoop?>(nil)
    try EventLoop.runGroup(count: 2) { loop, index in
        guard index == 0 else {
            other.withLock { $0 = loop }
            isThere.open()
            await isOver.wait(on: loop)
            return
        }
        defer { isOver.open() }
        await isThere.wait(on: loop)
        guard let other = other.withLock({ $0 }) else { return }
        try await measure("thread round trip", 20_000, on: loop) { count in
            // A body that does nothing would let the compiler leave the way out.
            for _ in 0..<count { _ = await other.perform { $0.now } }
        }
    }
}

/// A pipe with one task that reads.
private final class Pipe: ReadinessHandler {
    private let reactor: Reactor
    private let readEnd: CInt
    private let writeEnd: CInt
    private var wait = WaitID.none

    init(on loop: isolated EventLoop) throws(SystemError) {
        var ends: [CInt] = [-1, -1]
        // The call fills two descriptors, which is what the array has room for.
        guard unsafe pipe(&ends) == 0 else { throw SystemError("pipe") }
        (readEnd, writeEnd) = (ends[0], ends[1])
        reactor = loop.reactor
        try reactor.watch(readEnd, .readable, .level, self)
    }

    func write() {
        var byte: UInt8 = 0
        precondition(unsafe Glibc.write(writeEnd, &byte, 1) == 1)
    }

    func read(on loop: isolated EventLoop) async {
        wait = reactor.makeWait()
        _ = await loop.reactor.suspend(wait)
    }

    func descriptorReady(_ fd: CInt, _ events: IOEvents) {
        var byte: UInt8 = 0
        precondition(unsafe Glibc.read(fd, &byte, 1) == 1)
        reactor.wake(wait)
    }

    func close() {
        reactor.forget(readEnd)
        Glibc.close(readEnd)
        Glibc.close(writeEnd)
    }
}
