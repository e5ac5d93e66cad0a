/// Reads one response off a byte stream: its head, then its content.
///
/// The caller keeps what is not yet consumed and passes it again with more after it: the whole head until that is
/// complete, then only what is new.
public struct ResponseReader: Sendable {
    public typealias Progress = ContentReader.Progress

    /// Which responses keep their fields, at the price of an allocation: those whose content is encoded always do.
    public enum KeptFields: Sendable, Equatable {
        /// Those of a response that is not a success: they say why, or for how long.
        case ofFailures
        case always
    }

    /// The head, as soon as it is complete.
    public private(set) var head: ResponseHead?

    private let limits: ResponseLimits
    private let kept: KeptFields
    private var parser: ResponseHeadParser
    private var content = ContentReader()
    /// The fields of the head, if they are kept.
    public private(set) var fields = FieldSection()
    private var body: [UInt8] = []

    /// Content that is announced, and not there with the head, gets its memory at once up to this, and beyond it as it
    /// comes.
    private static let reservedBytes = 256 * 1024

    /// Makes a reader for the response to one request.
    public init(isHEAD: Bool, keeping kept: KeptFields, limits: ResponseLimits) {
        parser = ResponseHeadParser(isHEAD: isHEAD)
        self.kept = kept
        self.limits = limits
    }

    /// Whether the response has been read to its end.
    public var isComplete: Bool { head != nil && content.isComplete }

    /// Reads what is new in `input`. O(new bytes).
    ///
    /// - Throws: what makes it no response that can be used; the reader is of no further use then.
    public mutating func read(_ input: Span<UInt8>) throws(MessageError) -> Progress {
        var consumed = 0
        if head == nil {
            guard case .complete(let head) = try parser.parse(input, limits: limits) else {
                return Progress(consumed: 0, isComplete: false)
            }
            try begin(head, in: input)
            consumed = head.byteCount
        }
        let progress = try content.read(input.extracting(consumed...), into: &body)
        return Progress(consumed: consumed + progress.consumed, isComplete: progress.isComplete)
    }

    /// No more input comes: the connection has ended.
    ///
    /// - Returns: whether the response is complete with that.
    public mutating func inputEnded() -> Bool { head != nil && content.inputEnded() }

    /// The response, once it is complete; its fields and content are no longer the reader's.
    public mutating func takeResponse() -> ClientResponse {
        guard let head, isComplete else { preconditionFailure("a response is taken before its end") }
        return ClientResponse(
            status: head.status, fields: exchange(&fields, with: FieldSection()), body: takeContent())
    }

    /// The content that has come since it was last taken, for a reader that does not wait for all of it.
    public mutating func takeContent() -> [UInt8] { exchange(&body, with: []) }

    /// The response as far as it has come, and once its head is complete: what follows is given by ``takeContent()``.
    public mutating func takeHead() -> ClientResponse {
        guard let head else { preconditionFailure("a head is taken before its end") }
        return ClientResponse(status: head.status, fields: fields, body: takeContent())
    }

    private mutating func begin(_ head: ResponseHead, in input: Span<UInt8>) throws(MessageError) {
        self.head = head
        content = try ContentReader(head.framing, limits: ContentLimits(limits, after: head))
        if kept == .always || head.isEncoded || !(200..<300).contains(head.status) {
            fields = FieldSection(validated: input.extracting(head.fields))
        }
        if case .length(let length) = head.framing, length > input.count - head.byteCount {
            body.reserveCapacity(min(length, Self.reservedBytes))
        }
    }
}
