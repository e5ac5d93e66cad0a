import CPlatform
import EventLoop
import Glibc
import Logging
import Synchronization

/// Writes lines to standard error on a thread of its own, so that nothing waits for the reader of a log, or for a disk.
///
/// Lines are in a bounded buffer until they are written. Those that do not fit, and those that cannot be written (the
/// disk is full, the reader is gone), are dropped and counted; the count becomes a line as soon as lines can be
/// written again.
///
/// A loop that logs never waits for a lock: there are several buffers, of which it takes one that is free, and the
/// thread holds one only while it takes bytes out of it. The thread is woken at most every ``pause``; until then lines
/// pile up, so that one system call writes many.
public final class LogWriter: Sendable {
    /// How many bytes may wait: 4 MiB in all.
    static let bufferBytes = 512 << 10
    private static let bufferCount = 8
    /// The bytes of one write, unless a line is longer: a pipe takes this many at once (PIPE_BUF), so lines are never
    /// mixed with those of another process.
    private static let writeBytes = 4096
    /// In milliseconds.
    private static let pause: CInt = 10
    private static let pauseOfFlood: CInt = 100

    /// Whether the thread has to be told of a new line.
    private enum State: UInt8, AtomicRepresentable { case notStarted, awake, asleep, closed }

    let format: LineLogHandler.Format
    /// Whether lines begin with their priority, which the journal removes: `<4>` for a warning (sd-daemon(3)).
    let isJournal: Bool
    private let descriptor: CInt
    private let buffers: [LineBuffer]
    private let state = Atomic<State>(.notStarted)
    private let isClosing = Atomic<Bool>(false)
    private let dropped = Atomic<Int>(0)
    private let floods = Mutex(Floods())
    /// One more than the place of ``level`` among all; 0 for none.
    private let levelNumber = Atomic<UInt8>(0)
    /// What wakes the thread, and what it tells its end by.
    private let wakes: CInt
    private let ended: CInt

    /// - Parameters:
    ///   - descriptor: where lines go; whether it blocks does not matter.
    ///   - journalStream: device and inode of the stream that systemd has opened to its journal (`JOURNAL_STREAM`).
    public init(_ format: LineLogHandler.Format, to descriptor: CInt = STDERR_FILENO, journalStream: String? = nil) {
        self.format = format
        var status = stat()
        // The structure is the function's for the duration of the call.
        isJournal =
            unsafe journalStream != nil && fstat(descriptor, &status) == 0
            && journalStream == "\(status.st_dev):\(status.st_ino)"
        self.descriptor = descriptor
        buffers = (0..<Self.bufferCount).map { _ in LineBuffer() }
        (wakes, ended) = (cp_eventfd(), cp_eventfd())
        precondition(wakes >= 0 && ended >= 0, "no descriptor is left for the log")
    }

    deinit {
        Glibc.close(wakes)
        Glibc.close(ended)
    }

    /// Queues a line, without waiting.
    func append(_ line: [UInt8]) {
        // A thread's identity is its address, whose lowest bits are the same for all.
        let own = Int(truncatingIfNeeded: cp_thread_identity() >> 12 &* 0x9E37_79B9) & (Self.bufferCount - 1)
        let next = (own + 1) & (Self.bufferCount - 1)
        if !buffers[own].append(line), !buffers[next].append(line) { buffers[own].appendWaiting(line) }
        if state.load(ordering: .relaxed) != .awake { wake() }
    }

    /// Writes what is waiting, for at most this long, and ends the thread; lines that are logged later are lost.
    /// - Returns: whether all that waited could be written, or counted as dropped.
    @discardableResult
    public func close(within limit: Duration) -> Bool {
        isClosing.store(true, ordering: .releasing)
        wake()
        signal(wakes)
        return wait(for: ended, milliseconds: CInt(min(limit / .milliseconds(1), 1e9)))
    }

