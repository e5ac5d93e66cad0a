import CPlatform
import Synchronization

/// Where a loop's jobs are handed in: from its own thread straight into the run queue, from others through an inbox.
///
/// It is the loop's serial executor, so that isolation to the ``EventLoop`` actor means running here, and a task
/// executor, so that a task which prefers it stays on the loop where its code is isolated to nothing.
///
/// On a confined loop no task prefers it. Each return of an `await` is cheaper then, and a child task begins in the step
/// that makes it, without a job of its own. Code that is isolated to nothing stays because whatever becomes runnable on
/// the loop's thread, and is to run on the global pool, is taken by the loop.
///
/// `@unchecked Sendable`: `reactor` is touched by the loop's thread alone (``isOnLoop``), all else is atomic or locked.
public final class LoopExecutor: SerialExecutor, TaskExecutor, @unchecked Sendable {
    let reactor: Reactor
    private let poller: any Poller
    /// The identity of the thread inside ``run()``, or 0.
    private let thread = Atomic<UInt>(0)
    private let inbox = Mutex(Inbox())
    /// Whether there is something in the inbox, of which the loop was told. It changes under the inbox's lock, and is
    /// read in each turn without it.
    private let hasMail = Atomic<Bool>(false)
    /// Whether all that becomes runnable on the loop's thread runs there, whatever it prefers.
    let isConfined: Bool

    private struct Inbox {
        var jobs: [UnownedJob] = []
        var wakes: [(WaitID, Wake)] = []
        var calls: [@Sendable () -> Void] = []
        /// Whether the loop has ended.
        var isClosed = false
    }

    init(poller: any Poller, schedule: Schedule, isConfined: Bool = false) {
        self.poller = poller
        self.isConfined = isConfined
        reactor = Reactor(poller: poller, schedule: schedule)
        reactor.executor = self
    }

    /// Whether the calling thread is the loop's.
    public var isOnLoop: Bool { thread.load(ordering: .relaxed) == cp_thread_identity() }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isOnLoop {
            reactor.append(job)
        } else {
            announce { $0.jobs.append(job) }
        }
    }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }
    public func asUnownedTaskExecutor() -> UnownedTaskExecutor { unsafe UnownedTaskExecutor(ordinary: self) }

    /// What the loop's tasks prefer: the loop, or nothing if it is confined.
    package var preference: LoopExecutor? { isConfined ? nil : self }

    /// Runs a job on the calling thread, the loop's.
    func run(_ job: UnownedJob) {
        // With the executor that the job's task prefers, or each return of an `await` would be a change of executor.
        let serial = unsafe asUnownedSerialExecutor()
        if isConfined {
            unsafe job.runSynchronously(on: serial)
        } else {
            unsafe job.runSynchronously(isolatedTo: serial, taskExecutor: asUnownedTaskExecutor())
        }
    }

    /// Lets confined loops take what becomes runnable on their threads. Once for the process.
    private static let takesGlobalJobs: Void = unsafe cp_take_global_jobs { job in
        // The loop's thread is inside `run()`, which holds the executor.
        guard let job = unsafe job, let loop = unsafe cp_loop_of_thread() else { return false }
        let executor = unsafe Unmanaged<LoopExecutor>.fromOpaque(loop).takeUnretainedValue()
        // A job is no more than the reference that the runtime passes.
        executor.reactor.append(unsafe unsafeBitCast(job, to: UnownedJob.self))
        return true
    }

    /// Lets `assumeIsolated` and isolation checks hold in callbacks that the loop makes outside any task.
    public func isIsolatingCurrentContext() -> Bool? { isOnLoop }

    public func checkIsolated() { precondition(isOnLoop, "not on this loop's thread") }

    /// Ends a suspension; callable from any thread, acts in the loop's next turn.
    func wake(_ wait: WaitID, _ reason: Wake) {
        if isOnLoop {
            reactor.markWoken(wait, reason)
        } else {
            announce { $0.wakes.append((wait, reason)) }
        }
    }

    /// Serves the loop on the calling thread until the reactor is stopped.
    ///
    /// Not a part of its caller: a file that has the thread's loop in it has a variable of its own for it.
    @inline(never)
    func run() {
        let (free, _) = thread.compareExchange(
            expected: 0, desired: cp_thread_identity(), ordering: .acquiringAndReleasing)
        precondition(free, "a loop runs on one thread")
        if isConfined {
            Self.takesGlobalJobs
            unsafe cp_set_loop_of_thread(Unmanaged.passUnretained(self).toOpaque())
        }
        reactor.run(for: self)
        if isConfined {
            cp_set_loop_of_thread(nil)
            reactor.runLeftJobs(self)
        }
        for call in close() { call() }
        thread.store(0, ordering: .releasing)
    }

    func takeInbox() {
        guard hasMail.load(ordering: .relaxed) else { return }
        let taken = inbox.withLock { inbox in
            hasMail.store(false, ordering: .relaxed)
            defer { inbox = Inbox() }
            return inbox
        }
        for job in taken.jobs { reactor.append(job) }
        for (wait, reason) in taken.wakes { reactor.markWoken(wait, reason) }
        for call in taken.calls { call() }
    }

    /// Whether the loop has taken all that was handed in.
    var isInboxEmpty: Bool { !hasMail.load(ordering: .acquiring) }

    /// Makes the loop call a function in its next turn.
    /// - Returns: false if the loop has ended, and the call is not made.
    func handOver(_ call: @escaping @Sendable () -> Void) -> Bool {
        announce { $0.calls.append(call) }
    }

    /// Takes no more calls, and returns those that came in time.
    private func close() -> [@Sendable () -> Void] {
        inbox.withLock { inbox in
            inbox.isClosed = true
            defer { inbox.calls = [] }
            return inbox.calls
        }
    }

    /// Puts something into the inbox, and wakes the loop if it is the first; false if the loop has ended.
    @discardableResult
    private func announce(_ change: (inout Inbox) -> Void) -> Bool {
        let (isFirst, isClosed) = inbox.withLock { inbox in
            if !inbox.isClosed { change(&inbox) }
            return (!hasMail.exchange(true, ordering: .relaxed), inbox.isClosed)
        }
        if isFirst { poller.wake() }
        return !isClosed
    }
}
