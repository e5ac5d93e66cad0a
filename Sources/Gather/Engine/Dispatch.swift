import EventLoop
import HTTPWire
import JSONText

/// The place of a part in its dispatch: of a call in its endpoint, or of a request among those of a list.
struct PartIndex: Hashable {
    let number: Int
}

/// What runs side by side and is waited for together: the calls of a gather, or the requests of a call that is made for each element of
/// a list. The whole is a task group, and each part a child task of it.
///
/// A part goes from waiting (for its inputs), perhaps through queued and admitted (at its upstream's bulkhead), to running and ended.
/// It has a task only while it is running, and not even then if it is alone: the task of the whole makes it itself. What begins, ends and
/// is decided is plain code; a task waits for its first attempt, and the whole for all ends and all times with one timer.
class Dispatch: BulkheadClient {
    private enum Stage { case waiting, queued, admitted, running, ended }

    private struct Part {
        var stage = Stage.waiting
        /// Since when it could go on, which is where its duration begins.
        var since = LoopInstant(nanoseconds: 0)
        /// When its time in the queue is over, or that of the attempt that its task waits for.
        var due = LoopInstant(nanoseconds: .max)
        /// What its task waits for, while that is for the whole to end in time.
        var wait = WaitID.none
    }

    let engine: GatherEngine
    let reactor: Reactor
    /// When the gather began.
    let start: LoopInstant
    let patience: Patience
    private var parts: [Part]
    /// Parts that can go on, in the order in which they became so.
    private var ready: [PartIndex] = []
    private var firstReady = 0
    private var queued = 0
    private var running = 0
    /// No part is due before this.
    private var nextDue = LoopInstant(nanoseconds: .max)
    /// What the task of the whole waits for, while it does.
    private var wait: WaitID?
    /// Whether the task of the whole was cancelled.
    final var isAbandoned = false

    init(_ engine: GatherEngine, reactor: Reactor, parts count: Int, start: LoopInstant, patience: Patience) {
        (self.engine, self.reactor, self.start, self.patience) = (engine, reactor, start, patience)
        parts = Array(repeating: Part(), count: count)
        ready.reserveCapacity(min(count, 32))
    }

    // MARK: What differs

    /// Whether nothing more is to be started or waited for.
    var isDecided: Bool { preconditionFailure("decided by what is dispatched") }

    func prepared(_ part: PartIndex) -> PreparedCall { preconditionFailure("known to what is dispatched") }

    /// The part's request; nil if it cannot be made, which has ended the part or the whole.
    func request(for part: PartIndex) -> ClientRequest? { preconditionFailure("made by what is dispatched") }

    /// Whether the part's request is still to be made, and may take too long for the loop.
    func isLarge(_ part: PartIndex) -> Bool { false }

    /// Whether the part's request is still to be made, and this turn has no room for that.
    func isTooMuchNow(_ part: PartIndex) -> Bool { false }

    /// Whether such a request was made.
    func isMade(_ part: PartIndex) -> Bool { false }

    /// Makes such a request, for `request(for:)` to give, and off the loop; leaves none if the task is cancelled.
    func makeLarge(_ part: PartIndex, on loop: isolated EventLoop) async {}

    /// A part goes on: its request is there.
    func started(_ part: PartIndex) {}

    /// Who is told of a part's attempts, if there are several.
    func attemptLog(of part: PartIndex, at state: UpstreamState) -> AttemptLog? { nil }

    /// A part has ended.
    /// - Parameter since: since when it could go on; nil if it never could.
    func ended(_ part: PartIndex, _ end: CallEnd, since: LoopInstant?) {}

    /// Whether a part is a dispatch itself.
    func isNested(_ part: PartIndex) -> Bool { false }

    /// The dispatch that a call for each element of a list is; nil if it has ended, or the whole gather has.
    func nested(_ part: PartIndex, on loop: isolated EventLoop) async -> ListRun? { nil }

    /// The parts of a part's body that are referred to.
    func paths(into part: PartIndex) -> [JSONPath] { [] }

    /// Whether a part that could go on has nevertheless ended, for its upstream is too slow for what is left.
    func isTooLate(_ part: PartIndex, for state: UpstreamState) -> Bool { false }

    /// Says what the running job is for: the whole.
    func describeJob() {}

    // MARK: Parts

    /// The time at this moment, whatever the turn has done before: what is told of a call goes by it.
    final var time: LoopInstant { reactor.time }

    /// Lets a part go on.
    final func letGo(_ part: PartIndex, since: LoopInstant) {
        parts[part.number].since = since
        ready.append(part)
    }

