import EventLoop
import HTTPWire
import JSONText

/// One part of a dispatch: how it is begun, what a task of its own does, and how it ends.
extension Dispatch {
    // MARK: Its beginning

    /// What a part needs a task for.
    enum Work {
        /// What is left to do when the wait for its first attempt is over.
        case rest(AttemptContext.Rest)
        /// An exchange that it shares with equal calls.
        case flight(ClientRequest)
        /// To wait until its upstream's rate has room for it.
        case limited(ClientRequest)
        case list
        /// Its request, which takes too long for the loop to make.
        case large
    }

    func state(of part: PartIndex) -> UpstreamState { engine.upstreams[prepared(part).upstream] }

    /// Begins a part: sends its first attempt, unless something else comes first, for which it needs a task. Nil if it
    /// has sent it, queues for a slot, or has ended.
    /// - Parameter known: the time, if it was read just now.
    func begin(_ part: PartIndex, _ known: inout LoopInstant?) -> Work? {
        let prepared = prepared(part)
        let isAdmitted = parts[part.number].stage == .admitted
        parts[part.number].stage = .running
        running += 1
        // One that has a slot has its request already.
        if !isAdmitted, !prepared.wholeSources.isEmpty, isLarge(part) || isTooMuchNow(part) { return .large }
        let state = engine.upstreams[prepared.upstream]
        if !prepared.isRequired, isTooLate(part, for: state) {
            if isAdmitted { state.bulkhead.leave() }
            end(part, .skipped("too late: the upstream usually takes longer than what is left"), isSent: false)
            return nil
        }
        if nestsLists, prepared.isList { return .list }
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
        // To make a request of bodies takes time.
        let now = prepared.wholeSources.isEmpty ? known ?? time : time
        known = now
        guard state.isWithinRate(at: now) else { return .limited(request) }
        state.budget.addCall()
        parts[part.number].attempt = attempts.begin(request, of: prepared, call(of: part), at: state, now: now)
        guard let due = parts[part.number].attempt?.due else {
            state.bulkhead.leave()
            end(part, .refused)
            return nil
        }
        parts[part.number].due = due
        sent(part)
        return nil
    }

    // MARK: The bulkhead

    /// Queues a part for a slot, or ends it as shed. It does not queue for an upstream that would refuse it.
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
    func giveUp(_ part: PartIndex) {
        let state = state(of: part)
        if reactor.now >= patience.deadline {
            end(part, patience.over("while waiting for a slot at '\(state.upstream.name)'"))
        } else {
            end(part, state.shedBySlowQueue())
        }
        state.bulkhead.withdraw()
    }

    func takePlace(for number: Int) -> Bool {
        guard parts[number].stage == .queued else { return false }
        parts[number].stage = .admitted
        parts[number].due = LoopInstant(nanoseconds: .max)
        queued -= 1
        addReady(PartIndex(number: number))
        if let wait { reactor.wake(wait) }
        return true
    }

    func isQueued(_ number: Int) -> Bool { parts[number].stage == .queued }

    /// Ends a part as its first attempt has ended, which is nearly always its last.
    /// - Returns: what is left to do, if it was not.
    func endFirstAttempt(of part: PartIndex, _ wake: Wake) -> AttemptContext.Rest? {
        let prepared = prepared(part)
        guard let attempt = parts[part.number].attempt.take() else {
            preconditionFailure("a part has one first attempt, and waits for it once")
        }
        if reactor.reportsSlowJobs { reactor.describeJob("call \(prepared.call.name)") }
        parts[part.number].due = LoopInstant(nanoseconds: .max)
        let state = engine.upstreams[prepared.upstream]
        var end = CallEnd(.cancelled)
        let now = time
        if let rest = attempts.endFirst(attempt, wake, of: prepared, at: state, now: now, &end) { return rest }
        state.bulkhead.leave()
        // What was done with its body is the call's time, though not the upstream's.
        let hasTaken = (end.body?.range.count ?? 0) > BodyWork.leastCounted
        shape(&end, of: part, prepared)
        close(part)
        ended(part, &end, since: parts[part.number].since, at: hasTaken ? time : now)
        return nil
    }

