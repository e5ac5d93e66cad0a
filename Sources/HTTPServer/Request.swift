import EventLoop
import HTTPTypes
import HTTPWire

/// A request, as handlers see it. Confined to its loop.
///
/// It keeps its connection and the server in memory, so a handler that stores requests has to release them.
public final class Request {
    public var head: RequestHead { currentHead }
    /// The address of its sender; nil for peers of a Unix socket that have no path.
    public let peer: SocketAddress?
    /// When the request had arrived: the start of the turn in which its head was complete, whatever the loop did before
    /// it handled it.
    public var start: LoopInstant { currentStart }
    /// The route that was found for it, for observers.
    public var route: String? {
        get { notes.route }
        set { notes.route = newValue }
    }
    /// The number under which it is counted, for observers that count requests by route.
    public var series: Int? {
        get { notes.series }
        set { notes.series = newValue }
    }
    /// Its ID, if requests have IDs; the answer has it as `X-Request-ID`.
    public var id: RequestID? {
        get { notes.id }
        set { notes.id = newValue }
    }
    /// Its span, if requests are traced.
    public var span: RequestSpan? {
        get { notes.span }
        set { notes.span = newValue }
    }
    /// Whether it has a span, which is not copied to find out.
    package var isTraced: Bool { notes.span != nil }
    /// Whether the answer has no content, whatever its fields say (RFC 9110 §9.3.2).
    var isHead: Bool { head.method == .head }
    /// Where its handler may wait without a cancellation handler for each wait, in the task that called the handler; nil
    /// where no client can leave.
    package let scope: CancelScope?
    private let stream: any ExchangeStream
    // Behind the properties that others see: what only this file changes is not checked for exclusive access each time.
    private var currentHead: RequestHead
    private var currentStart: LoopInstant
    private var notes = Notes()

    private struct Notes {
        var route: String?
        var series: Int?
        var id: RequestID?
        var span: RequestSpan?
    }

    package init(
        _ head: RequestHead, from peer: SocketAddress?, at start: LoopInstant, over stream: any ExchangeStream,
        in scope: CancelScope? = nil
    ) {
        (currentHead, currentStart) = (head, start)
        self.peer = peer
        self.stream = stream
        self.scope = scope
    }

    /// Becomes the next request of its connection. Only where nothing else holds it.
    func renew(_ head: RequestHead, at start: LoopInstant) {
        currentHead = head
        currentStart = start
        if notes.route != nil { notes.route = nil }
        notes.series = nil
        if notes.id != nil { notes.id = nil }
        if notes.span != nil { notes.span = nil }
    }

    /// Reads the whole body; first sends `100 Continue` if the client waits for it.
    /// - Throws: ``Refusal`` if it is malformed, too large or too slow; pass it on.
    public func readBody(on loop: isolated EventLoop) async throws(Refusal) -> [UInt8] {
        try await stream.readBody(on: loop)
    }

    /// Reads the next piece of the body as it arrives; nil after the last. For handlers that pass the body on. The
    /// piece is read before the next is taken from the socket, so that a handler that passes it on slowly slows the
    /// client down.
    ///
    /// Each piece may be waited for as long as ``ServerOptions/bodyTimeout``. A handler may go on reading while its
    /// answer is produced.
    /// - Parameter limit: the most bytes that the body may have, in place of what the server allows.
    /// - Throws: ``Refusal``, as ``readBody(on:)`` does; ``Refusal/clientGone`` also where the task is cancelled, and
    ///   then nothing is lost of what has not been read.
    public func readPiece(upTo limit: Int? = nil, on loop: isolated EventLoop) async throws(Refusal) -> [UInt8]? {
        try await stream.readPiece(upTo: limit, on: loop)
    }
}

/// A request's span in a trace.
public struct RequestSpan: Sendable {
    /// The span itself.
    public var context: TraceContext
    /// The sender's span; nil if it is not known.
    public var parent: UInt64?

    public init(_ context: TraceContext, childOf parent: UInt64?) { (self.context, self.parent) = (context, parent) }
}

/// The path of one exchange: where the body of a request comes from, and where its answer goes.
package protocol ExchangeStream: AnyObject {
    func readBody(on loop: isolated EventLoop) async throws(Refusal) -> [UInt8]
    /// The next piece; nil after the last.
    func readPiece(upTo limit: Int?, on loop: isolated EventLoop) async throws(Refusal) -> [UInt8]?
    /// Sends two pieces, and suspends until they are taken; false if the client does not take them.
    func send(_ first: [UInt8], _ second: [UInt8], on loop: isolated EventLoop) async -> Bool
    /// Counts bytes that wait to be sent, until ``release(_:)``.
    func hold(_ bytes: Int)
    func release(_ bytes: Int)
}
