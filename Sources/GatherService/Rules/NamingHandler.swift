import EventLoop
import HTTPServer
import HTTPTypes
import HTTPWire

/// Gives each request a name, outermost of all that answers it: the client's own, or a random one. The server puts it
/// into the answer.
final class NamingHandler: Handler {
    private let next: any Handler
    private var random = RandomIDs()

    init(next: any Handler) { self.next = next }

    func bodyLimit(of head: RequestHead) -> Int? { next.bodyLimit(of: head) }

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
