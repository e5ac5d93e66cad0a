/// A step that a loop takes at the end of each turn, before it waits.
public protocol TurnHandler: AnyObject {
    func turnEnds()
}

/// A step that runs as soon as the kernel has said what there is to read, such as writing a request on a connection if
/// nothing has arrived on it.
public protocol PollHandler: AnyObject {
    /// Runs on the loop's thread, once for each ``Reactor/callAfterPoll(_:)``.
    func polled()
}

/// The internals of a loop: run queue, timers, suspensions, descriptors, and the turn that serves them in order.
///
/// It is confined to the loop's thread: code gets hold of it only through ``EventLoop/reactor``, which is isolated to
/// the loop, or as an object that such code has made.
public final class Reactor {
    /// The time at which the current turn began to handle events.
    public var now: LoopInstant { turnStart }
    // Each access of a public variable is checked for exclusivity; a private one behind computed accessors is not
    // checked.
    private var turnStart: LoopInstant

    /// The current time, for code that has kept the loop busy since the turn began.
    public var time: LoopInstant { poller.now() }

    let poller: any Poller
    /// The executor that this is the inside of.
    unowned var executor: LoopExecutor!
    private var timers = Timers()
    /// When the next timer is due, none if there is none. This and what else is a plain value is read without a check
    /// for exclusivity, of which each turn would take one for each variable.
    private var nextDue: LoopInstant?
    private let readiness = Readiness()
    private var turnHandlers: [any TurnHandler] = []
    private var hasTurnHandlers = false
    private var pollHandlers: [any PollHandler] = []
    private var hasPollHandlers = false
    private var stopped = false
    private var turns = 0
    private var jobs = 0
    private var busyNanoseconds: Int64 = 0
    private let ready = Ring<Step>()
    private let parked = ParkedJobs()
    @usableFromInline let parking: Parking
    private let reports = Ring<ReadyEvent>()
    /// Of how many of them, from the first on, ``hasNews(_:)`` knows.
    private var notedReports = 0
    private var marked: [(WaitID, Wake)] = []
    private var hasMarked = false
    private var schedule: Schedule
    private let isShuffled: Bool
    private var lag = LagGauge()

    /// The job that is watched because it will not run before the next turn, by its number, and since when it waits.
    private var watched: (job: Int, since: LoopInstant)?
    /// How long the latest such job waited, in nanoseconds; 0 if no more jobs wait than one turn runs.
    private var backlog: Int64 = 0
    private var taskNames: TaskNames?
    private var jobWatch: JobWatch?
    /// Set when nothing is runnable and nothing will be: on virtual time alone.
    private(set) var deadlock: Deadlock?
    /// Whether all waits were told that they are cancelled, for a deadlock that cancelling the body did not end.
    private var hasWokenAll = false
    /// Cancels the loop's body.
    var cancelBody: () -> Void = {}

    /// How many jobs run before descriptors and timers are looked at again: a busy queue never starves I/O.
    private static let jobsPerTurn = 256
    /// How many reports are passed on before the jobs run that they have led to.
    private static let reportsPerStep = 16
    /// What jobs have taken of this turn for work whose size others choose.
    private var bulk = 0

    init(poller: any Poller, schedule: Schedule) {
        self.poller = poller
        self.schedule = schedule
        isShuffled = if case .shuffled = schedule { true } else { false }
        parking = Parking(parked)
        turnStart = poller.now()
        taskNames = poller.isVirtual ? TaskNames() : nil
    }

    // MARK: Timers

    /// Calls the handler at `instant`, or in the next turn if that has passed; costs O(log n).
    public func schedule(at instant: LoopInstant, _ handler: any TimerHandler) -> TimerID {
        // Not before now: a handler that schedules itself in the past would stand before all others in every turn.
        schedule(at: max(instant, now), .call(handler))
    }

    private func schedule(at due: LoopInstant, _ action: Timers.Action) -> TimerID {
        nextDue = min(nextDue ?? due, due)
        return timers.schedule(at: due, action)
    }