    /// Has a warning written soon, unless there was one like it a moment ago: then it is counted.
    func append(_ warning: WarningLine, _ line: @autoclosure () -> [UInt8]) {
        if floods.withLock({ $0.admits(warning, at: cp_monotonic_nanoseconds()) }) { return append(line()) }
        // So that it looks at the time.
        if state.load(ordering: .relaxed) != .awake { wake() }
    }

    /// The least severe level that is logged, whatever loggers were given; nil for that.
    public var level: Logger.Level? {
        get {
            let number = Int(levelNumber.load(ordering: .relaxed))
            return number > 0 ? Logger.Level.allCases[number - 1] : nil
        }
        set {
            let number = newValue.flatMap(Logger.Level.allCases.firstIndex).map { $0 + 1 }
            levelNumber.store(UInt8(number ?? 0), ordering: .relaxed)
        }
    }

    private func wake() {
        // Whoever finds it asleep tells it; the others know that it is told.
        switch state.exchange(.awake, ordering: .acquiringAndReleasing) {
        case .notStarted: LoopThread { self.run() }.detach()
        case .asleep: signal(wakes)
        case .awake: break
        case .closed: state.store(.closed, ordering: .relaxed)
        }
    }

    // MARK: The thread

    private func run() {
        var taken = Taken()
        while true {
            let isLast = isClosing.load(ordering: .acquiring)
            let hasRepeated = tellRepeated(isEnd: isLast)
            let hasLines = take(into: &taken)
            write(&taken)
            if isLast { break }
            if hasLines || hasRepeated {
                _ = wait(for: wakes, milliseconds: hasLines ? Self.pause : Self.pauseOfFlood)
            } else {
                sleepUntilNextLine()
            }
        }
        state.store(.closed, ordering: .releasing)
        signal(ended)
    }

    /// Writes how many warnings were counted, where it is time to.
    /// - Returns: whether more are to be told of later.
    private func tellRepeated(isEnd: Bool) -> Bool {
        let (repeated, isMore) = floods.withLock { floods in
            (floods.takeRepeated(at: cp_monotonic_nanoseconds(), isEnd: isEnd), floods.hasRepeated)
        }
        for repeated in repeated { append(LineLogHandler.line(of: repeated, for: self)) }
        return isMore
    }

    private func sleepUntilNextLine() {
        state.store(.asleep, ordering: .releasing)
        // A line may have come before its loop could see that the thread sleeps; the lock of its buffer orders the two.
        if buffers.allSatisfy(\.isEmpty), !floods.withLock(\.hasRepeated) { _ = wait(for: wakes, milliseconds: -1) }
        state.store(.awake, ordering: .releasing)
    }

    /// How many lines were dropped, of those that the thread has looked for.
    public var droppedLines: Int { dropped.load(ordering: .relaxed) }

    /// What is being written, and how many lines were lost since the log last told of it.
    private struct Taken {
        /// What lay in each buffer, which has got the room of the last time for it.
        var parts = [[UInt8]](repeating: [], count: bufferCount)
        var lost = 0
        /// How many it has told of.
        var told = 0
        /// Whether the last write ended within a line.
        var isCut = false
    }

    /// Takes what lies in the buffers; false if nothing does.
    private func take(into taken: inout Taken) -> Bool {
        for (index, buffer) in buffers.enumerated() { taken.lost += buffer.exchange(&taken.parts[index]) }
        return !taken.parts.allSatisfy(\.isEmpty)
    }

    private func write(_ taken: inout Taken) {
        defer { dropped.store(taken.told + taken.lost, ordering: .relaxed) }
        var goesOn = true
        for index in taken.parts.indices {
            if goesOn {
                goesOn = writeLines(taken.parts[index], &taken)
            } else {
                taken.lost += taken.parts[index].count { $0 == .newline }
            }
            // A burst's room is given back.
            taken.parts[index].removeAll(keepingCapacity: taken.parts[index].capacity <= 64 << 10)
        }
        guard goesOn, taken.lost > 0 else { return }
        let lost = taken.lost
        taken.lost = 0
        if writeLines(LineLogHandler.line(ofLost: lost, for: self), &taken) {
            taken.told += lost
        } else {
            taken.lost = lost
        }
    }

