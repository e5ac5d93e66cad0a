import EventLoop
import HTTPWire

/// Sends a body piece by piece, each as soon as it is written.
///
/// The head leaves with the first piece, in the same system call. Confined to its loop, and unusable once the body has
/// ended.
public final class BodyWriter {
    private let stream: any ExchangeStream
    private let framing: ResponseFraming
    /// The response's head, until it is sent.
    private var head: [UInt8]
    private var isWriting = false
    /// Whether the client did not take a piece, of which it is unknown how much has arrived.
    private var isBroken = false
    /// The bytes of the body that the socket has taken, not counting framing.
    public private(set) var sentBytes = 0

    /// Pieces up to this size are copied next to their framing, larger ones are sent from where they are.
    private static let copiedBytes = 16 * 1024

    package init(_ stream: any ExchangeStream, framing: ResponseFraming, head: [UInt8]) {
        self.stream = stream
        self.framing = framing
        self.head = head
    }

    /// Sends a piece and suspends until the socket has taken it; an empty one sends the head, if that is not sent yet.
    ///
    /// One piece at a time: a second write while one is suspended stops the program.
    /// - Throws: ``StreamFailure/clientGone`` if the client disconnects or reads nothing for the write timeout, or if
    ///   the task is cancelled. The body cannot go on then, and every further write throws.
    public func write(_ bytes: [UInt8], on loop: isolated EventLoop) async throws(StreamFailure) {
        precondition(!isWriting, "a body is written one piece after the other")
        isWriting = true
        defer { isWriting = false }
        guard !isBroken, !Task.isCancelled else { throw .clientGone }
        var prefix = head
        head = []
        let isChunk = framing == .chunked && !bytes.isEmpty
        if isChunk { ChunkedEncoder.appendSizeLine(bytes.count, to: &prefix) }
        if bytes.count <= Self.copiedBytes {
            prefix += bytes
            if isChunk { prefix += ChunkedEncoder.dataEnd }
            try await send(prefix, [], on: loop)
        } else {
            try await send(prefix, bytes, on: loop)
            if isChunk { try await send(ChunkedEncoder.dataEnd, [], on: loop) }
        }
        sentBytes += bytes.count
    }

    /// Notes that bytes wait to be written, from now on and until ``release(_:)``.
    func hold(_ bytes: Int) { stream.hold(bytes) }

    func release(_ bytes: Int) { stream.release(bytes) }

    /// Ends the body.
    package func finish(on loop: isolated EventLoop) async throws(StreamFailure) {
        guard !isBroken else { throw .clientGone }
        try await send(framing == .chunked ? head + ChunkedEncoder.lastChunk : head, [], on: loop)
    }

    private func send(_ first: [UInt8], _ second: [UInt8], on loop: isolated EventLoop) async throws(StreamFailure) {
        guard await stream.send(first, second, on: loop) else {
            isBroken = true
            throw .clientGone
        }
    }
}