    /// Forgets a timer; one that has fired is not an error.
    public func cancel(_ timer: TimerID) {
        timers.cancel(timer)
        nextDue = timers.next
    }

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

    /// Stops watching a descriptor; one that is not watched is not an error.
    public func forget(_ fd: CInt) {
        if readiness.remove(fd) { poller.remove(fd) }
    }

    /// Stops watching a descriptor that is about to be closed; closing removes it from the epoll set without a system
    /// call.
    ///
    /// Only for descriptors that nothing has duplicated: an open duplicate would keep the registration alive.
    public func forgetClosing(_ fd: CInt) { _ = readiness.remove(fd) }

    /// Whether the descriptor is watched.
    public func watches(_ fd: CInt) -> Bool { readiness.contains(fd) }

    /// How many descriptors are watched.
    public var watchedDescriptors: Int { readiness.count }

    // MARK: Steps after a poll

    /// Calls the handler right after the next poll, which does not wait, and before any of its reports are passed on.
    public func callAfterPoll(_ handler: any PollHandler) {
        pollHandlers.append(handler)
        hasPollHandlers = true
    }

    /// Asks the kernel once more what there is to read, for a handler whose own work since the poll has taken a while.
    /// The reports are passed on with the others.
    public func pollAgain() {
        poller.poll(from: now, until: now, into: reports)
        noteReports()
    }

    /// Whether anything has arrived on an edge-triggered descriptor (bytes, an end, or an error) between its last
    /// report and the latest poll. For handlers that are called after a poll.
    public func hasNews(_ fd: CInt) -> Bool { readiness.hasNews(fd) }

    private func callPollHandlers() {
        noteReports()
        let count = pollHandlers.count
        for index in 0..<count { pollHandlers[index].polled() }
        pollHandlers.removeFirst(count)
        hasPollHandlers = !pollHandlers.isEmpty
    }

    private func noteReports() {
        for offset in notedReports..<reports.count { readiness.note(reports[offset]) }
        notedReports = reports.count
    }

    // MARK: Suspensions

    /// Names a suspension that the calling task is about to enter with ``suspend(_:until:isolation:)``.
    public func makeWait() -> WaitID { parked.waits.make() }

    /// Frees a suspension that will not be entered.
    public func abandon(_ wait: WaitID) { parked.waits.abandon(wait) }

    /// Suspends the calling task until ``wake(_:)``, `deadline` or the task's cancellation, whichever is first.
    ///
    /// - Parameter actor: the caller's, which is this loop. A closure without it would go to the executor that the task
    ///   prefers: one job more, and another loop's thread if the task has come from there.
    public func suspend(
        _ wait: WaitID, until deadline: LoopInstant? = nil, isolation actor: isolated (any Actor)? = #isolation
    ) async -> Wake {
        let executor: LoopExecutor = executor
        return await withTaskCancellationHandler {
            _ = actor
            if let wake = enter(wait, until: deadline) { return wake }
            return await parking.leave(wait)
        } onCancel: {
            executor.wake(wait, .cancelled)
        }
    }

    /// Suspends the calling task until the wait is woken, whatever happens to the task: whoever makes it wait wakes it
    /// in time, and when the task is cancelled. Half the cost of a wait with a timer and a handler of its own.
    ///
    /// It becomes a part of its caller: as a function of its own it would take a frame, and a change of executor when
    /// it returns.
    @inline(__always)
    func suspendUncancellably(_ wait: WaitID, on loop: isolated EventLoop) async -> Wake {
        if let wake = enter(wait) { return wake }
        return await parking.leave(wait)
    }

    /// Tells a handler when the wait is woken, which no task is suspended for: whoever makes it wait wakes or abandons
    /// it in time.
    /// - Parameter number: which of the handler's waits it is.
    package func handle(_ wait: WaitID, as number: Int, by handler: any WaitHandler) {
        if parked.waits.handle(wait, as: number, by: handler) { ready.append(.tell(wait)) }
    }

