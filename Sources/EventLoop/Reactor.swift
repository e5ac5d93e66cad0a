import DequeModule

/// A step that a loop takes at the end of each turn, before it waits.
public protocol TurnHandler: AnyObject {
    func turnEnds()
}

/// The inside of a loop: run queue, timers, suspensions, descriptors and the turn that serves them in order.
///
/// It is confined to the loop's thread: code gets hold of it only through ``EventLoop/reactor``, which is isolated to the loop,
/// or as an object that such code has made.
public final class Reactor {
    /// The time at which the current turn began to handle events.
    public private(set) var now: LoopInstant

    let poller: any Poller
    private var ready = Deque<UnownedJob>()
    private var timers = Timers()
    private var waits = Waits()
    private var readiness = Readiness()
    private var reports: [ReadyEvent] = []
    private var turnHandlers: [any TurnHandler] = []
    private var marked: [(WaitID, Wake)] = []
    private var schedule: Schedule
    private var stopped = false

    /// How many jobs run before descriptors and timers are looked at again: a busy queue never starves I/O.
    private static let jobsPerTurn = 256

    init(poller: any Poller, schedule: Schedule) {
        self.poller = poller
        self.schedule = schedule
        now = poller.now()
    }

    // MARK: Timers

    /// Calls the handler at `instant`, or in the next turn if that has passed; costs O(log n).
    public func schedule(at instant: LoopInstant, _ handler: any TimerHandler) -> TimerID {
        timers.schedule(at: instant, .call(handler))
    }

    /// Forgets a timer; one that has fired is no error.
    public func cancel(_ timer: TimerID) { timers.cancel(timer) }

    /// How many timers are pending.
    public var pendingTimers: Int { timers.count }

    // MARK: Descriptors

    /// Watches a descriptor until ``forget(_:)``; level-triggered unless told otherwise.
    public func watch(
        _ fd: CInt, _ events: IOEvents, _ trigger: Trigger = .level, _ handler: any ReadinessHandler
    ) throws(SystemError) {
        let token = readiness.insert(fd, handler)
        do throws(SystemError) {
            try poller.add(fd, events, trigger, token: token)
        } catch {
            _ = readiness.remove(fd)
            throw error
        }
    }

    /// Changes what a watched descriptor is watched for.
    public func rewatch(_ fd: CInt, _ events: IOEvents, _ trigger: Trigger = .level) throws(SystemError) {
        try poller.modify(fd, events, trigger, token: readiness.token(fd))
    }

    /// Stops watching a descriptor; one that is not watched is no error.
    public func forget(_ fd: CInt) {
        if readiness.remove(fd) { poller.remove(fd) }
    }

    /// Stops watching a descriptor that is about to be closed, which takes it out of the epoll set without a system call.
    ///
    /// Only for descriptors that nothing has duplicated: an open duplicate would keep the registration alive.
    public func forgetClosing(_ fd: CInt) { _ = readiness.remove(fd) }

    /// Whether the descriptor is watched.
    public func watches(_ fd: CInt) -> Bool { readiness.contains(fd) }

    /// How many descriptors are watched.
    public var watchedDescriptors: Int { readiness.count }

    // MARK: Suspensions

    /// Names a suspension that the calling task is about to enter with ``EventLoop/suspend(_:until:)``.
    public func makeWait() -> WaitID { waits.make() }

    /// Frees a suspension that will not be entered.
    public func abandon(_ wait: WaitID) { waits.abandon(wait) }

    /// Ends a suspension; false if it is over already.
    @discardableResult
    public func wake(_ wait: WaitID) -> Bool { wake(wait, .signalled) }

    /// How many suspensions are not yet over.
    public var pendingWaits: Int { waits.count }

    @discardableResult
    func wake(_ wait: WaitID, _ reason: Wake) -> Bool {
        let (woken, timer) = waits.wake(wait, reason)
        if let timer { timers.cancel(timer) }
        return woken
    }

    func park(_ wait: WaitID, _ continuation: UnsafeContinuation<Wake, Never>, until deadline: LoopInstant?) {
        guard unsafe waits.park(wait, continuation), let deadline else { return }
        waits.setTimer(wait, timers.schedule(at: deadline, .wake(wait)))
    }

    /// Marks a suspension that was ended from a place where no task may be resumed; the loop does it before it waits.
    func markWoken(_ wait: WaitID, _ reason: Wake) { marked.append((wait, reason)) }

    // MARK: Turns

    /// Has the handler told at the end of each turn, until ``removeTurnHandler(_:)``.
    public func addTurnHandler(_ handler: any TurnHandler) { turnHandlers.append(handler) }

    public func removeTurnHandler(_ handler: any TurnHandler) { turnHandlers.removeAll { $0 === handler } }

    func append(_ job: UnownedJob) { ready.append(job) }

    /// Ends ``run(on:)`` after the job that is running.
    func stop() { stopped = true }

    /// Takes turns until ``stop()``.
    func run(on executor: LoopExecutor) {
        while !stopped {
            executor.takeInbox()
            runJobs(on: executor)
            if !stopped { pollAndDispatch() }
        }
    }

    private func runJobs(on executor: LoopExecutor) {
        var budget = Self.jobsPerTurn
        repeat {
            wakeMarked()
            while budget > 0, let job = schedule.next(of: &ready) {
                unsafe job.runSynchronously(
                    isolatedTo: executor.asUnownedSerialExecutor(), taskExecutor: executor.asUnownedTaskExecutor())
                budget -= 1
                if stopped { return }
            }
            for handler in turnHandlers { handler.turnEnds() }
        } while budget > 0 && (!ready.isEmpty || !marked.isEmpty)
    }

    private func wakeMarked() {
        guard !marked.isEmpty else { return }
        let wakes = marked
        marked.removeAll(keepingCapacity: true)
        for (wait, reason) in wakes { wake(wait, reason) }
    }

    private func pollAndDispatch() {
        poller.poll(until: ready.isEmpty && marked.isEmpty ? timers.next : now, into: &reports)
        now = poller.now()
        for report in reports {
            guard let (fd, handler) = readiness.target(of: report.token) else { continue }
            handler.descriptorReady(fd, report.events)
        }
        while let (id, action) = timers.popDue(at: now) {
            switch action {
            case .wake(let wait): wake(wait, .timedOut)
            case .call(let handler): handler.timerFired(id)
            }
        }
    }
}
