import EventLoop
import GatherConfig
import HTTPServer
import HTTPTypes
import HTTPWire

/// What is done for every request of a service apart from answering it, as its configuration says: each a handler that
/// wraps the next.
struct ServiceRules: Sendable {
    private let server: ServerSettings
    private let routes: Routes
    private let limiters: RateLimiters?

    /// - Parameter limiters: those of the server.
    init(_ server: ServerSettings, _ routes: Routes, _ limiters: [RateLimiter]) {
        (self.server, self.routes) = (server, routes)
        // The others wait until it is known who asks.
        let first = limiters.filter { !$0.limit.isByIdentity }
        self.limiters = first.isEmpty ? nil : RateLimiters(first)
    }

    /// The handler within those that are configured: a limit before anything is done, then what browsers are told,
    /// since a page reads of a refusal only what it may read, and outermost the name of a request, which a refusal has
    /// as well.
    /// - Parameter tracer: what gives each request its place in a trace, if there are traces.
    func around(_ handler: any Handler, tracer: Tracer? = nil) -> any Handler {
        var handler = handler
        if let limiters { handler = RateLimitHandler(limiters, next: handler) }
        if server.hasSecurityFields { handler = SecurityFieldsHandler(next: handler) }
        if let crossOrigin = server.crossOrigin {
            handler = CrossOriginHandler(crossOrigin, router: routes.router, next: handler)
        }
        if server.namesRequests { handler = NamingHandler(next: handler) }
        if let tracer { handler = TracingHandler(tracer, next: handler) }
        return handler
    }
}

/// A handler that does something for the requests that it lets the next one answer.
protocol WrappingHandler: Handler {
    var next: any Handler { get }
}

extension WrappingHandler {
    func bodyLimit(of head: RequestHead) -> Int? { next.bodyLimit(of: head) }
}

/// Keeps the limits that hold whatever is asked for: before anything is looked for.
final class RateLimitHandler: WrappingHandler {
    private let limiters: RateLimiters
    let next: any Handler

    init(_ limiters: RateLimiters, next: any Handler) { (self.limiters, self.next) = (limiters, next) }

    func answer(_ request: Request, on loop: isolated EventLoop) throws -> Answer {
        try limiters.answer(request, on: loop) { try next.answer(request, on: loop) }
    }
}

/// Tells browsers not to do with an answer what it was not meant for, unless the answer says so itself.
///
/// Source: OWASP, REST Security Cheat Sheet. `Strict-Transport-Security` is for whatever terminates TLS.
final class SecurityFieldsHandler: WrappingHandler {
    private static let fields: [(name: HTTPField.Name, value: String)] = [
        // No guessing of types, no frames of other sites, no addresses told to them.
        (.xContentTypeOptions, "nosniff"),
        (.known("X-Frame-Options"), "DENY"),
        (.contentSecurityPolicy, "frame-ancestors 'none'"),
        (.known("Referrer-Policy"), "no-referrer"),
    ]

    let next: any Handler

    init(next: any Handler) { self.next = next }

    func answer(_ request: Request, on loop: isolated EventLoop) throws -> Answer {
        try next.answer(request, on: loop).map(Self.marked)
    }

    private static func marked(_ response: Response) -> Response {
        var response = response
        for (name, value) in fields where response.fields[name] == nil && response.lines.firstValue(of: name) == nil {
            response.fields[name] = value
        }
        return response
    }
}

/// Gives each request a name, outermost of all that answers it: the client's own, or a random one. The server puts it
/// into the answer.
final class NamingHandler: WrappingHandler {
    let next: any Handler
    private var random = RandomIDs()

    init(next: any Handler) { self.next = next }

    func answer(_ request: Request, on loop: isolated EventLoop) throws -> Answer {
        request.id = RequestID(of: request.head, or: &random)
        return try next.answer(request, on: loop)
    }
}

extension RequestID {
    /// What the client calls its request, if it has a name; or else a random one.
    init(of head: RequestHead, or random: inout some RandomNumberGenerator) {
        if let given = head.firstValue(of: .xRequestID), let name = RequestID(given) {
            self = name
        } else {
            self.init(random.next(), random.next())
        }
    }
}

/// Gives each request its span, outermost of all that answers it.
final class TracingHandler: WrappingHandler {
    private let tracer: Tracer
    let next: any Handler

    init(_ tracer: Tracer, next: any Handler) { (self.tracer, self.next) = (tracer, next) }

    func answer(_ request: Request, on loop: isolated EventLoop) throws -> Answer {
        request.span = tracer.span(of: request.head)
        return try next.answer(request, on: loop)
    }
}