    /// Suspends a task that waits for tasks of its own until ``wake(_:)``, or its cancellation unless it is shielded
    /// from that.
    ///
    /// A deadlock is not its fault: those that it waits for are named instead.
    func suspendJoining(
        _ wait: WaitID, shielded: Bool, isolation actor: isolated (any Actor)? = #isolation
    ) async -> Wake {
        if shielded {
            if let wake = enter(wait, isJoin: true) { return wake }
            return await parking.leave(wait)
        }
        let executor: LoopExecutor = executor
        return await withTaskCancellationHandler {
            _ = actor
            if let wake = enter(wait, isJoin: true) { return wake }
            return await parking.leave(wait)
        } onCancel: {
            executor.wake(wait, .cancelled)
        }
    }

    /// Suspends the calling task until the jobs that are ready now have run.
    func yield(on loop: isolated EventLoop) async {
        let wait = makeWait()
        markWoken(wait, .signalled)
        _ = await suspendUncancellably(wait, on: loop)
    }

    /// Notes that the calling task is about to suspend, by its call of ``Parking/leave(_:)``.
    /// - Returns: the reason of a wake-up that came first, so that there is nothing to suspend for.
    func enter(_ wait: WaitID) -> Wake? { enter(wait, until: nil) }

    private func enter(_ wait: WaitID, until deadline: LoopInstant? = nil, isJoin: Bool = false) -> Wake? {
        assert(executor.isOnLoop, "a task that waits on a loop is there")
        noteTask()
        if let wake = parked.waits.enter(wait) { return wake }
        taskNames?.suspend(Task<Never, Never>.name ?? "a task without a name", at: wait, isJoin: isJoin)
        if let deadline { parked.waits.setTimer(wait, schedule(at: deadline, .wake(wait))) }
        return nil
    }

    /// Ends a suspension; false if it is over already.
    @discardableResult
    public func wake(_ wait: WaitID) -> Bool { wake(wait, .signalled) }

    /// How many suspensions are not yet over.
    public var pendingWaits: Int { parked.waits.count }

    /// Ends a suspension with a reason of the caller's; false if it is over already.
    @discardableResult
    public func wake(_ wait: WaitID, as reason: Wake) -> Bool { wake(wait, reason) }

    @discardableResult
    func wake(_ wait: WaitID, _ reason: Wake) -> Bool {
        let (woken, step, timer) = parked.waits.wake(wait, reason)
        if let step { ready.append(step) }
        if let timer { cancel(timer) }
        if woken { taskNames?.resume(wait) }
        return woken
    }

    /// Marks a suspension that was ended from a place where no task may be resumed; the loop does it before it waits.
    func markWoken(_ wait: WaitID, _ reason: Wake) {
        marked.append((wait, reason))
        hasMarked = true
    }

    // MARK: Names and slow jobs

    /// Reports every job that blocks the loop for longer than `threshold`, with the name of its task; nil ends that.
    ///
    /// While this is on, each job costs two clock readings, and names of tasks are kept: asyncio's debug mode.
    public func reportSlowJobs(over threshold: Duration?, to report: @escaping (SlowJob) -> Void = { _ in }) {
        jobWatch?.isOver = true
        jobWatch = threshold.map { JobWatch(threshold: $0, report: report) }
        if jobWatch == nil, !poller.isVirtual { taskNames = nil }
        if jobWatch != nil, taskNames == nil { taskNames = TaskNames() }
    }

    /// Whether slow jobs are reported.
    package var reportsSlowJobs: Bool { jobWatch != nil }

    /// Describes the running job, for reports of slow jobs, which show it instead of the task's name; the last call
    /// counts.
    ///
    /// The description is not even put together unless slow jobs are reported.
    public func describeJob(_ description: @autoclosure () -> String) {
        if jobWatch != nil { taskNames?.described = description() }
    }

    /// A name for a task that has none, while names are kept.
    func madeUpTaskName() -> String? { taskNames?.makeUp() }

    /// A task of a scope, or the loop's body, begins or has ended.
    func taskBegins(_ name: String?) { if let name { taskNames?.begin(name) } }
    func taskEnded(_ name: String?) { if let name { taskNames?.end(name) } }

