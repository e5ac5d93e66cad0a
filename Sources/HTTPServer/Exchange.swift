import EventLoop
import HTTPTypes
import HTTPWire

/// One request and its answer, as the responder sees it.
///
/// A connection uses the same object for each of its exchanges, one after the other.
public final class Exchange {
    unowned let connection: Connection

    /// Who sent the request; nil over a path, which peers need not have.
    public let peer: SocketAddress?
    /// The request's method, as far as it was read.
    private(set) var method: HTTPRequest.Method?

    /// Nil if the request was so defective that it has no head.
    public internal(set) var head: RequestHead?
    /// When the turn began in which the head was complete: when the request had arrived, whatever the loop did before it came to it.
    public internal(set) var start: LoopInstant
    /// The status that was sent; if none was or not all of the answer, 499 for a client that left and 503 for one that the server's
    /// shutdown cut off. Nil until it is known.
    public internal(set) var status: Int?
    /// The bytes of the response's content.
    public internal(set) var sentBytes = 0

    /// What the responder wants to remember for ``Responder/ended(_:at:)``: which route it was.
    public var route: String?
    /// The same: what else it knows of the exchange.
    public var note: Any?

    init(connection: Connection, peer: SocketAddress?, start: LoopInstant) {
        self.connection = connection
        self.peer = peer
        self.start = start
    }

    func begin(_ head: RequestHead?, _ method: HTTPRequest.Method?, at now: LoopInstant) {
        self.head = head
        self.method = method
        start = now
        status = nil
        sentBytes = 0
        route = nil
        note = nil
    }

    /// Reads the request's whole body, and sends `100 Continue` first if the client waits for it.
    /// - Throws: ``Refusal`` if it is malformed, too large or too slow; pass it on.
    public func readBody(on loop: isolated EventLoop) async throws(Refusal) -> [UInt8] {
        try await connection.readBody(on: loop)
    }
}
