import EventLoop
import HTTPWire
import JSONText

/// The place of a part in its dispatch: of a call in its endpoint, or of a request among those of a list.
struct PartIndex: Hashable {
    let number: Int
}

/// What runs concurrently and is waited for together: the calls of a gather, or the requests of a call that is made for
/// each element of a list. The whole is a task group, and each part a child task of it.
///
/// A part goes from waiting (for its inputs), perhaps through queued and admitted (at its upstream's bulkhead), to
/// running and ended. It has a task only while it is running, and not even then if it is alone: the task of the whole
/// makes it itself. What begins, ends and is decided is plain code; a task waits for its first attempt, and the whole
/// for all ends and all times with one timer.
class Dispatch: BulkheadClient {
    enum Stage { case waiting, queued, admitted, running, ended }

    struct Part {
        var stage = Stage.waiting
        /// Since when it could go on, which is where its duration begins.
        var since = LoopInstant(nanoseconds: 0)
        /// Its first attempt, until the wait for it is over.
        var attempt: RunningAttempt?
        /// When its time in the queue is over, or that of the attempt that its task waits for.
        var due = LoopInstant(nanoseconds: .max)
        /// What its task waits for, while that is for the whole to end in time.
        var wait = WaitID.none
        /// The part that can go on after this one.
        var next: PartIndex?
    }

    let engine: GatherEngine
    let reactor: Reactor
    /// When the gather began.
    let start: LoopInstant
    let patience: Patience
    /// What attempts tell of the trace that the gather is in.
    final let trace: GatherSpan?
    final let parts: FixedArray<Part>
    /// The first and the last of the parts that can go on, in the order in which they became ready: each names the
    /// next.
    private var firstReady: PartIndex?
    private var lastReady: PartIndex?
    final var queued = 0
    final var running = 0
    /// What is left to do for parts whose first attempt was not all.
    final var rests: [PartIndex: Attempts.Rest] = [:]
    /// No part is due before this.
    private var nextDue = LoopInstant(nanoseconds: .max)
    /// What the task of the whole waits for, while it does.
    final var wait: WaitID?
    /// Whether the task of the whole was cancelled.
    final var isAbandoned = false

    init(
        _ engine: GatherEngine, reactor: Reactor, parts count: Int, start: LoopInstant, trace: GatherSpan?,
        patience: Patience
    ) {
        (self.engine, self.reactor, self.start, self.patience) = (engine, reactor, start, patience)
        self.trace = trace
        parts = .make(repeating: Part(), count: count)
    }

    // MARK: What differs

    /// Whether nothing more is to be started or waited for.
    var isDecided: Bool { preconditionFailure("decided by what is dispatched") }

    /// The number of the call that a part is, or belongs to.
    func call(of part: PartIndex) -> Int { preconditionFailure("known to what is dispatched") }

    func prepared(_ part: PartIndex) -> PreparedCall { preconditionFailure("known to what is dispatched") }

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
    func ended(_ part: PartIndex, _ end: inout CallEnd, since: LoopInstant?) {}

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
        ended(part, &end, since: isSent ? parts[part.number].since : nil)
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

    /// Wakes the task of the whole if a part's end has set others free or has decided all.
    final func wakeIfNeeded() {
        if let wait, isDecided || hasReady { reactor.wake(wait) }
    }

    final func since(_ part: PartIndex) -> LoopInstant { parts[part.number].since }

    private var hasReady: Bool { firstReady != nil }

    private func takeReady() -> PartIndex? {
        guard let part = firstReady, !isDecided else { return nil }
        firstReady = parts[part.number].next
        if firstReady == nil { lastReady = nil }
        return part
    }

    // MARK: Running

    // What every gather goes through is a part of its caller: each frame of its own would be one more to make, and a
    // change of executor when it returns.

