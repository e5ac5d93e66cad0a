import CPlatform
import Glibc

/// A program that runs alongside this one, but no longer than the scope of ``withChildProcess(_:on:_:)``. Confined to
/// its loop.
///
/// It is identified by a descriptor (pidfd), not by its number, so no signal reaches a process that has since been
/// given the same number.
public final class ChildProcess {
    /// How a process ended.
    public enum Exit: Sendable, Equatable {
        case exited(code: CInt)
        case signalled(number: CInt)
    }

    /// The ends of the requested pipes; closed when the scope ends.
    public let standardInput: PipeStream?
    public let standardOutput: PipeStream?
    public let standardError: PipeStream?
    /// The number that the system gave the process, for logs.
    public let processID: pid_t
    private let fd: CInt
    private var ended: Exit?

    fileprivate init(_ start: ChildStart, fd: CInt, on reactor: Reactor) {
        standardInput = start.input.map { PipeStream(adopting: $0, isWriting: true, on: reactor) }
        standardOutput = start.output.map { PipeStream(adopting: $0, isWriting: false, on: reactor) }
        standardError = start.error.map { PipeStream(adopting: $0, isWriting: false, on: reactor) }
        processID = start.processID
        self.fd = fd
    }

    /// Waits until the process has ended, and says how; later calls return at once.
    ///
    /// Its deadline and its cancellation leave the process as it is.
    /// - Throws: ``StreamError``; ECHILD if the program ignores SIGCHLD or has waited for the process by other means.
    public func exit(
        until deadline: LoopInstant? = nil, on loop: isolated EventLoop
    ) async throws(StreamError) -> Exit {
        while true {
            if let exit = try reap() { return exit }
            if Task.isCancelled { throw .cancelled }
            try await loop.waitUntilReadable(fd, until: deadline)
        }
    }

    /// Sends a signal; has no effect if the process has ended.
    /// - Throws: ``StreamError/system(_:)`` if the number is not a signal's, or the process has changed its owner.
    public func send(signal: CInt) throws(StreamError) {
        guard ended == nil, cp_pidfd_send_signal(fd, signal) != 0, errno != ESRCH else { return }
        throw StreamError("pidfd_send_signal")
    }

    /// Takes the process's end if it has come, or `blocking` until it comes.
    private func reap(blocking: Bool = false) throws(StreamError) -> Exit? {
        if let ended { return ended }
        var (code, isSignal): (CInt, CInt) = (0, 0)
        switch unsafe cp_reap(fd, blocking, &code, &isSignal) {
        case 0: return nil
        case 1: ended = isSignal != 0 ? .signalled(number: code) : .exited(code: code)
        default: throw StreamError("waitid")
        }
        return ended
    }

    /// Kills the process unless it has ended, and waits for its end.
    fileprivate func end(on loop: isolated EventLoop) async {
        for stream in [standardInput, standardOutput, standardError] { stream?.close() }
        do throws(StreamError) {
            if try reap() == nil {
                try send(signal: SIGKILL)
                try await loop.waitUncancellablyUntilReadable(fd)
            }
            _ = try reap()
        } catch {
            // The loop cannot watch it: what was killed ends soon. Or there is no process, as someone else has waited
            // for it.
            _ = try? reap(blocking: true)
        }
        // The descriptor's number may be another process's soon, and no signal may reach that.
        if ended == nil { ended = .signalled(number: SIGKILL) }
        close(fd)
    }
}

/// Starts a program, runs `body` with it, and returns the result of `body` or throws its error.
///
/// A program that has not ended by then is killed. Either way it is over when this returns, and leaves neither a
/// process nor a descriptor behind; the task's cancellation does not change that. Starting blocks the loop until the
/// program is loaded.
/// - Throws: ``StreamError/system(_:)`` if the program cannot be started, or the error of `body`.
public func withChildProcess<Value>(
    _ command: ChildCommand, on loop: isolated EventLoop,
    _ body: (ChildProcess, isolated EventLoop) async throws -> Value
) async throws -> Value {
    let start = try ChildStart(command)
    // The number is this child's until it is waited for, even if it has ended already.
    let fd = cp_pidfd_open(start.processID)
    guard fd >= 0 else {
        let failure = StreamError("pidfd_open")
        start.abandon()
        throw failure
    }
    let child = ChildProcess(start, fd: fd, on: loop.reactor)
    let result: Result<Value, any Error>
    do {
        result = .success(try await body(child, loop))
    } catch {
        result = .failure(error)
    }
    await child.end(on: loop)
    return try result.get()
}
