import EventLoop
import JSONText

/// The state of one call that is made for each element of a list: which requests are under way, and what came of them.
///
/// Elements whose requests are equal, and can be repeated, share one.
final class ItemRun: CallRun {
    let gather: GatherRun
    var progress: Progress
    private let next: Startable
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
    private var attempts = 0
    /// Why the call failed, once it has.
    private var failure: CallReport?

    var reactor: Reactor { gather.reactor }
    var start: LoopInstant { gather.start }
    var patience: Patience { gather.patience }
    var isDecided: Bool { failure != nil || pending == 0 || progress.isAbandoned }

    /// - Parameter maxBytes: how large the bodies of all elements together may be.
    init(_ items: ItemRequests, of foreach: Foreach, _ next: Startable, in gather: GatherRun, maxBytes: Int) {
        self.gather = gather
        self.next = next
        self.foreach = foreach
        call = gather.prepared(next.call)
        (requests, requestOfItem, keys) = (items.requests, items.requestOfItem, items.keys)
        progress = Progress(calls: requests.count)
        pending = requests.count
        room = maxBytes
        for index in requests.indices where requests[index].request == nil {
            note(index, .skipped, requests[index].problem, status: nil)
        }
        startMore()
    }

    func prepared(_ call: Int) -> PreparedCall { self.call }

    /// None: references are to the whole of what comes for the items.
    func paths(into call: Int) -> [JSONPath] { [] }

    func request(for next: Startable) -> UpstreamRequest? { requests[next.call].request }

    /// Has requests go on, as many as may be under way at once.
    private func startMore() {
        while underWay < foreach.maxParallel, unstarted < requests.count, !isDecided {
            defer { unstarted += 1 }
            guard requests[unstarted].request != nil else { continue }
            if isPastDeadline {
                note(unstarted, .timeout, nil, status: nil)
            } else {
                underWay += 1
                progress.start(unstarted, since: time)
            }
        }
    }

    // MARK: Ending requests

    func succeeded(_ next: Startable, status: Int, body: JSONValue, attempts: Int) {
        if let request = requests[next.call].request, call.call.staleFor != nil {
            gather.kept.register(on: reactor)
            gather.kept.keep(body, of: request, by: call, at: now)
        }
        place(body, of: next.call)
        end(next.call, .ok, nil, since: next.since, status: status, attempts: attempts)
    }

    func end(
        _ request: Int, _ outcome: Outcome, _ detail: String?, since: LoopInstant?, status: Int?, attempts: Int
    ) {
        self.attempts += attempts
        progress.end(request)
        underWay -= 1
        note(request, outcome, detail, status: status)
        startMore()
        if isDecided || progress.hasNext { wakeUp() }
    }

    private func note(_ request: Int, _ outcome: Outcome, _ detail: String?, status: Int?) {
        requests[request].outcome = outcome
        pending -= 1
        switch outcome {
        case .ok: break
        // Nobody but the gather, or a failure of this call, cancels a request.
        case .cancelled: progress.isAbandoned = true
        default:
            if let old = recall(request, after: outcome, status: status) {
                place(old.body, of: request)
                staleAge = max(old.age, staleAge ?? .zero)
                return
            }
            guard foreach.fallback == nil, failure == nil else { return }
            let item = requestOfItem.firstIndex(of: request) ?? 0
            failure = CallReport(
                outcome, status: status, detail: "item [\(item)]" + (detail.map { ": " + $0 } ?? ""),
                since: next.since, in: self)
        }
    }

    private func place(_ body: JSONValue, of request: Int) {
        requests[request].body = body
        // What is around a value is held with it.
        room -= body.bytes.count + body.range.count * (requests[request].items - 1)
        guard room < 0, failure == nil else { return }
        let detail = "what came for the items is larger than 'max_body' of the upstream"
        failure = CallReport(.badResponse, detail: detail, since: next.since, in: self)
    }

    private func recall(_ index: Int, after outcome: Outcome, status: Int?) -> KeptBodies.Kept? {
        guard let request = requests[index].request else { return nil }
        return gather.kept.recall(request, by: call, after: outcome, status: status, at: now)
    }

    // MARK: The result

    /// Tells the gather what the call has come to, when no request is under way any more.
    func finish(on loop: isolated EventLoop) async {
        guard requests.reduce(0, { $0 + ($1.body?.range.count ?? 0) }) > BodyWork.mostOnLoop else { return finish() }
        let (parts, paths) = (parts, gather.paths(into: next.call))
        // Cancelled, the call has no body.
        finish(try? await BodyWork.offLoop(on: loop) { parts.joined().lookingUp(paths) })
    }

    func finish() { finish(parts.joined()) }

    private func finish(_ body: JSONValue?) {
        let isCancelled = progress.isAbandoned || pending > 0 || body == nil
        var report = failure ?? CallReport(isCancelled ? .cancelled : .ok, since: next.since, in: self)
        if report.outcome == .ok { report.staleAge = staleAge }
        report.attempts = attempts
        for request in requestOfItem { report.items[requests[request].outcome ?? .cancelled, default: 0] += 1 }
        gather.end(next.call, report, report.outcome == .ok ? body : nil)
    }

    /// What came, in the order of the list.
    private var parts: ItemBodies {
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