    /// Writes whole lines, as many at once as a pipe takes in one piece; false if that fails, and the rest is counted
    /// as lost.
    private func writeLines(_ bytes: [UInt8], _ taken: inout Taken) -> Bool {
        var start = 0
        while start < bytes.count {
            var end = min(bytes.count, start + Self.writeBytes)
            if let newline = bytes[start..<end].lastIndex(of: .newline) ?? bytes[end...].firstIndex(of: .newline) {
                end = newline + 1
            }
            if taken.isCut {
                guard writeAll([.newline][...]) == 1 else {
                    taken.lost += bytes[start...].count { $0 == .newline }
                    return false
                }
                taken.isCut = false
            }
            let written = writeAll(bytes[start..<end])
            guard written == end - start else {
                taken.isCut = written > 0 && bytes[start + written - 1] != .newline
                taken.lost += bytes[(start + written)...].count { $0 == .newline }
                return false
            }
            start = end
        }
        return true
    }

    /// Writes all of the bytes unless that fails; waits for the reader, if there is one.
    /// - Returns: how many were written.
    private func writeAll(_ bytes: ArraySlice<UInt8>) -> Int {
        var written = 0
        while written < bytes.count {
            // The bytes are alive while the system reads them.
            let count = unsafe bytes.dropFirst(written).withUnsafeBytes { rest in
                unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
            }
            if count > 0 {
                written += count
            } else if count < 0, errno == EAGAIN {
                // It was made non-blocking from outside, and is full.
                _ = wait(for: descriptor, milliseconds: -1, events: Int16(POLLOUT))
            } else if !(count < 0 && errno == EINTR) {
                break
            }
        }
        return written
    }

    // MARK: Event descriptors

    private func signal(_ event: CInt) {
        var one: UInt64 = 1
        // The number is alive while the system reads it; eight bytes are what an eventfd takes.
        _ = unsafe Glibc.write(event, &one, 8)
    }

    /// Waits until the descriptor is ready, and takes what an event descriptor tells; false when the time is over.
    private func wait(for descriptor: CInt, milliseconds: CInt, events: Int16 = Int16(POLLIN)) -> Bool {
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        // The entry is alive while the system fills it in.
        guard unsafe poll(&entry, 1, milliseconds) > 0 else { return false }
        if events == Int16(POLLIN) {
            var count: UInt64 = 0
            // The same.
            _ = unsafe read(descriptor, &count, 8)
        }
        return true
    }
}

/// Lines that wait for the writer's thread, and how many found no room.
private final class LineBuffer: Sendable {
    private struct Content {
        var bytes: [UInt8] = []
        var lost = 0

        mutating func append(_ line: [UInt8]) {
            if bytes.count + line.count <= LogWriter.bufferBytes { bytes += line } else { lost += 1 }
        }
    }

    private let content = Mutex(Content())

    /// False if another thread is at the buffer.
    func append(_ line: [UInt8]) -> Bool { content.withLockIfAvailable { $0.append(line) } != nil }

    func appendWaiting(_ line: [UInt8]) { content.withLock { $0.append(line) } }

    var isEmpty: Bool { content.withLock { $0.bytes.isEmpty } }

    /// Takes the lines that wait, and leaves an empty array with room in their place.
    /// - Returns: how many found no room.
    func exchange(_ bytes: inout [UInt8]) -> Int {
        content.withLock { content in
            swap(&content.bytes, &bytes)
            defer { content.lost = 0 }
            return content.lost
        }
    }
}

extension UInt8 {
    fileprivate static let newline = UInt8(ascii: "\n")
}
