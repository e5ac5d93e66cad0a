import DemoUpstream
import EventLoop
import Gather
import GatherConfig
import GatherFetch
import HTTPServer
import HTTPTypes
import HTTPWire
import JSONText
import Logging

/// Answers the requests of one loop by one generation of the configuration: finds the endpoint and lets the engine run
/// it.
///
/// A request keeps the responder that it began with, so that it ends as it began even if another generation has taken
/// over.
final class GatherResponder: Handler {
    private let routes: Routes
    private let engine: GatherEngine
    private let accessLog: AccessLog
    private let tracer: Tracer
    private let upstreams: [Upstream]
    private let admission: Admission
    private let deadlineHeader: HTTPField.Name?
    private let trusted: TrustedProxies
    private let gate: AccessGate
    private let metrics: Metrics
    let history: GatherHistory
    /// Where each endpoint is counted, in the order of the plan, and the series of each demonstration.
    private let places: [Metrics.Place]
    private let demonstrations: [Int]
    /// The series of each proxy, in the order of its methods.
    private let passages: [[(method: HTTPRequest.Method, series: Int)]]
    private let proxies: ProxyResponder

    init(
        _ generation: Generation, engine: GatherEngine, upstreams: CurlUpstreams, admission: Admission,
        accessLog: AccessLog, tracer: Tracer, whenOver: @escaping () -> Void = {}
    ) {
        // Held by what is streamed of an upstream's answer as well, which outlives the request.
        let use = GenerationUse(whenOver)
        routes = generation.routes
        self.engine = engine
        self.admission = admission
        (self.accessLog, self.tracer) = (accessLog, tracer)
        self.upstreams = generation.configuration.plan.upstreams
        proxies = ProxyResponder(
            generation.configuration, engine: engine, upstreams: upstreams, accessLog: accessLog, tracer: tracer,
            use: use)
        gate = AccessGate(generation.access)
        trusted = TrustedProxies(generation.configuration.server)
        deadlineHeader = generation.configuration.server.clientDeadlineHeader
        let (metrics, plan) = (engine.metrics, generation.configuration.plan)
        self.metrics = metrics
        history = GatherHistory(endpoints: plan.endpoints.count)
        places = plan.endpoints.map { metrics.place(of: $0, in: plan) }
        demonstrations = Demonstration.allCases.map { metrics.series(method: .get, path: $0.path) }
        passages = plan.proxies.map { proxy in
            proxy.methods.map { ($0, metrics.series(method: $0, path: proxy.path)) }
        }
    }

