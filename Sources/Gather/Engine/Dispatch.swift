import DequeModule
import EventLoop
import HTTPWire
import JSONText

/// The place of a part in its dispatch: of a call in its endpoint, or of a request among those of a list.
struct PartIndex: Hashable {
    let number: Int
}

/// What runs concurrently and is waited for together: the calls of a gather, or the requests of a call that is made for
/// each element of a list.
///
/// A part goes from waiting (for its inputs), perhaps through queued and admitted (at its upstream's bulkhead), to
/// running and ended. The task of the whole sends the first attempts of all that can go on, and waits for all of them
/// at once, with one timer. A part that has more to wait for than one attempt, as for a retry, a hedge or a list, is a
/// child task in the group of the whole; if nothing else is under way, the whole's own task does it.
class Dispatch: BulkheadClient, WaitHandler {
    enum Stage { case waiting, queued, admitted, running, ended }

    struct Part {
        var stage = Stage.waiting
        /// Since when it could go on, which is where its duration begins.
        var since = LoopInstant(nanoseconds: 0)
        /// Its first attempt, until the wait for it is over.
        var attempt: RunningAttempt?
        /// When its time in the queue is over, or that of its first attempt.
        var due = LoopInstant(nanoseconds: .max)
        /// The part that can go on after this one.
        var next: PartIndex?
    }

    final let engine: GatherEngine
    final let reactor: Reactor
    /// When the gather began.
    final let start: LoopInstant
    final let patience: Patience
    final let attempts: AttemptContext
    /// That of the task of the whole, if it has one.
    private let scope: CancelScope?
    final let parts: FixedArray<Part>
    /// The call that each part is, or the one that all belong to.
    final let prepared: [PreparedCall]
    private let isOneCall: Bool
    /// The first and the last of the parts that can go on, in the order in which they became ready: each names the
    /// next.
    private var firstReady: PartIndex?
    private var lastReady: PartIndex?
    final var queued = 0
    final var running = 0
    /// Parts whose first attempt was not all, and what is left to do for them.
    private var rests: Deque<(PartIndex, AttemptContext.Rest)> = []
    /// Whether there are any, which is asked for each part.
    private var hasRests = false
    /// The part whose first attempt was sent last, while its wait has no handler.
    private var lastSent: PartIndex?
    /// No part is due before this.
    private var nextDue = LoopInstant(nanoseconds: .max)
    /// What the task of the whole waits for, while it does.
    final var wait: WaitID?
    /// Whether the task of the whole was cancelled.
    final var isAbandoned = false

    init(
        _ engine: GatherEngine, reactor: Reactor, _ prepared: [PreparedCall], parts count: Int, start: LoopInstant,
        trace: GatherSpan?, patience: Patience, scope: CancelScope? = nil
    ) {
        (self.engine, self.reactor, self.start, self.patience) = (engine, reactor, start, patience)
        self.scope = scope
        attempts = AttemptContext(reactor: reactor, deadline: .of(patience), trace: trace)
        parts = .make(repeating: Part(), count: count)
        self.prepared = prepared
        isOneCall = prepared.count < count
    }

    // MARK: What differs

    /// Whether nothing more is to be started or waited for.
    var isDecided: Bool { preconditionFailure("decided by what is dispatched") }

    /// The number of the call that a part is, or belongs to.
    func call(of part: PartIndex) -> Int { preconditionFailure("known to what is dispatched") }

    /// The part's request; nil if it cannot be made, which has ended the part or the whole.
    func request(for part: PartIndex) -> ClientRequest? { preconditionFailure("made by what is dispatched") }

    /// Whether the part's request is still to be made, and may take too long for the loop.
    func isLarge(_ part: PartIndex) -> Bool { false }

    /// Whether the part's request is still to be made, and this turn has no room for that.
    func isTooMuchNow(_ part: PartIndex) -> Bool { false }

    /// Whether such a request was made.
    func isMade(_ part: PartIndex) -> Bool { false }

    /// Makes such a request, for `request(for:)` to give, and off the loop; leaves none if the task is cancelled. Ends
    /// a part that has no request.
    func makeLarge(_ part: PartIndex, on loop: isolated EventLoop) async {}

    /// A part goes on: its request is there.
    func started(_ part: PartIndex) {}

    /// Who is told of a part's attempts, if there are several.
    func attemptLog(of part: PartIndex, at state: UpstreamState) -> AttemptLog? { nil }

    /// A part has ended; the body of its end may be taken.
    /// - Parameter since: since when it could go on; nil if it never could.
    func ended(_ part: PartIndex, _ end: inout CallEnd, since: LoopInstant?, at now: LoopInstant) {}