    /// Notes the task whose job is running, while names are kept.
    func noteTask() { taskNames?.noted = Task<Never, Never>.name }

    // MARK: Turns

    /// A number for the job that is running, or for the handlers that run between two jobs of a turn.
    package var step: Int { turns &+ jobs }

    /// Whether the loop has nothing to do after this step but to poll.
    package var isLastStep: Bool { ready.isEmpty && reports.isEmpty && !hasPollHandlers && !hasMarked }

    /// Calls the handler at the end of each turn, until ``removeTurnHandler(_:)``.
    public func addTurnHandler(_ handler: any TurnHandler) {
        turnHandlers.append(handler)
        hasTurnHandlers = true
    }

    public func removeTurnHandler(_ handler: any TurnHandler) {
        turnHandlers.removeAll { $0 === handler }
        hasTurnHandlers = !turnHandlers.isEmpty
    }

    func append(_ job: UnownedJob) { ready.append(.job(job)) }

    /// Takes a share of this turn for work whose size others choose, such as reading what they sent; false if the turn
    /// has no room for it, so that it has to be done elsewhere or later.
    ///
    /// For work that is short by itself: any number of such pieces may be there at once.
    /// - Parameters:
    ///   - amount: how much it is, in a measure that all such work of the program has.
    ///   - limit: how much of it there may be in one turn.
    package func takeShare(_ amount: Int, of limit: Int) -> Bool {
        guard bulk + amount <= limit else { return false }
        bulk += amount
        return true
    }

    /// How many jobs are runnable.
    public var readyJobs: Int { ready.count }

    /// What has been done so far.
    public var counters: LoopCounters {
        LoopCounters(
            turns: turns, jobs: jobs, busy: .nanoseconds(busyNanoseconds), lag: lag.latest, longestLag: lag.longest)
    }

    /// The mean lag of the last half second or so, weighted towards the present.
    public var meanLag: Duration { lag.mean(at: now) }

    /// Ends ``run()`` after the job that is running.
    func stop() { stopped = true }

    /// Takes turns until ``stop()``.
    func run(for executor: LoopExecutor) {
        while !stopped {
            executor.takeInbox()
            bulk = 0
            var budget = Self.jobsPerTurn
            watchBacklog()
            if !ready.isEmpty || hasMarked || hasTurnHandlers { runJobs(&budget, executor) }
            // What has arrived comes before what is due: the work that reports made is done before a deadline is looked
            // at.
            passReportsOn(&budget, executor)
            if !stopped, fireTimers() { runJobs(&budget, executor) }
            if !stopped { poll(executor) }
        }
        // There is no poll to come; they refer to the loop.
        pollHandlers = []
        hasPollHandlers = false
    }

    /// Runs each job that was ready when the loop was stopped. A confined loop has taken them from the global pool, to
    /// which goes what follows from them; what follows on the loop itself never runs.
    func runLeftJobs(_ executor: LoopExecutor) {
        for _ in 0..<ready.count {
            if case .job(let job)? = ready.popFirst() { executor.run(job) }
        }
    }

    /// Passes on what the poll at the beginning of the turn has found, some of it at a time: what a few reports have
    /// led to, such as an answer, is done before the others are passed on, and what has to wait for a poll is soon done.
    private func passReportsOn(_ budget: inout Int, _ executor: LoopExecutor) {
        // What a poll within the turn finds is for the next one: timers of this one are not kept waiting.
        var left = reports.count
        while left > 0, !stopped {
            var step = min(left, Self.reportsPerStep)
            left -= step
            while step > 0, let report = reports.popFirst() {
                step -= 1
                let isNoted = notedReports > 0
                if isNoted { notedReports -= 1 }
                guard let (fd, handler) = readiness.target(of: report.token) else { continue }
                if isNoted { readiness.passedOn(report, of: fd) }
                handler.descriptorReady(fd, report.events)
            }
            runJobs(&budget, executor)
            if left > 0, hasPollHandlers {
                poller.poll(from: now, until: now, into: reports)
                callPollHandlers()
            }
        }
    }

