import EventLoop
import Testing

extension Trait where Self == BlockingTrait {
    /// For tests that wait for sockets, processes or the clock: they do so on threads of their own, so that the threads
    /// of Swift's pool, one for each core, are left to those that compute.
    public static var blocking: Self { BlockingTrait() }
}

/// Runs tests on a pool of threads that may block.
public struct BlockingTrait: SuiteTrait, TestTrait, TestScoping {
    public var isRecursive: Bool { true }

    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(BlockingExecutor.shared) { try await function() }
    }
}

private final class BlockingExecutor: TaskExecutor {
    static let shared = BlockingExecutor()

    // The sanitizer makes threads wait for each other, and those of the loops under test are some as well.
    private let pool = BlockingPool(threads: isThreadSanitized ? 2 : 6)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        pool.submit { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
