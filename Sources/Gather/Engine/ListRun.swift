import EventLoop
import HTTPWire
import JSONText

/// One call that is made for each element of a list: which requests are in flight, and what they have returned.
///
/// Elements whose requests are equal, and can be repeated, share one.
final class ListRun: Dispatch {
    private let gather: GatherRun
    /// The call in its gather.
    private let part: PartIndex
    private let since: LoopInstant
    private let call: PreparedCall
    private let foreach: Foreach
    /// The request of each element, by its index.
    private let requestOfItem: [Int]
    /// The member for each element, if there are members.
    private let keys: [String]
    private var requests: [ItemRequest]
    /// The first request that has not been started.
    private var unstarted = 0
    private var underWay = 0
    /// How many requests have not ended.
    private var pending: Int
    /// How many bytes there may still be.
    private var room: Int
    /// How old the oldest body is that stands in for an item that failed.
    private var staleAge: Duration?
    /// How many requests were sent, those of retries and hedges among them.
    private var sent = 0
    /// Why the call failed, once it has.
    private var failure: CallReport?

    override var isDecided: Bool { failure != nil || pending == 0 || isAbandoned }

    /// - Parameter maxBytes: how large the bodies of all elements together may be.
    init(_ items: ItemRequests, of foreach: Foreach, _ part: PartIndex, in gather: GatherRun, maxBytes: Int) {
        self.gather = gather
        self.part = part
        self.foreach = foreach
        since = gather.since(part)
        call = gather.prepared(part)
        (requests, requestOfItem, keys) = (items.requests, items.requestOfItem, items.keys)
        pending = requests.count
        room = maxBytes
        super.init(
            gather.engine, reactor: gather.reactor, [call], parts: requests.count, start: gather.start,
            trace: gather.attempts.trace,
            patience: gather.patience)
        for index in requests.indices {
            if let problem = requests[index].problem { note(index, .skipped(problem)) }
        }
        startMore()
    }

    override func describeJob() { reactor.describeJob("call \(call.call.name)") }

    override func call(of _: PartIndex) -> Int { part.number }

    override func request(for part: PartIndex) -> ClientRequest? { requests[part.number].request }

    /// Lets requests start, as many as may be in flight at once.
    private func startMore() {
        while underWay < foreach.maxParallel, unstarted < requests.count, !isDecided {
            defer { unstarted += 1 }
            guard requests[unstarted].request != nil else { continue }
            if reactor.now >= patience.deadline {
                note(unstarted, patience.over("before it was sent"))
            } else {
                underWay += 1
                letGo(PartIndex(number: unstarted), since: time)
            }
        }
    }

    // MARK: Ending requests

    override func ended(_ part: PartIndex, _ end: inout CallEnd, since: LoopInstant?, at now: LoopInstant) {
        sent += end.attempts
        underWay -= 1
        if let body = end.body {
            if call.keepsBodies, let request = requests[part.number].request {
                engine.kept.keep(body, of: request, by: call, on: reactor)
            }
            place(body, of: part.number)
        }
        note(part.number, end)
        startMore()
    }

    private func note(_ request: Int, _ end: consuming CallEnd) {
        requests[request].outcome = end.outcome
        pending -= 1
        switch end.outcome {
        case .ok: break
        // Only the gather, or a failure of this call, cancels a request.
        case .cancelled: isAbandoned = true
        default:
            if let old = recall(request, after: end) {
                place(old.body, of: request)
                staleAge = max(old.age, staleAge ?? .zero)
                engine.upstreams[call.upstream].metrics.count(.stale)
                return
            }
            guard foreach.fallback == nil, failure == nil else { return }
            let item = requestOfItem.firstIndex(of: request) ?? 0
            fail(end, "item [\(item)]" + (end.detail.map { ": " + $0 } ?? ""))
        }
    }

    private func place(_ body: JSONValue, of request: Int) {
        requests[request].body = body
        // What is around a value is held with it.
        room -= body.bytes.count + body.range.count * (requests[request].items - 1)
        guard room < 0, failure == nil else { return }
        fail(CallEnd(.badResponse), "the responses for the items are together larger than the upstream's 'max_body'")
    }

    private func fail(_ end: consuming CallEnd, _ detail: String) {
        end.detail = detail
        failure = CallReport(end, since: since, of: start, at: time)
    }

    private func recall(_ index: Int, after end: borrowing CallEnd) -> KeptBodies.Kept? {
        guard let request = requests[index].request else { return nil }
        return engine.kept.recall(request, by: call, after: end.outcome, status: end.status, at: reactor.now)
    }

    // MARK: The result

    /// Reports the call's result to the gather, when no request is in flight.
    func finish(on loop: isolated EventLoop) async {
        describeJob()
        let bodies = bodies
        guard !BodyWork.fits(bodies.bytes, in: reactor) else { return finish() }
        let paths = gather.paths(into: part)
        // Cancelled, the call has no body.
        finish(try? await BodyWork.offLoop(on: loop) { bodies.joined().lookingUp(paths) })
    }

    func finish() { finish(BodyWork.lookUp(gather.paths(into: part), in: bodies.joined())) }

    private func finish(_ body: JSONValue?) {
        let isCancelled = isAbandoned || pending > 0 || body == nil
        var report = failure ?? CallReport(CallEnd(isCancelled ? .cancelled : .ok), since: since, of: start, at: time)
        if report.outcome == .ok { report.staleAge = staleAge }
        report.attempts = sent
        var items: [Outcome: Int] = [:]
        for request in requestOfItem { items[requests[request].outcome ?? .cancelled, default: 0] += 1 }
        report.items = items
        gather.ended(part, report, report.outcome == .ok ? body : nil)
    }

    /// What came, in the order of the list.
    private var bodies: ItemBodies {
        ItemBodies(bodies: requestOfItem.map(body), keys: foreach.key == nil ? nil : keys)
    }

    private func body(of request: Int) -> JSONValue? {
        if let body = requests[request].body { return body }
        guard case .json(let fallback) = foreach.fallback else { return nil }
        return JSONValue(validated: fallback)
    }
}

/// What came for the elements of a list.
private struct ItemBodies: Sendable {
    /// By element; nil for one that is left out.
    let bodies: [JSONValue?]
    /// The member for each element, if there are members.
    let keys: [String]?

    /// How much it is put together of.
    var bytes: Int {
        bodies.reduce(0) { $0 + ($1?.range.count ?? 0) } + (keys ?? []).reduce(0) { $0 + $1.utf8.count }
    }

    /// All of it as one value.
    func joined() -> JSONValue {
        var output: [UInt8] = []
        if let keys {
            var members = Members()
            for case (let key, let body?) in zip(keys, bodies) { members.put(key, body) }
            members.append(to: &output)
        } else {
            JSONText.append(to: &output) { json in json.array(of: bodies.compactMap(\.self)) { $0.value($1) } }
        }
        return JSONValue(validated: output)
    }
}