    /// Runs all parts, until the whole is decided and no part runs any longer.
    @inline(__always)
    final func run(on loop: isolated EventLoop) async {
        // Before any other is under way, one that is alone needs no group either.
        describeJob()
        if Task.isCancelled { isAbandoned = true }
        while let alone = takeAlone() { await perform(alone, on: loop) }
        guard !isDecided || queued > 0 || hasReady else { return }
        await runGroup(on: loop)
        describeJob()
    }

    /// Takes the part that can go on if it is the only one, and none is running.
    private func takeAlone() -> PartIndex? {
        guard running == 0, queued == 0, hasReady, firstReady == lastReady else { return nil }
        return takeReady()
    }

    /// Runs a part in the task of the whole, which has nothing else to wait for.
    @inline(__always)
    private func perform(_ part: PartIndex, on loop: isolated EventLoop) async {
        switch begin(part) {
        case .attempt(let wait, let due):
            let wake = await reactor.suspend(wait, until: due)
            if wake == .cancelled { isAbandoned = true }
            if !endFirstAttempt(of: part, wake) { await performRest(of: part, on: loop) }
        case .flight(let request): await joinFlight(of: request, as: part, on: loop)
        case .list: await performList(part, on: loop)
        case .large: await prepare(part, on: loop)
        case nil: break
        }
    }

    private func runGroup(on loop: isolated EventLoop) async {
        await withDiscardingTaskGroup { group in
            while !isDecided {
                if let alone = takeAlone() {
                    await perform(alone, on: loop)
                    continue
                }
                while let part = takeReady() {
                    switch begin(part) {
                    case .attempt(let wait, let due):
                        watch(part, wait, until: due)
                        // The usual child, which waits for one attempt: what else there is to do is in functions of its
                        // own, since a frame that is larger would not have room in the memory that a task begins with.
                        group.addImmediateTask {
                            let wake = await self.reactor.suspendUncancellably(wait, on: loop)
                            if !self.endFirstAttempt(of: part, wake) { await self.performRest(of: part, on: loop) }
                        }
                    case .flight(let request):
                        group.addImmediateTask { await self.joinFlight(of: request, as: part, on: loop) }
                    case .list: group.addImmediateTask { await self.performList(part, on: loop) }
                    case .large: group.addImmediateTask { await self.prepare(part, on: loop) }
                    case nil: break
                    }
                }
                await waitForProgress(on: loop)
            }
            giveUpAll()
            group.cancelAll()
        }
    }

    /// Suspends the task of the whole until a part can go on, all is decided, or a part's time is over.
    private func waitForProgress(on loop: isolated EventLoop) async {
        guard !isDecided, !hasReady else { return }
        let wait = reactor.makeWait()
        self.wait = wait
        let wake = await loop.reactor.suspend(wait, until: nextDue.nanoseconds == .max ? nil : nextDue)
        self.wait = nil
        describeJob()
        switch wake {
        case .signalled: break
        case .cancelled: isAbandoned = true
        case .timedOut: endOverdue()
        }
    }

    /// Wakes the tasks whose attempts have had their time, and ends parts that have queued for as long as they may.
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
                reactor.wake(parts[number].wait, as: .timedOut)
            }
        }
    }

    final func setDue(_ part: PartIndex, _ due: LoopInstant) {
        parts[part.number].due = due
        nextDue = min(nextDue, due)
    }

    /// Ends what runs, and gives back what is held of bulkheads and their queues by parts that will not run.
    private func giveUpAll() {
        guard running + queued > 0 || hasReady else { return }
        var (queuing, admitted): ([PartIndex], [PartIndex]) = ([], [])
        for number in parts.indices {
            switch parts[number].stage {
            case .running: reactor.wake(parts[number].wait, as: .cancelled)
            case .queued: queuing.append(PartIndex(number: number))
            case .admitted: admitted.append(PartIndex(number: number))
            case .waiting, .ended: break
            }
        }
        // All of them before any place is given back, so that none is offered to what has ended.
        for part in queuing + admitted { close(part) }
        (firstReady, lastReady) = (nil, nil)
        for part in queuing { state(of: part).bulkhead.withdraw() }
        for part in admitted { state(of: part).bulkhead.leave() }
    }
}