    // MARK: A part's task

    /// Does what a part needs a task for.
    func perform(_ work: Work, of part: PartIndex, on loop: isolated EventLoop) async {
        switch work {
        case .rest(let rest): await perform(rest, of: part, on: loop)
        case .flight(let request): await joinFlight(of: request, as: part, on: loop)
        case .limited(let request): await performLimited(request, of: part, on: loop)
        case .list: await performList(part, on: loop)
        case .large: await prepare(part, on: loop)
        }
    }

    private func perform(_ rest: AttemptContext.Rest, of part: PartIndex, on loop: isolated EventLoop) async {
        let state = state(of: part)
        guard let request = request(for: part) else { preconditionFailure("what was sent can be made again") }
        let log = attemptLog(of: part, at: state)
        let all = Attempts(attempts, of: prepared(part), call(of: part), at: state, log: log)
        let last = await all.go(on: rest, request, on: loop)
        state.bulkhead.leave()
        await finish(part, last, on: loop)
    }

    /// Joins the exchange of an equal call, or begins one to be joined. Both happen in the part's own task, since an
    /// exchange ends as soon as no part has joined it.
    private func joinFlight(of request: ClientRequest, as part: PartIndex, on loop: isolated EventLoop) async {
        let (prepared, state) = (prepared(part), state(of: part))
        guard let flights = state.flights else { preconditionFailure("an upstream shares exchanges or does not") }
        let flight = flights.flight(
            for: request, of: prepared, call(of: part), at: state, until: patience.deadline, tracing: attempts.trace,
            on: loop)
        let fairShare = patience.fairShare(of: state.timeout(of: prepared))
        let last = await flight.join(with: patience, fairShare: fairShare, on: loop)
        await finish(part, last, on: loop)
    }

    /// Makes the attempts of a part that has its slot, the first when its upstream's rate has room for it.
    private func performLimited(_ request: ClientRequest, of part: PartIndex, on loop: isolated EventLoop) async {
        let state = state(of: part)
        let log = attemptLog(of: part, at: state)
        let all = Attempts(attempts, of: prepared(part), call(of: part), at: state, log: log)
        let last = await all.run(request, on: loop)
        state.bulkhead.leave()
        await finish(part, last, on: loop)
    }

    /// Makes a part's request off the loop, and begins the part again with it.
    private func prepare(_ part: PartIndex, on loop: isolated EventLoop) async {
        await makeLarge(part, on: loop)
        guard parts[part.number].stage == .running else { return }
        if isDecided || !isMade(part) { return end(part, .cancelled) }
        guard reactor.now < patience.deadline else { return end(part, patience.over("before it was sent")) }
        parts[part.number].stage = .waiting
        running -= 1
        addReady(part)
        wakeIfNeeded()
    }

    private func performList(_ part: PartIndex, on loop: isolated EventLoop) async {
        guard let list = await nested(part, on: loop) else { return wakeIfNeeded() }
        await list.run(on: loop)
        await list.finish(on: loop)
    }

    /// Brings what a part leaves into the shape in which others find it.
    private func shape(_ end: inout CallEnd, of part: PartIndex, _ prepared: PreparedCall) {
        end.shape(for: prepared)
        if let body = end.body.take() { end.body = BodyWork.lookUp(paths(into: part), in: body) }
    }

    /// Ends a part, off the loop if its body takes long to shape and to find in what others refer to.
    private func finish(_ part: PartIndex, _ last: CallEnd, on loop: isolated EventLoop) async {
        let prepared = prepared(part)
        reactor.describeJob("call \(prepared.call.name)")
        guard let body = last.body, !BodyWork.fits(body.bytes.count, in: reactor) else {
            var last = last
            shape(&last, of: part, prepared)
            return end(part, last)
        }
        let paths = paths(into: part)
        do throws(CancellationError) {
            let shaped = try await BodyWork.offLoop(on: loop) {
                var shaped = last
                shaped.shape(for: prepared)
                shaped.body = shaped.body?.lookingUp(paths)
                return shaped
            }
            end(part, shaped)
        } catch {
            end(part, CallEnd(failure: .cancelled))
        }
    }
}
