import CPlatform
import Glibc
import Synchronization

/// A thread that runs one function and can be joined for its result.
///
/// It takes no signals but those that its own faults cause: signals of the process are for the thread that started the
/// program, which may yet block them to read them by ``Signals``.
package final class LoopThread: Sendable {
    private let body: @Sendable () throws -> Void
    private let result = Mutex<Result<Void, any Error>>(.success(()))
    private let handle = Mutex<pthread_t?>(nil)

    package init(_ body: @escaping @Sendable () throws -> Void) {
        self.body = body
        var handle = pthread_t()
        // It inherits the mask, so that there is no moment at which it takes signals.
        var mask = sigset_t()
        unsafe cp_hold_signals(&mask)
        defer { unsafe cp_restore_signals(&mask) }
        // The new thread takes over the reference that is passed here, and gives it back when it ends.
        let code = unsafe pthread_create(
            &handle, nil,
            { context in
                guard let context = unsafe context else { return nil }
                let thread = unsafe Unmanaged<LoopThread>.fromOpaque(context).takeRetainedValue()
                let outcome = Result { try thread.body() }
                thread.result.withLock { $0 = outcome }
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        precondition(code == 0, "pthread_create: \(code)")
        self.handle.withLock { $0 = handle }
    }

    /// Lets the thread end by itself: it is not joined.
    package func detach() {
        if let handle = handle.withLock({ $0 }) { pthread_detach(handle) }
    }

    /// Waits for the thread's end.
    package func join() -> Result<Void, any Error> {
        if let handle = handle.withLock({ $0 }) { pthread_join(handle, nil) }
        return result.withLock { $0 }
    }
}
