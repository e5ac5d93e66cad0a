import CPlatform
import Synchronization

extension EventLoop {
    /// Runs `body` on a new loop on the calling thread, and returns its result or throws its error.
    /// - Throws: `SystemError` if the loop cannot be made, or the error of `body`.
    public static func run<Value: Sendable>(
        _ body: @escaping @Sendable (isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try run(LoopExecutor(poller: EpollPoller(), schedule: .arrival), body)
    }

    /// Runs `body` as ``run(_:)`` does, and cancels it when one of the signals arrives. The next signal ends the
    /// process at once, as all do in a program that does not handle them.
    ///
    /// ```swift
    /// try EventLoop.run(stoppingOn: [SIGINT, SIGTERM]) { loop in
    ///     try await serve(on: loop)
    /// }
    /// ```
    /// Call it before other threads are created, which could otherwise receive the signals.
    /// - Returns: nil if the body ended with the cancellation that a signal brought.
    /// - Throws: `SystemError` if the loop cannot be made or the signals not be received, or the error of `body`.
    @discardableResult
    public static func run<Value: Sendable>(
        stoppingOn signals: [CInt], _ body: @escaping @Sendable (isolated EventLoop) async throws -> Value
    ) throws -> Value? {
        let descriptor = try Signals.block(signals)
        defer { Signals.unblock(signals) }
        return try run { loop -> Value? in
            let received = try Signals(descriptor: descriptor, on: loop)
            defer { received.close() }
            return try await loop.withTaskScope(atEnd: .cancel) { scope -> Value? in
                let main = loop.spawn("main", in: scope) { try await body(loop) }
                let stop = loop.spawn("signals", in: scope) {
                    guard await received.next(on: loop) != nil else { return }
                    Signals.unblock(signals)
                    main.cancel()
                }
                do {
                    return try await main.value
                } catch let error where error.isCancellation && stop.isDone {
                    return nil
                }
            }
        }
    }

    /// Runs `body` on a loop whose clock jumps to the next timer when nothing is runnable.
    ///
    /// With a seed, runnable tasks run in an order drawn from it, the same for the same seed. Nothing of the real world
    /// is seen: no descriptors, no other threads.
    /// - Throws: ``Deadlock`` if every task waits for what cannot come, after all have been cancelled; else the error
    ///   of `body`.
    public static func runVirtual<Value: Sendable>(
        seed: UInt64? = nil, _ body: @escaping @Sendable (isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try runVirtual(seed: seed, confined: false, body)
    }

    /// - Parameter confined: as of ``runGroup(count:confined:_:)``.
    package static func runVirtual<Value: Sendable>(
        seed: UInt64? = nil, confined: Bool, _ body: @escaping @Sendable (isolated EventLoop) async throws -> Value
    ) throws -> Value {
        let schedule = seed.map { Schedule.shuffled(SplitMix64(seed: $0)) } ?? .arrival
        return try run(LoopExecutor(poller: VirtualPoller(), schedule: schedule, isConfined: confined), body)
    }

    /// Runs `body` on `count` loops, each on its own thread (the first on the calling one), until all have returned.
    /// - Throws: `SystemError` if a loop cannot be made, else the first error of a `body` in the order of the loops.
    public static func runGroup(
        count: Int, _ body: @escaping @Sendable (isolated EventLoop, _ index: Int) async throws -> Void
    ) throws {
        try runGroup(count: count, confined: false, body)
    }

    /// - Parameter confined: whether the loops take all that becomes runnable on their threads, `Task.detached` and the
    ///   like as well, which is cheaper than to have each task prefer its loop. Code that is isolated to nothing then
    ///   leaves a loop if another thread lets it go on.
    package static func runGroup(
        count: Int, confined: Bool, _ body: @escaping @Sendable (isolated EventLoop, _ index: Int) async throws -> Void
    ) throws {
        precondition(count > 0, "a group has at least one loop")
        // All of them before the first task, which would never run if one of them cannot be made.
        let executors = try (0..<count).map { _ in
            LoopExecutor(poller: try EpollPoller(), schedule: .arrival, isConfined: confined)
        }
        let mains = executors.enumerated().map { index, executor in
            MainTask(on: executor) { loop in try await body(loop, index) }
        }
        let threads = mains.dropFirst().map { main in LoopThread { try main.run() } }
        let first = Result { try mains[0].run() }
        let others = threads.map { $0.join() }
        for result in [first] + others { try result.get() }
    }

    /// The number of processors that this process may use, by its affinity and by the CPU quota of its control group:
    /// the natural number of loops. A part of a processor counts as one.
    public static var processorCount: Int {
        let allowed = Int(cp_processor_count())
        guard let quota = CPUQuota.processors() else { return allowed }
        return min(allowed, max(1, Int(quota.rounded(.up))))
    }

    private static func run<Value: Sendable>(
        _ executor: LoopExecutor, _ body: @escaping @Sendable (isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try MainTask(on: executor, body).run()
    }
}

/// The one unstructured task of a loop: all others are its children, and the loop runs until it has ended.
private struct MainTask<Value: Sendable>: Sendable {
    private let executor: LoopExecutor
    private let outcome = OutcomeBox<Value>()

    /// Made on the thread that asks for the loop, so that the task inherits the caller's task-local values, whichever
    /// thread runs the loop: a test's `#expect` finds its test by them, and so do logs and traces.
    init(on executor: LoopExecutor, _ body: @escaping @Sendable (isolated EventLoop) async throws -> Value) {
        self.executor = executor
        let (loop, outcome) = (EventLoop(executor: executor), outcome)
        let task = Task.immediate(name: "main", executorPreference: executor.preference) {
            await outcome.fill(by: body, on: loop)
        }
        executor.reactor.cancelBody = { task.cancel() }
        executor.reactor.taskBegins("main")
    }

    /// Runs the loop on the calling thread.
    func run() throws -> Value {
        executor.run()
        if let deadlock = executor.reactor.deadlock { throw deadlock }
        return try outcome.take().get()
    }
}

/// Where a loop's body leaves its result for the thread that runs the loop.
private final class OutcomeBox<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)

    func fill(by body: @Sendable (isolated EventLoop) async throws -> Value, on loop: isolated EventLoop) async {
        let outcome: Result<Value, any Error>
        do {
            outcome = .success(try await body(loop))
        } catch {
            outcome = .failure(error)
        }
        result.withLock { $0 = outcome }
        loop.reactor.noteTask()
        loop.reactor.stop()
    }

    func take() -> Result<Value, any Error> {
        guard let result = result.withLock({ $0 }) else { preconditionFailure("a loop stops when its body has ended") }
        return result
    }
}