    /// Whether a call for each element of a list is a dispatch itself.
    var nestsLists: Bool { false }

    /// The dispatch that a call for each element of a list is; nil if it has ended, or the whole gather has.
    func nested(_ part: PartIndex, on loop: isolated EventLoop) async -> ListRun? { nil }

    /// The parts of a part's body that are referred to.
    func paths(into part: PartIndex) -> [JSONPath] { [] }

    /// Whether an optional part that could go on has nevertheless ended, for its upstream is too slow for what is left.
    func isTooLate(_ part: PartIndex, for state: UpstreamState) -> Bool { false }

    /// Says what the running job is for: the whole.
    func describeJob() {}

    // MARK: Parts

    final func prepared(_ part: PartIndex) -> PreparedCall { prepared[isOneCall ? 0 : part.number] }

    /// The current time, not that of the turn's beginning: reports about calls use it.
    final var time: LoopInstant { reactor.time }

    /// Lets a part go on.
    final func letGo(_ part: PartIndex, since: LoopInstant) {
        parts[part.number].since = since
        addReady(part)
    }

    /// - Precondition: the part is not among those that can go on.
    final func addReady(_ part: PartIndex) {
        parts[part.number].next = nil
        if let lastReady { parts[lastReady.number].next = part } else { firstReady = part }
        lastReady = part
    }

    /// Ends a part.
    final func end(_ part: PartIndex, _ end: CallEnd, isSent: Bool = true) {
        var end = end
        close(part)
        ended(part, &end, since: isSent ? parts[part.number].since : nil, at: time)
        wakeIfNeeded()
    }

    /// A part is no longer under way.
    final func close(_ part: PartIndex) {
        switch parts[part.number].stage {
        case .queued: queued -= 1
        case .running: running -= 1
        case .waiting, .admitted, .ended: break
        }
        parts[part.number].stage = .ended
    }

    /// Wakes the task of the whole if a part's end has set others free or has decided all, or has left a rest.
    final func wakeIfNeeded() {
        if let wait, isDecided || hasReady || hasRests { reactor.wake(wait) }
    }

    final func since(_ part: PartIndex) -> LoopInstant { parts[part.number].since }

    private var hasReady: Bool { firstReady != nil }

    private func takeReady() -> PartIndex? {
        guard let part = firstReady else { return nil }
        firstReady = parts[part.number].next
        if firstReady == nil { lastReady = nil }
        return part
    }

    // MARK: Running

    /// Runs all parts, until the whole is decided and no part runs any longer.
    ///
    /// A part of its caller: a frame of its own would be one more to make, and a change of executor when it returns.
    @inline(__always)
    final func run(on loop: isolated EventLoop) async {
        describeJob()
        if Task.isCancelled { isAbandoned = true }
        while let (part, work) = await nextWork(on: loop) {
            guard isAlone else { return await runGroup(with: (part, work), on: loop) }
            await perform(work, of: part, on: loop)
        }
        giveUpAll()
        if hasRests { await runGroup(with: nil, on: loop) }
    }

    /// Runs the parts that need a task of their own as children of the whole's.
    private func runGroup(with first: (PartIndex, Work)?, on loop: isolated EventLoop) async {
        await withDiscardingTaskGroup { group in
            if let (part, work) = first { group.addImmediateTask { await self.perform(work, of: part, on: loop) } }
            while let (part, work) = await nextWork(on: loop) {
                group.addImmediateTask { await self.perform(work, of: part, on: loop) }
            }
            giveUpAll()
            group.cancelAll()
            // What is under way of them ends as cancelled.
            while let (part, work) = takeRest() {
                group.addImmediateTask { await self.perform(work, of: part, on: loop) }
            }
        }
    }

    /// Whether the part that is running is the only one that is not waiting for others, so that the task of the whole
    /// has nothing else to do.
    private var isAlone: Bool { running == 1 && queued == 0 && !hasReady && !hasRests }

    /// Sends the first attempts of all parts that can go on and waits for them, until a part needs a task of its own;
    /// nil when the whole is decided.
    @inline(__always)
    private func nextWork(on loop: isolated EventLoop) async -> (PartIndex, Work)? {
        // Read once for parts that are begun one after the other, but for no more than takes some microseconds.
        var now: LoopInstant?
        var begun = 0
        while !isDecided {
            if let rest = takeRest() { return rest }
            if let part = takeReady() {
                if begun & 15 == 0 { now = nil }
                begun += 1
                if let work = begin(part, &now) { return (part, work) }
            } else {
                await waitForProgress(on: loop)
                begun = 0
            }
        }
        return nil
    }