    private func runJobs(_ budget: inout Int, _ executor: LoopExecutor) {
        repeat {
            if hasMarked { wakeMarked() }
            while budget > 0, let step = nextStep() {
                if let jobWatch, let taskNames {
                    jobWatch.run(taskNames, clock: poller) { take(step, executor) }
                } else {
                    take(step, executor)
                }
                budget -= 1
                jobs += 1
                if jobs == watched?.job { watchedJobRan() }
                if stopped { return }
            }
            if hasTurnHandlers { tellOfTurnsEnd() }
        } while budget > 0 && (!ready.isEmpty || hasMarked)
    }

    private func take(_ step: Step, _ executor: LoopExecutor) {
        switch step {
        case .job(let job): executor.run(job)
        case .tell(let wait):
            guard let (handler, number, wake) = parked.waits.takeHandler(wait) else { return }
            handler.waitEnded(number, wake)
        }
    }

    private func tellOfTurnsEnd() {
        // One that is called may add others, and take itself out.
        var index = 0
        while index < turnHandlers.count {
            let handler = turnHandlers[index]
            handler.turnEnds()
            if index < turnHandlers.count, turnHandlers[index] === handler { index += 1 }
        }
    }

    private func watchBacklog() {
        guard watched == nil else { return }
        if ready.count > Self.jobsPerTurn { watched = (jobs + ready.count, now) } else { backlog = 0 }
    }

    private func watchedJobRan() {
        guard let since = watched?.since else { return }
        watched = nil
        backlog = poller.now().nanoseconds - since.nanoseconds
    }

    /// A seed for what a simulation draws at random: of the loop's own seed, or the same every time without one.
    package func makeSeed() -> UInt64 { schedule.makeSeed() }

    private func nextStep() -> Step? {
        isShuffled ? schedule.next(of: ready) : ready.popFirst()
    }

    private func wakeMarked() {
        let wakes = marked
        marked.removeAll(keepingCapacity: true)
        hasMarked = false
        for (wait, reason) in wakes { wake(wait, reason) }
    }

    private func poll(_ executor: LoopExecutor) {
        let end = poller.now()
        turns += 1
        let length = end.nanoseconds - now.nanoseconds
        busyNanoseconds += length
        // In a copy: changes in place would be checked for exclusivity each time.
        var gauge = lag
        gauge.record(max(length, backlog), from: now, to: end)
        lag = gauge
        // A poll within the turn has taken the wake-up of what was handed over since the turn began.
        let isIdle = isLastStep && executor.isInboxEmpty
        if isIdle, poller.isVirtual, nextDue == nil { return reportDeadlock() }
        poller.poll(from: end, until: isIdle ? nextDue : end, into: reports)
        // One that did not wait took no time worth a reading of the clock.
        turnStart = isIdle ? poller.now() : end
        if hasPollHandlers { callPollHandlers() }
    }

    /// Tells the timers that were due when this turn began.
    /// - Returns: whether there was one.
    private func fireTimers() -> Bool {
        guard let nextDue, nextDue <= now else { return false }
        let latest = timers.latest
        while let (id, action) = timers.popDue(at: now, until: latest) {
            switch action {
            case .wake(let wait): wake(wait, .timedOut)
            case .call(let handler): handler.timerFired(id)
            }
        }
        self.nextDue = timers.next
        return true
    }

    /// Cancels the body, so that what waits may clean up. If that does not end the deadlock, every wait is told that it
    /// is cancelled, shielded or not, so that no task is left; and if not even that, the loop ends.
    private func reportDeadlock() {
        if deadlock == nil {
            deadlock = taskNames?.deadlock ?? Deadlock(waiting: [])
            cancelBody()
        } else if !hasWokenAll {
            hasWokenAll = true
            for wait in parked.waits.parked { wake(wait, .cancelled) }
        } else {
            stop()
        }
    }
}
