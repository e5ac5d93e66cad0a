import GatherConfig
import HTTPServer

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
