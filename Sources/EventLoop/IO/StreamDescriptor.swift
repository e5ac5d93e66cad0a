import Glibc

/// The non-blocking descriptor of one stream: a system call is tried first, and waited for only when the kernel has
/// nothing to do.
///
/// From its first wait on it is watched, once and edge-triggered, until it closes. A report wakes the task that waits,
/// which tries again; a report that comes while no task waits need not be remembered, because the next call is tried
/// before it is waited for.
final class StreamDescriptor: ReadinessHandler {
    let fd: CInt
    private(set) var isOpen = true
    private let reactor: Reactor
    private let reading: Waiter
    private let writing: Waiter
    private var isWatched = false
    private var unsuspended = 0

    /// How many calls in succession need not wait before other tasks get a turn: a fast peer never holds the loop.
    private static let callsPerTurn = 32

    enum Direction { case reading, writing }

    /// Takes over the descriptor; `reading` and `writing` say what a second task in that direction has broken.
    init(
        _ fd: CInt, reading: StaticString = "two tasks read one stream at once",
        writing: StaticString = "two tasks write one stream at once", on reactor: Reactor
    ) {
        self.fd = fd
        self.reactor = reactor
        self.reading = Waiter(reading)
        self.writing = Waiter(writing)
    }

    /// Calls `attempt` until it has a result, and waits for readiness as long as it returns nil.
    func perform<Value>(
        _ direction: Direction, until deadline: LoopInstant?, on loop: isolated EventLoop,
        _ attempt: () throws(StreamError) -> Value?
    ) async throws(StreamError) -> Value {
        let waiter = direction == .reading ? reading : writing
        waiter.checkFree()
        if Task.isCancelled { throw .cancelled }
        unsuspended += 1
        if unsuspended > Self.callsPerTurn { try await giveTurn(waiter, on: loop) }
        while true {
            guard isOpen else { throw .closed }
            if let value = try attempt() { return value }
            unsuspended = 0
            try watch()
            try await waiter.wait(until: deadline, on: loop)
        }
    }

    /// Lets all that is runnable or ready have its turn.
    private func giveTurn(_ waiter: Waiter, on loop: isolated EventLoop) async throws(StreamError) {
        unsuspended = 0
        do throws(StreamError) {
            try await waiter.wait(until: loop.now, on: loop)
        } catch .timedOut {
            // The next turn has come.
        }
    }

    /// Waits until `instant`, whatever becomes ready meanwhile.
    func pause(_ direction: Direction, until instant: LoopInstant, on loop: isolated EventLoop)
        async throws(StreamError)
    {
        let waiter = direction == .reading ? reading : writing
        do throws(StreamError) {
            while isOpen { try await waiter.wait(until: instant, on: loop) }
        } catch .timedOut {
            // It has come.
        }
    }

    private func watch() throws(StreamError) {
        guard !isWatched else { return }
        do throws(SystemError) {
            try reactor.watch(fd, [.readable, .writable, .hangup], .edge, self)
        } catch {
            throw .system(error)
        }
        isWatched = true
    }

    /// Stops watching, ends all waits and closes the descriptor; again without effect.
    func close() {
        guard isOpen else { return }
        isOpen = false
        if isWatched { reactor.forget(fd) }
        Glibc.close(fd)
        reading.wake(reactor)
        writing.wake(reactor)
    }

    func descriptorReady(_ fd: CInt, _ events: IOEvents) {
        // A hang-up or an error ends both waits: the call that is tried then says which it was.
        let ended = !events.isDisjoint(with: [.hangup, .error])
        if ended || events.contains(.readable) { reading.wake(reactor) }
        if ended || events.contains(.writable) { writing.wake(reactor) }
    }

    // MARK: Bytes

    /// Reads some bytes, `limit` at most; none at the end.
    func read(
        atMost limit: Int, until deadline: LoopInstant?, on loop: isolated EventLoop
    ) async throws(StreamError) -> [UInt8] {
        try await perform(.reading, until: deadline, on: loop) { () throws(StreamError) in try tryRead(atMost: limit) }
    }

    /// The bytes that have arrived, `limit` at most; empty at the end of the stream, nil if none have arrived yet.
    private func tryRead(atMost limit: Int) throws(StreamError) -> [UInt8]? {
        precondition(limit > 0, "a read has room for at least one byte")
        var failure: CInt = 0
        // At most `limit` bytes are written, and as many as the call says count.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            repeat {
                let result = unsafe Glibc.read(fd, buffer.baseAddress, limit)
                count = max(0, result)
                failure = result < 0 ? errno : 0
            } while failure == EINTR
        }
        if failure == EAGAIN { return nil }
        guard failure == 0 else { throw StreamError("read", code: failure) }
        return bytes
    }

    /// Writes as many bytes as there is room for, and returns how many.
    /// - Parameter send: the system call: a socket's must not raise SIGPIPE.
    func tryWrite(
        _ bytes: ArraySlice<UInt8>, _ send: (CInt, UnsafeRawBufferPointer) -> Int
    ) throws(StreamError) -> Int {
        while true {
            // The pointer is used for the length of the call.
            let count = unsafe bytes.withUnsafeBytes { unsafe send(fd, $0) }
            if count >= 0 { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN: return 0
            default: throw StreamError("write")
            }
        }
    }

    /// Writes all bytes.
    func write(
        _ bytes: [UInt8], until deadline: LoopInstant?, on loop: isolated EventLoop,
        _ attempt: (ArraySlice<UInt8>) throws(StreamError) -> Int
    ) async throws(StreamError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest
            let count = try await perform(.writing, until: deadline, on: loop) { () throws(StreamError) -> Int? in
                let count = try attempt(piece)
                return count > 0 ? count : nil
            }
            rest = rest.dropFirst(count)
        }
    }
}
