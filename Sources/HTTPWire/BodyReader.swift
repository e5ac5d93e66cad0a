/// Reads the content of one request, however it is framed, or throws it away.
public struct BodyReader: Sendable {
    /// How far a call came.
    public struct Progress: Sendable, Equatable {
        /// The bytes of the input that belong to this body; what follows them is the next request.
        public var consumed: Int
        /// Whether the body ends with them.
        public var isComplete: Bool
    }

    private enum State {
        case length(remaining: Int)
        case chunked(ChunkedDecoder)
        case complete
    }

    private var state: State

    /// Makes a reader for what follows a head.
    ///
    /// - Throws: `.contentTooLarge` for a `Content-Length` above the limit, before any of it is read.
    public init(_ framing: BodyFraming, limits: WireLimits) throws(RequestError) {
        switch framing {
        case .none: state = .complete
        case .length(let length):
            guard length <= limits.bodyBytes else { throw .contentTooLarge }
            state = .length(remaining: length)
        case .chunked: state = .chunked(ChunkedDecoder(limits: limits))
        }
    }

    /// Whether the body has been read to its end.
    public var isComplete: Bool {
        if case .complete = state { true } else { false }
    }

    /// Appends the content in `input` to `body`. Input is passed once, in pieces of any size. O(input).
    public mutating func read(
        _ input: Span<UInt8>, into body: inout [UInt8]
    ) throws(RequestError) -> Progress {
        try advance(input) { body.append(copying: input.extracting($0)) }
    }

    /// Goes over the content in `input` without keeping it, to reach the next request.
    public mutating func discard(_ input: Span<UInt8>) throws(RequestError) -> Progress {
        try advance(input) { _ in }
    }

    @inline(__always)
    private mutating func advance(
        _ input: Span<UInt8>, _ take: (Range<Int>) -> Void
    ) throws(RequestError) -> Progress {
        var index = 0
        switch state {
        case .complete: break
        case .length(let remaining):
            index = min(remaining, input.count)
            take(0..<index)
            state = index == remaining ? .complete : .length(remaining: remaining - index)
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