    func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
        let head = request.head
        if let response = Response(whateverThePath: head) { return .now(response) }
        switch routes.router.match(head) {
        case .found(let found, let route, let parameters):
            request.route = route
            // Before its rules: what they refuse is a request to the route as well.
            let series = series(of: found.target, request)
            request.series = series
            metrics.requestBegan(in: series)
            guard let rules = found.rules else { return answer(found.target, parameters, request, on: loop) }
            return rules.answer(request, on: loop) {
                guard let access = rules.access else { return answer(found.target, parameters, request, on: loop) }
                return answer(
                    request, if: access,
                    { identity in
                        rules.answer(request, of: identity, on: loop) {
                            self.answer(found.target, parameters, request, of: identity, on: loop)
                        }
                    }, on: loop)
            }
        case .methodNotAllowed(let allowed): return .now(.methodNotAllowed(allowed))
        case .options(let allowed): return .now(.options(allowed))
        case .undecodable: return .now(accessLog.refuse(request, "a path parameter is not UTF-8"))
        case .notFound: return .now(.problem(.notFound, routes.demonstrations.notFound(head.path)))
        }
    }

    /// Answers a request if its sender is allowed to ask: decided before its body is read.
    private func answer(
        _ request: Request, if rule: AccessRule, hasWaited: Bool = false, _ next: @escaping (Identity) -> Answer,
        on loop: isolated EventLoop
    ) -> Answer {
        switch gate.decide(request, by: rule, hasWaited: hasWaited, on: loop) {
        case .granted(let identity): return next(identity)
        case .refused(let response, let reason): return .now(refuse(request, response, reason))
        case .waits(let fetched, let limit):
            return .later {
                await fetched.wait(until: loop.now.advanced(by: limit), on: loop)
                guard !Task.isCancelled else { throw Refusal.clientGone }
                // It waits once.
                switch self.answer(request, if: rule, hasWaited: true, next, on: loop) {
                case .now(let response): return response
                case .later(let work): return try await work()
                }
            }
        }
    }

    private func answer(
        _ target: Routes.Target, _ parameters: [String], _ request: Request, of identity: Identity? = nil,
        on loop: isolated EventLoop
    ) -> Answer {
        switch target {
        case .endpoint(let found):
            return .later { try await self.gather(found, parameters, request, of: identity, on: loop) }
        case .proxy(let proxy):
            if let busy = admission.objection(to: proxies.priority(of: proxy), on: loop) {
                return .now(refuse(request, busy.response, busy.reason))
            }
            return .later { try await self.pass(proxy, parameters, request, of: identity, on: loop) }
        case .demonstration(let page):
            if let response = routes.demonstrations.response(page, request.head) { return .now(response) }
            return .later { try await self.tasks(request, on: loop) }
        }
    }

    func bodyLimit(of head: RequestHead) -> Int? {
        guard case .found(let found, _, _) = routes.router.match(head), case .proxy(let proxy) = found.target else {
            return nil
        }
        return proxies.bodyLimit(of: proxy)
    }

    /// Lets an upstream answer. An exchange that is still going on when the answer begins keeps this generation alive.
    private func pass(
        _ proxy: Int, _ parameters: [String], _ request: Request, of identity: Identity?, on loop: isolated EventLoop
    ) async throws -> Response {
        var response = try await proxies.answer(proxy, parameters, request, of: identity, on: loop)
        guard let produce = response.stream else { return response }
        response.stream = { writer in
            _ = loop  // What captures the loop is the loop's.
            defer { withExtendedLifetime(self) {} }
            try await produce(writer)
        }
        return response
    }

    private func gather(
        _ found: EndpointRoute, _ parameters: [String], _ request: Request, of identity: Identity?,
        on loop: isolated EventLoop
    ) async throws(Refusal) -> Response {
        let head = request.head
        if let problem = head.undecodable(of: found.takes) { return accessLog.refuse(request, problem) }
        var body: JSONValue?
        if found.takes.readsBody {
            if let coding = head.contentCoding {
                return accessLog.refuse(
                    request,
                    "the request body has the content coding '\(coding)', which is not decoded: send it without",
                    status: .unsupportedMediaType, fields: [.acceptEncoding: "identity"])
            }
            let bytes = try await request.readBody(on: loop)
            // Without a body its values are missing, as others may be.
            if !bytes.isEmpty {
                do throws(JSONError) {
                    body = try await Self.validated(bytes, for: found.endpoint, on: loop)
                } catch {
                    return accessLog.refuse(request, "the request body is \(error)")
                }
            }
        }
        var limit: Duration?
        if let name = deadlineHeader, let text = head[name] {
            limit = Self.milliseconds(text)
            guard limit != nil else {
                return accessLog.refuse(request, "\(name) is not a whole number of milliseconds above 0")
            }
        }
        var input = RequestInput(head: head, parameters: parameters, body: body, identity: identity)
        if found.takes.takesAttributes { input.attributes = trusted.attributes(of: request) }
        if found.endpoint.isStreamed, let format = RecordFormat(accept: head[.accept]) {
            return await stream(found, input, within: limit, as: format, request, on: loop)
        }
        // Only now: a client that sends its body slowly must not hold a slot.
        let sendsOptional: Bool
        switch admission.enter(found.endpoint.priority, on: loop) {
        case .refused(let response, let reason): return refuse(request, response, reason)
        case .entered(let optional): sendsOptional = optional
        }
        defer { admission.leave() }
        let start = loop.now
        let trace = tracer.trace(of: request, calls: found.endpoint.calls.count)
        let gathered = await engine.gather(
            found.endpoint, input, within: limit, sendsOptional: sendsOptional, trace: trace, in: request.scope,
            on: loop)
        note(gathered, of: found, trace, isStreamed: false, from: start, to: loop.now, request)
        var response = try Response.to(gathered, of: found.endpoint, id: request.id)
        if found.endpoint.hasEntityTag { await response.tag(for: head, on: loop) }
        return response
    }

    /// The body of a request, if it is JSON.
    private static func validated(
        _ bytes: [UInt8], for endpoint: Endpoint, on loop: isolated EventLoop
    ) async throws(JSONError) -> JSONValue {
        guard !BodyWork.fits(bytes.count, in: loop.reactor) else {
            return BodyWork.lookUp(endpoint.paths(into: .body), in: try JSONValue(validating: bytes))
        }
        let paths = endpoint.paths(into: .body)
        let checked = try? await BodyWork.offLoop(on: loop) {
            Result { () throws(JSONError) in try JSONValue(validating: bytes).lookingUp(paths) }
        }
        // Cancelled: the result is no longer waited for.
        return try checked?.get() ?? JSONValue(validated: [])
    }

    /// A client's patience; nil if it is not a number of milliseconds.
    private static func milliseconds(_ text: String) -> Duration? {
        guard (1...18).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let count = Int64(text), count > 0
        else { return nil }
        return .milliseconds(count)
    }

    /// The answer to a client that wants to be told of each call as it starts and ends.
    private func stream(
        _ found: EndpointRoute, _ input: RequestInput, within limit: Duration?, as format: RecordFormat,
        _ request: Request, on loop: isolated EventLoop
    ) async -> Response {
        let endpoint = found.endpoint
        if let objection = await engine.objection(to: input, for: endpoint, on: loop) {
            return accessLog.refuse(request, objection)
        }
        let sendsOptional: Bool
        switch admission.enter(endpoint.priority, on: loop) {
        case .refused(let response, let reason): return refuse(request, response, reason)
        case .entered(let optional): sendsOptional = optional
        }
        let place = HeldPlace(admission)
        return Response(.ok, fields: format.fields) { writer async throws(StreamFailure) in
            let stream = GatherStream(endpoint, within: limit, on: loop)
            try await stream.send(as: format, through: writer, on: loop) {
                // The slot is free again when the gather has ended, even if the client has not read all of the answer.
                defer { place.leave() }
                let start = loop.now
                let trace = self.tracer.trace(of: request, calls: endpoint.calls.count)
                let gathered = await self.engine.gather(
                    found.endpoint, input, within: limit, sendsOptional: sendsOptional, observer: stream, trace: trace,
                    on: loop)
                self.note(gathered, of: found, trace, isStreamed: true, from: start, to: loop.now, request)
                return gathered
            }
        }
    }

    /// The answer of `/tasks`, which holds a slot like a gather while its tasks run.
    private func tasks(_ request: Request, on loop: isolated EventLoop) async throws(Refusal) -> Response {
        if case .refused(let response, let reason) = admission.enter(.normal, on: loop) {
            return refuse(request, response, reason)
        }
        let place = HeldPlace(admission)
        let head = request.head
        let format = RecordFormat(accept: head[.accept])
        var response = try await TasksDemonstration.respond(to: QueryItems(head.query), as: format, on: loop)
        guard let produce = response.stream else { return response }
        response.stream = { writer in
            _ = loop  // What captures the loop is the loop's.
            defer { place.leave() }
            try await produce(writer)
        }
        return response
    }

    private func series(of target: Routes.Target, _ request: Request) -> Int {
        switch target {
        case .endpoint(let found): places[found.number].series
        case .proxy(let proxy):
            passages[proxy].first { $0.method == request.head.method }?.series ?? passages[proxy][0].series
        case .demonstration(let page): demonstrations[page.rawValue]
        }
    }

    /// A gather has ended: it is counted, kept for a while, and told of in the log and in its trace.
    private func note(
        _ gathered: Gathered, of found: EndpointRoute, _ trace: GatherSpan?, isStreamed: Bool, from start: LoopInstant,
        to end: LoopInstant, _ request: Request
    ) {
        if case .unplaceable = gathered.verdict {
            // What was wrong with the client's request has kept all calls from being made.
        } else {
            metrics.countCalls(at: places[found.number], gathered.reports)
        }
        history.record(gathered, of: found.number, found.endpoint, for: request, since: start, at: end)
        accessLog.note(gathered, of: found.endpoint, took: start.duration(to: end), isStreamed: isStreamed, request)
        tracer.gathered(gathered, of: found.endpoint, upstreams, trace, from: start, to: end, request)
    }

    /// The answer to a request that there is no room for, or whose sender may not ask.
    private func refuse(_ request: Request, _ response: Response, _ reason: String) -> Response {
        accessLog.note(GatherNote(problem: reason), of: request)
        return response
    }
}
