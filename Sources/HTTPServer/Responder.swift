import EventLoop

/// What a server does with requests. Each loop has its own, confined to it.
public protocol Responder: AnyObject {
    /// Answers a request. It runs in the connection's task, which is cancelled when the client goes away.
    /// - Throws: the ``Refusal`` that reading the body threw.
    func respond(to exchange: Exchange, on loop: isolated EventLoop) async throws(Refusal) -> Response

    /// The answer to a request that cannot be handled; a problem document unless the responder has another.
    func response(to refusal: Refusal) -> Response

    /// Told once about each exchange, when its response is written or can no longer be; does nothing by default.
    func ended(_ exchange: Exchange, at now: LoopInstant)
}

extension Responder {
    public func response(to refusal: Refusal) -> Response {
        .problem(refusal.status, refusal.detail, fields: refusal.fields)
    }

    public func ended(_ exchange: Exchange, at now: LoopInstant) {}
}
