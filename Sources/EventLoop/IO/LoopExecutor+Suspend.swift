extension LoopExecutor {
    /// As ``EventLoop/suspend(_:until:)``, for code that knows its loop only as the actor it is isolated to.
    func suspend(_ wait: WaitID, isolation actor: isolated (any Actor)? = #isolation) async -> Wake {
        checkIsolated()
        return await withTaskCancellationHandler {
            unsafe await withUnsafeContinuation { continuation in unsafe reactor.park(wait, continuation, until: nil) }
        } onCancel: {
            wake(wait, .cancelled)
        }
    }
}

extension EventLoop {
    /// Suspends the calling task until the wait is woken, whatever happens to the task.
    func suspendUncancellably(_ wait: WaitID) async -> Wake {
        unsafe await withUnsafeContinuation { continuation in unsafe reactor.park(wait, continuation, until: nil) }
    }
}