    private func takeRest() -> (PartIndex, Work)? {
        guard hasRests, let (part, rest) = rests.popFirst() else { return nil }
        hasRests = !rests.isEmpty
        return (part, .rest(rest))
    }

    /// A part's first attempt was sent.
    final func sent(_ part: PartIndex) {
        if let lastSent { handleWait(of: lastSent) }
        lastSent = part
    }

    private func wait(of part: PartIndex) -> WaitID { parts[part.number].attempt?.wait ?? .none }

    private func handleWait(of part: PartIndex) {
        setDue(part, parts[part.number].due)
        reactor.handle(wait(of: part), as: part.number, by: self)
    }

    /// Suspends the task of the whole until a part can go on, all is decided, or a part's time is over.
    @inline(__always)
    private func waitForProgress(on loop: isolated EventLoop) async {
        if let part = lastSent.take() {
            if isAlone { return await waitForAttempt(of: part, on: loop) }
            handleWait(of: part)
        }
        let wait = reactor.makeWait()
        self.wait = wait
        let wake = await suspend(wait, until: nextDue.nanoseconds == .max ? nil : nextDue, on: loop)
        self.wait = nil
        describeJob()
        switch wake {
        case .signalled: break
        case .cancelled: isAbandoned = true
        case .timedOut: endOverdue()
        }
    }

    /// Suspends the task of the whole until the only attempt that is under way has ended: it takes no handler then, nor
    /// a wait of its own.
    @inline(__always)
    private func waitForAttempt(of part: PartIndex, on loop: isolated EventLoop) async {
        let wake = await suspend(wait(of: part), until: parts[part.number].due, on: loop)
        if wake == .cancelled { isAbandoned = true }
        waitEnded(part.number, wake)
    }

    @inline(__always)
    private func suspend(_ wait: WaitID, until deadline: LoopInstant?, on loop: isolated EventLoop) async -> Wake {
        if let scope { return await scope.suspend(wait, until: deadline, on: loop) }
        return await loop.reactor.suspend(wait, until: deadline)
    }

    /// Ends the waits for attempts that have had their time, and parts that have queued for as long as they may.
    private func endOverdue() {
        let now = reactor.now
        nextDue = LoopInstant(nanoseconds: .max)
        for number in parts.indices where parts[number].due.nanoseconds < .max {
            guard parts[number].due <= now else {
                nextDue = min(nextDue, parts[number].due)
                continue
            }
            parts[number].due = LoopInstant(nanoseconds: .max)
            if parts[number].stage == .queued {
                giveUp(PartIndex(number: number))
            } else {
                reactor.wake(wait(of: PartIndex(number: number)), as: .timedOut)
            }
        }
    }

    final func setDue(_ part: PartIndex, _ due: LoopInstant) {
        parts[part.number].due = due
        nextDue = min(nextDue, due)
    }

    /// A part's first attempt has ended, or the wait for it.
    final func waitEnded(_ number: Int, _ wake: Wake) {
        let part = PartIndex(number: number)
        if let rest = endFirstAttempt(of: part, wake) {
            rests.append((part, rest))
            hasRests = true
        }
        wakeIfNeeded()
    }

    /// Gives up the first attempts that are under way, and gives back what is held of bulkheads and their queues by
    /// parts that will not run.
    private func giveUpAll() {
        guard running + queued > 0 || hasReady else { return }
        var (queuing, admitted, underWay): ([PartIndex], [PartIndex], [PartIndex]) = ([], [], [])
        for number in parts.indices {
            switch parts[number].stage {
            case .queued: queuing.append(PartIndex(number: number))
            case .admitted: admitted.append(PartIndex(number: number))
            case .running: underWay.append(PartIndex(number: number))
            case .waiting, .ended: break
            }
        }
        // All of them before any place is given back, so that none is offered to what has ended.
        for part in queuing + admitted { close(part) }
        (firstReady, lastReady) = (nil, nil)
        for part in queuing { state(of: part).bulkhead.withdraw() }
        for part in admitted { state(of: part).bulkhead.leave() }
        for part in underWay { giveUpFirstAttempt(of: part) }
    }

    private func giveUpFirstAttempt(of part: PartIndex) {
        guard let attempt = parts[part.number].attempt else { return }
        if lastSent == part { lastSent = nil }
        reactor.abandon(attempt.wait)
        waitEnded(part.number, attempt.exchange.hasEnded ? .signalled : .cancelled)
    }
}
