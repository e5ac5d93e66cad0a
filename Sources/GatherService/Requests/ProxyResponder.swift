import EventLoop
import Gather
import GatherConfig
import GatherFetch
import HTTPServer
import HTTPTypes
import HTTPWire

/// Answers the proxied requests of one loop: asks the upstream, and passes on its answer as it comes.
///
/// No more of a body is held than one piece of at most 64 KiB, in either direction: the upstream is not read while the
/// client takes nothing, nor the client while the upstream takes nothing.
final class ProxyResponder {
    private let routes: [Route]
    private let engine: GatherEngine
    private let upstreams: CurlUpstreams
    private let accessLog: AccessLog
    private let tracer: Tracer
    private let trusted: TrustedProxies
    private let disclosure: Disclosure
    private let use: GenerationUse

    /// What is known about a proxy in advance.
    private struct Route {
        let proxy: ProxyEndpoint
        let upstream: Upstream
        let taken: ClientValues
        /// For each host of the upstream.
        let locations: [ProxyLocation]
    }

    init(
        _ configuration: Configuration, engine: GatherEngine, upstreams: CurlUpstreams, accessLog: AccessLog,
        tracer: Tracer, use: GenerationUse
    ) {
        (self.use, self.tracer) = (use, tracer)
        let plan = configuration.plan
        (trusted, disclosure) = (TrustedProxies(configuration.server), configuration.server.disclosure)
        routes = plan.proxies.map { proxy in
            let upstream = plan.upstreams[proxy.upstream.number]
            return Route(
                proxy: proxy, upstream: upstream, taken: proxy.clientValues,
                locations: upstream.hosts.map { ProxyLocation(proxy, hosts: upstream.hosts, from: $0) })
        }
        (self.engine, self.upstreams, self.accessLog) = (engine, upstreams, accessLog)
    }

    /// Bodies up to this are read before the upstream is asked: they are sent with the head, and may be sent again.
    private static let shortBody = 16 * 1024

    /// The largest body of a proxy's requests, if it has a limit of its own.
    func bodyLimit(of index: Int) -> Int? { routes[index].proxy.maxBodyBytes }

    func priority(of index: Int) -> Endpoint.Priority { routes[index].proxy.priority }

    /// Lets an upstream answer a request.
    /// - Parameter index: the proxy's place in the plan.
    func answer(
        _ index: Int, _ parameters: [String], _ request: Request, of identity: Identity?, on loop: isolated EventLoop
    ) async throws -> Response {
        let route = routes[index]
        let head = request.head
        if let problem = head.undecodable(of: route.taken) { return accessLog.refuse(request, problem) }
        var body: [UInt8]?
        if case .length(let length) = head.framing, length <= Self.shortBody {
            if let limit = route.proxy.maxBodyBytes, length > limit { throw Refusal.defective(.contentTooLarge) }
            body = try await request.readBody(on: loop)
        }
        var origin = route.proxy.tellsOrigin ? trusted.origin(of: request) : nil
        if route.proxy.sendsForwarded { origin?.forwarded = trusted.forwarded(of: request) }
        var rendered: ClientRequest
        do throws(RequestFault) {
            rendered = try route.proxy.request(
                head, parameters, for: origin,
                of: identity, attributes: route.taken.takesAttributes ? trusted.attributes(of: request) : [:],
                body: body)
        } catch {
            return accessLog.refuse(request, error.description)
        }
        if let name = route.upstream.deadlineHeader {
            let timeout = route.proxy.timeout ?? route.upstream.timeout
            // A number can stand in a field.
            try? rendered.fields.replace(name, with: "\(timeout.wholeNanoseconds / 1_000_000)".utf8Span.span)
        }
        let trace = tracer.trace(of: request, passedTo: route.upstream)
        let passage = engine.passage(to: route.proxy.upstream, on: loop)
        do {
            try await passage.enter(on: loop)
            var earlier: PassedExchange?
            while true {
                let host = try passage.begin()
                do {
                    let passed = try PassedExchange(
                        trace?.begin(rendered, at: host) ?? rendered, of: request, to: route.proxy, at: host,
                        through: passage, upstreams, after: earlier)
                    earlier = passed
                    let answer = try await passed.head(on: loop)
                    trace?.answered(answer.status, passed.times)
                    return response(
                        answer, from: route.locations[host.number], of: route, passed, request, trace, on: loop)
                } catch let failure as UpstreamFailure {
                    trace?.end(Passage.Failure(failure).outcome)
                    guard await passage.mayBeginAgain(after: failure, on: loop) else { throw Passage.Failure(failure) }
                }
            }
        } catch {
            passage.leave()
            trace?.end(.cancelled)
            guard let failure = error as? Passage.Failure else { throw error }
            if failure.outcome == .cancelled { throw Refusal.clientGone }
            accessLog.note(GatherNote(upstream: route.upstream.name, failure), of: request)
            return problem(failure, request)
        }
    }

    /// What the client gets of an answer whose head has come.
    private func response(
        _ answer: ClientResponse, from location: ProxyLocation, of route: Route, _ passed: PassedExchange,
        _ request: Request, _ trace: PassedTrace?, on loop: isolated EventLoop
    ) -> Response {
        var fields = answer.fields
        let length = fields.firstValue(of: .contentLength).flatMap { Int(String(decoding: $0, as: UTF8.self)) }
        if !route.proxy.keepsLocation, let value = fields.firstValue(of: .location),
            let ours = location.rewritten(value)
        {
            // What it is made of stood in a field.
            try? fields.replace(.location, with: ours.span)
        }
        fields.removeHopByHop()
        // The answer has our own.
        if request.id != nil { fields.remove(.xRequestID) }
        var response = Response(HTTPResponse.Status(code: answer.status), lines: fields)
        if passed.isComplete {
            passed.end(nil)
            trace?.end(nil)
            response.body = answer.body
            // The length that GET would have, if the upstream says so.
            if request.head.method == .head { response.framing = length.map { .length($0) } ?? .untilClose }
            return response
        }
        if case .length(let length) = passed.framing { response.framing = .length(length) }
        response.stream = { writer async throws(StreamFailure) in
            defer { trace?.end(.cancelled) }
            guard let failure = try await passed.pass(answer.body, to: writer, status: answer.status, on: loop) else {
                trace?.end(nil)
                return
            }
            trace?.end(Passage.Failure(failure).outcome)
            self.accessLog.note(GatherNote(upstream: route.upstream.name, Passage.Failure(failure)), of: request)
            throw .failed
        }
        return response
    }

    // MARK: Problems

    /// The answer where the upstream has none: the status is that of a gather whose call ended so.
    private func problem(_ failure: Passage.Failure, _ request: Request) -> Response {
        let status = failure.outcome.failureStatus
        let reason = failure.detail.map { " (\($0))" } ?? ""
        let detail: String? =
            switch disclosure {
            case .nothing: nil
            case .outcomes: "the upstream failed: \(failure.outcome.rawValue)"
            case .everything: "the upstream failed: \(failure.outcome.rawValue)\(reason)"
            }
        let pause = (failure.retryAfter ?? .zero).retryAfter
        return .problem(status, detail, fields: status == .serviceUnavailable ? [.retryAfter: pause] : [:]) {
            $0.member(of: request.id)
        }
    }
}
