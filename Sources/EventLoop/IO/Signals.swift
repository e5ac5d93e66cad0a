import CPlatform
import Glibc

/// The process's signals, which a task of one loop can wait for.
///
/// Create it before other threads, so that all of them block the signals and only the loop reads them. Confined to its
/// loop.
public final class Signals: ReadinessHandler {
    private let fd: CInt
    private let reactor: Reactor
    private var received: [CInt] = []
    private var waiting: WaitID?
    private var isOpen = true

    /// Blocks the signals for the calling thread and all it creates later; the descriptor reads them.
    /// - Throws: `SystemError` if the system has no descriptor left.
    public static func block(_ signals: [CInt]) throws(SystemError) -> CInt {
        let fd = unsafe signals.withUnsafeBufferPointer { unsafe cp_signal_descriptor($0.baseAddress, CInt($0.count)) }
        guard fd >= 0 else { throw SystemError("signalfd") }
        return fd
    }

    /// Restores the effect of the signals; those that arrived and were not received take effect now.
    public static func unblock(_ signals: [CInt]) {
        var set = sigset_t()
        // The set is local, and the calls write nothing else.
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// - Parameter descriptor: of ``block(_:)``; closed by ``close()``.
    /// - Throws: `SystemError` if the loop cannot watch it.
    public init(descriptor: CInt, on loop: isolated EventLoop) throws(SystemError) {
        fd = descriptor
        reactor = loop.reactor
        try reactor.watch(fd, .readable, .level, self)
    }

    /// Suspends until a signal arrives, and returns its number; nil when the task is cancelled, or after ``close()``.
    public func next(on loop: isolated EventLoop) async -> CInt? { await next(isolation: loop) }

    /// As ``next(on:)``, for an iterator, which knows the loop only as the actor that it is isolated to.
    func next(isolation actor: isolated (any Actor)?) async -> CInt? {
        while received.isEmpty {
            guard isOpen else { return nil }
            precondition(waiting == nil, "two tasks wait for the same signals at once")
            let wait = reactor.makeWait()
            waiting = wait
            guard await reactor.suspend(wait, isolation: actor) == .signalled else {
                waiting = nil
                return nil
            }
        }
        return received.removeFirst()
    }

    /// Stops watching, ends the wait and closes the descriptor; a second call has no effect. The signals stay blocked.
    public func close() {
        guard isOpen else { return }
        isOpen = false
        reactor.forget(fd)
        Glibc.close(fd)
        wakeWaiting()
    }

    public func descriptorReady(_ fd: CInt, _ events: IOEvents) {
        while case let signal = cp_read_signal(fd), signal != 0 { received.append(signal) }
        wakeWaiting()
    }

    private func wakeWaiting() {
        if let waiting { reactor.wake(waiting) }
        waiting = nil
    }
}

/// `for await signal in signals`, in code that runs on the signals' loop; ends when the task is cancelled.
extension Signals: AsyncSequence {
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(signals: self) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let signals: Signals

        /// The next signal's number; nil when the task is cancelled.
        public mutating func next(isolation actor: isolated (any Actor)? = #isolation) async -> CInt? {
            await signals.next(isolation: actor)
        }
    }
}
