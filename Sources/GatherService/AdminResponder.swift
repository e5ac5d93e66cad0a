import EventLoop
import HTTPServer
import HTTPTypes
import HTTPWire

/// The admin listener's endpoints, for the platform that runs the service.
final class AdminResponder: Handler {
    private enum Target { case health, readiness }

    private var router = Router<Target>()
    private let readiness: Readiness
    private let drain: Latch

    /// - Parameter drain: opens when the service begins to shut down.
    init(readiness: Readiness, drain: Latch) {
        self.readiness = readiness
        self.drain = drain
        router.add(.get, "/healthz", .health)
        router.add(.get, "/readyz", .readiness)
    }

    func answer(_ request: Request, on loop: isolated EventLoop) -> Answer { .now(response(to: request.head)) }

    private func response(to head: RequestHead) -> Response {
        if let response = Response(whateverThePath: head) { return response }
        switch router.match(head) {
        case .found(.health, _, _): return Response(.ok, text: "ok\n")
        case .found(.readiness, _, _):
            if drain.isOpen { return Response(.serviceUnavailable, text: "draining\n") }
            guard readiness.isReady else { return Response(.serviceUnavailable, text: "warming up\n") }
            return Response(.ok, text: "ready\n")
        case .methodNotAllowed(let allowed): return .methodNotAllowed(allowed)
        case .options(let allowed): return .options(allowed)
        case .undecodable, .notFound: return .problem(.notFound, "the admin listener has /healthz and /readyz")
        }
    }
}