    /// Ends a part.
    final func end(_ part: PartIndex, _ end: CallEnd, isSent: Bool = true) {
        close(part)
        ended(part, end, since: isSent ? parts[part.number].since : nil)
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

    private var hasReady: Bool { firstReady < ready.count }

    private func takeReady() -> PartIndex? {
        guard hasReady, !isDecided else { return nil }
        let part = ready[firstReady]
        firstReady += 1
        if !hasReady {
            ready.removeAll(keepingCapacity: true)
            firstReady = 0
        }
        return part
    }

    // MARK: Running

    /// Runs all parts, until the whole is decided and no part runs any longer.
    final func run(on loop: isolated EventLoop) async {
        // Before any other is under way, one that is alone needs no group either.
        describeJob()
        while let alone = takeAlone() { await perform(alone, on: loop) }
        guard !isDecided || queued > 0 || hasReady else { return }
        await runGroup(on: loop)
        describeJob()
    }

    /// Takes the part that can go on if none other does, or is under way.
    private func takeAlone() -> PartIndex? {
        guard running == 0, queued == 0, ready.count - firstReady == 1 else { return nil }
        return takeReady()
    }

    /// Runs a part in the task of the whole, which has nothing else to wait for.
    private func perform(_ part: PartIndex, on loop: isolated EventLoop) async {
        switch begin(part) {
        case .attempt(let attempt):
            let wake = await loop.reactor.suspend(attempt.exchange.wait, until: attempt.due)
            if wake == .cancelled { isAbandoned = true }
            if let rest = finish(part, attempt, wake) { await perform(rest, as: part, on: loop) }
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
                    case .attempt(let attempt):
                        watch(part, attempt)
                        group.addImmediateTask { await self.perform(part, attempt, on: loop) }
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

    private func setDue(_ part: PartIndex, _ due: LoopInstant) {
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
        ready.removeAll()
        firstReady = 0
        for part in queuing { state(of: part).bulkhead.withdraw() }
        for part in admitted { state(of: part).bulkhead.leave() }
    }

    // MARK: Beginning a part

    /// What a part's task is for.
    private enum Work {
        case attempt(RunningAttempt)
        case flight(ClientRequest)
        case list
        /// Its request, which takes too long for the loop to make.
        case large
    }

    private func state(of part: PartIndex) -> UpstreamState { engine.upstreams[prepared(part).upstream] }

    /// Begins a part: has its first attempt sent, if that is what it is. Nil if it queues for a place, or has ended.
    private func begin(_ part: PartIndex) -> Work? {
        let prepared = prepared(part)
        let state = engine.upstreams[prepared.upstream]
        let isAdmitted = parts[part.number].stage == .admitted
        parts[part.number].stage = .running
        running += 1
        // One that has a place has had its request made before.
        if !isAdmitted, isLarge(part) || isTooMuchNow(part) { return .large }
        if isTooLate(part, for: state) {
            if isAdmitted { state.bulkhead.leave() }
            end(part, .skipped("too late: the upstream usually takes longer than what is left"), isSent: false)
            return nil
        }
        if isNested(part) { return .list }
        guard let request = request(for: part) else {
            if isAdmitted { state.bulkhead.leave() }
            return nil
        }
        if !isAdmitted { started(part) }
        if state.flights != nil, prepared.isSafe { return .flight(request) }
        guard isAdmitted || state.bulkhead.tryEnter() else {
            queue(part, at: state)
            return nil
        }
        state.budget.addCall()
        guard let attempt = attempts(of: part, at: state).begin(request, at: time) else {
            state.bulkhead.leave()
            end(part, .refused)
            return nil
        }
        return .attempt(attempt)
    }

    private func attempts(of part: PartIndex, at state: UpstreamState) -> Attempts {
        Attempts(
            call: prepared(part), state: state, client: engine.client, reactor: reactor, deadline: .of(patience))
    }

    // MARK: The bulkhead

    /// Has a part wait for a place, or ends it as shed. It does not queue for an upstream that would refuse it.
    private func queue(_ part: PartIndex, at state: UpstreamState) {
        if state.refuses(at: time) { return end(part, .refused) }
        guard state.bulkhead.tryQueue() else { return end(part, state.shedByFullQueue()) }
        parts[part.number].stage = .queued
        running -= 1
        queued += 1
        setDue(part, min(parts[part.number].since.advanced(by: state.upstream.queueTimeout), patience.deadline))
        state.bulkhead.queue(part.number, of: self, on: reactor)
    }

    /// Ends a part that has queued for as long as it may.
    private func giveUp(_ part: PartIndex) {
        let state = state(of: part)
        if reactor.now >= patience.deadline {
            end(part, patience.over("waiting for a place among the calls to '\(state.upstream.name)'"))
        } else {
            end(part, state.shedBySlowQueue())
        }
        state.bulkhead.withdraw()
    }

    final func takePlace(for number: Int) -> Bool {
        guard parts[number].stage == .queued else { return false }
        parts[number].stage = .admitted
        parts[number].due = LoopInstant(nanoseconds: .max)
        queued -= 1
        ready.append(PartIndex(number: number))
        if let wait { reactor.wake(wait) }
        return true
    }

    final func isQueued(_ number: Int) -> Bool { parts[number].stage == .queued }

    // MARK: A part's task

    /// Has the whole end a part's wait for its first attempt when its time is over, and when all is decided: no timer and no handler of
    /// cancellation of its own.
    private func watch(_ part: PartIndex, _ attempt: RunningAttempt) {
        parts[part.number].wait = attempt.exchange.wait
        setDue(part, attempt.due)
    }

    /// Waits for a part's first attempt, which is nearly always its last.
    ///
    /// What else there is to do is another function's: one with several waits has a frame that is too large for what a task is given
    /// at first.
    private func perform(_ part: PartIndex, _ attempt: RunningAttempt, on loop: isolated EventLoop) async {
        let wake = await loop.reactor.suspendUncancellably(attempt.exchange.wait)
        parts[part.number].due = LoopInstant(nanoseconds: .max)
        parts[part.number].wait = .none
        if let rest = finish(part, attempt, wake) { await perform(rest, as: part, on: loop) }
    }

    /// Ends a part as its first attempt has ended, unless there is more to do.
    private func finish(_ part: PartIndex, _ attempt: RunningAttempt, _ wake: Wake) -> Attempts.Rest? {
        reactor.describeJob("call \(prepared(part).call.name)")
        let state = state(of: part)
        switch attempts(of: part, at: state).end(attempt, wake) {
        case .rest(let rest): return rest
        case .end(let end):
            state.bulkhead.leave()
            self.end(part, ready(end, for: part))
            return nil
        }
    }

    /// Does what is left to do for a part when the wait for its first attempt is over.
    private func perform(_ rest: Attempts.Rest, as part: PartIndex, on loop: isolated EventLoop) async {
        let state = state(of: part)
        guard let request = request(for: part) else { preconditionFailure("what was sent can be made again") }
        var attempts = self.attempts(of: part, at: state)
        attempts.log = attemptLog(of: part, at: state)
        let last = await attempts.go(on: rest, request, on: loop)
        state.bulkhead.leave()
        await finish(part, last, on: loop)
    }

    /// Shares an exchange, which is begun if there is none like it: in the task that joins it, since one that none has joined is over.
    private func joinFlight(of request: ClientRequest, as part: PartIndex, on loop: isolated EventLoop) async {
        let (prepared, state) = (prepared(part), state(of: part))
        guard let flights = state.flights else { preconditionFailure("an upstream shares exchanges or does not") }
        let flight = flights.flight(for: request, of: prepared, at: state, client: engine.client, on: loop)
        let fairShare = patience.fairShare(of: state.timeout(of: prepared))
        let last = await flight.join(with: patience, fairShare: fairShare, on: loop)
        await finish(part, last, on: loop)
    }

    /// Has a part's request made off the loop, and the part begin again with it.
    private func prepare(_ part: PartIndex, on loop: isolated EventLoop) async {
        await makeLarge(part, on: loop)
        if isDecided || !isMade(part) { return end(part, .cancelled) }
        guard reactor.now < patience.deadline else { return end(part, patience.over("before it was sent")) }
        parts[part.number].stage = .waiting
        running -= 1
        ready.append(part)
        wakeIfNeeded()
    }

    private func performList(_ part: PartIndex, on loop: isolated EventLoop) async {
        guard let list = await nested(part, on: loop) else { return wakeIfNeeded() }
        await list.run(on: loop)
        await list.finish(on: loop)
    }

    /// What a part leaves, in the shape in which others find it.
    private func ready(_ last: CallEnd, for part: PartIndex) -> CallEnd {
        var end = last.shaped(for: prepared(part))
        if let body = end.body { end.body = BodyWork.lookUp(paths(into: part), in: body) }
        return end
    }

    /// Ends a part, off the loop if its body takes long to shape and to find in what others refer to.
    private func finish(_ part: PartIndex, _ last: CallEnd, on loop: isolated EventLoop) async {
        let prepared = prepared(part)
        reactor.describeJob("call \(prepared.call.name)")
        guard let body = last.body, !BodyWork.fits(body.bytes.count, in: reactor) else {
            return end(part, ready(last, for: part))
        }
        let paths = paths(into: part)
        do throws(CancellationError) {
            end(part, try await BodyWork.offLoop(on: loop) { last.shaped(for: prepared).lookingUp(paths) })
        } catch {
            end(part, CallEnd(failure: .cancelled))
        }
    }
}
