/// The sizes beyond which a message's content is refused; each is inclusive.
public struct ContentLimits: Sendable, Equatable {
    /// The content, after chunked framing is removed.
    public var contentBytes: Int
    /// All chunk extensions of one message together, which are read and ignored.
    public var extensionBytes: Int
    /// The trailer section.
    public var trailerBytes: Int
    /// The lines of the trailer section.
    public var trailerLines = Int.max
    /// Extensions and trailers together.
    public var overheadBytes: Int

    /// The limits of what follows the head of a request.
    public init(_ limits: WireLimits) {
        contentBytes = limits.bodyBytes
        extensionBytes = limits.chunkExtensionBytes
        trailerBytes = limits.trailerBytes
        trailerLines = limits.fieldCount
        overheadBytes = limits.chunkExtensionBytes + limits.trailerBytes
    }

    /// The limits of what follows a response's head, in whose limit its extensions and trailers count.
    public init(_ limits: ResponseLimits, after head: ResponseHead) {
        contentBytes = limits.bodyBytes
        overheadBytes = limits.headBytes - head.byteCount
        extensionBytes = overheadBytes
        trailerBytes = overheadBytes
    }
}

/// Reads the content of one message, however it is framed, or throws it away.
public struct ContentReader: Sendable {
    /// How far a call came.
    public struct Progress: Sendable, Equatable {
        /// The bytes of the input that belong to this message; what follows them is the next one.
        public var consumed: Int
        /// Whether the content ends with them.
        public var isComplete: Bool
    }

    private enum State {
        case length(remaining: Int)
        case chunked(ChunkedDecoder)
        case untilClose(room: Int)
        case complete
    }

    private var state: State

    /// Makes a reader for a message without content.
    init() { state = .complete }

    /// Makes a reader for what follows a head.
    ///
    /// - Throws: `.tooLarge(.content)` for a `Content-Length` above the limit, before any of it is read.
    public init(_ framing: BodyFraming, limits: ContentLimits) throws(MessageError) {
        switch framing {
        case .none: state = .complete
        case .length(let length):
            guard length <= limits.contentBytes else { throw .tooLarge(.content) }
            state = .length(remaining: length)
        case .chunked: state = .chunked(ChunkedDecoder(limits: limits))
        case .untilClose: state = .untilClose(room: limits.contentBytes)
        }
    }

    /// Whether the content has been read to its end.
    public var isComplete: Bool {
        if case .complete = state { true } else { false }
    }

    /// Appends the content in `input` to `content`. Input is passed once, in pieces of any size. O(input).
    public mutating func read(_ input: Span<UInt8>, into content: inout [UInt8]) throws(MessageError) -> Progress {
        try advance(input) { piece in
            // What comes first gets memory of its size, unless there is some.
            if content.capacity == 0 {
                content = Array(copying: input.extracting(piece))
            } else {
                content.append(copying: input.extracting(piece))
            }
        }
    }

    /// Goes over the content in `input` without keeping it, to reach the next message.
    public mutating func discard(_ input: Span<UInt8>) throws(MessageError) -> Progress {
        try advance(input) { _ in }
    }

    /// No more input comes: the connection has ended.
    ///
    /// - Returns: whether the content is complete with that; if not, it was cut short (RFC 9112 §8).
    public mutating func inputEnded() -> Bool {
        if case .untilClose = state { state = .complete }
        return isComplete
    }

    @inline(__always)
    private mutating func advance(
        _ input: Span<UInt8>, _ take: (Range<Int>) -> Void
    ) throws(MessageError) -> Progress {
        var index = 0
        switch state {
        case .complete: break
        case .length(let remaining):
            index = min(remaining, input.count)
            take(0..<index)
            state = index == remaining ? .complete : .length(remaining: remaining - index)
        case .untilClose(let room):
            guard input.count <= room else { throw .tooLarge(.content) }
            index = input.count
            take(0..<index)
            state = .untilClose(room: room - index)
        case .chunked(var decoder):
            steps: while true {
                switch try decoder.next(in: input, from: &index) {
                case .content(let range): take(range)
                case .needMore:
                    state = .chunked(decoder)
                    break steps
                case .end:
                    state = .complete
                    break steps
                }
            }
        }
        return Progress(consumed: index, isComplete: isComplete)
    }
}
