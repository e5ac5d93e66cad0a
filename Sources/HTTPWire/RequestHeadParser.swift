import HTTPTypes

/// Reads request heads off a byte stream, incrementally and as strictly as RFC 9112 allows.
///
/// The caller keeps the bytes: it passes all that it has from the start of a head, and after ``Progress/needMore`` the
/// same bytes again with more after them. The parser remembers where it stopped, so that a head that arrives byte by
/// byte costs O(n) in total. A defect is reported at the byte that makes it one, whether or not the head is complete.
/// After a head is complete the parser is ready for the next one; after an error it is of no further use.
public struct RequestHeadParser: Sendable {
    /// How far a call came.
    public enum Progress: Sendable {
        /// No defect so far, and no end.
        case needMore
        /// A head, with the number of bytes it took from the front.
        case complete(RequestHead, consumed: Int)
    }

    /// What the byte at `position` belongs to.
    private enum State {
        case start, blankLineFeed
        case method, target, version, requestLineFeed
        case lineStart, name, valueStart, value, lineFeed, headLineFeed
        case complete
    }

    private var state = State.start
    /// The first byte not yet scanned. Only an incomplete percent triplet is ever read twice.
    private(set) var position = 0
    /// Where the element being scanned starts.
    private var start = 0
    private var method = HTTPRequest.Method.get
    private var targetRange = 0..<0
    private var target: RequestTarget?
    private var version = HTTPVersion.http11
    private var name = 0..<0
    private var lines: [FieldLine] = []
    private var semantics = FieldSemantics()
    private var emptyLines = 0

    /// Makes a parser that waits for the first byte of a head.
    public init() {}

    /// Whether a request line has begun, so that the connection is not idle; the empty lines ahead of one are not part
    /// of it.
    public var hasStarted: Bool { state != .start && state != .blankLineFeed }

    /// The method, once it has been read: a refusal of what follows must know whether the request is a HEAD.
    public var methodSoFar: HTTPRequest.Method? {
        switch state {
        case .start, .blankLineFeed, .method: nil
        default: method
        }
    }

    /// Scans what is new in `bytes`, which start at the same byte as in the previous call. O(new bytes).
    ///
    /// - Throws: the first defect, or the first limit passed; where a head breaks several rules at once, the leftmost.
    public mutating func parse(_ bytes: Span<UInt8>, limits: WireLimits) throws(RequestError) -> Progress {
        precondition(bytes.count >= position, "bytes that were already scanned are missing")
        // The scan never looks past the limit: what does not end by there is too large.
        let end = min(bytes.count, limits.headBytes)
        scan: while state != .complete, position < end {
            switch state {
            case .start: try scanStart(bytes)
            case .blankLineFeed: try expectLineFeed(bytes, then: .start)
            case .method: try scanMethod(bytes, end)
            case .target: guard try scanTarget(bytes, end, limits) else { break scan }
            case .version: try scanVersion(bytes, end)
            case .requestLineFeed: try endRequestLine(bytes)
            case .lineStart: try scanLineStart(bytes, limits)
            case .name: try scanName(bytes, end)
            case .valueStart: scanValueStart(bytes, end)
            case .value: try scanValue(bytes, end)
            case .lineFeed: try expectLineFeed(bytes, then: .lineStart)
            case .headLineFeed: try expectLineFeed(bytes, then: .complete)
            case .complete: break
            }
        }
        if state == .complete { return try finish(bytes) }
        guard bytes.count < limits.headBytes else { throw .headTooLarge }
        return .needMore
    }

    // MARK: The request line (RFC 9112 §3)

    /// A few empty lines ahead of the request line are skipped: old clients send one after a body (RFC 9112 §2.2).
    private mutating func scanStart(_ bytes: Span<UInt8>) throws(RequestError) {
        if bytes[position] == .carriageReturn {
            guard emptyLines < Self.emptyLines else { throw .badRequest(.invalidRequestLine) }
            emptyLines += 1
            position &+= 1
            state = .blankLineFeed
        } else {
            start = position
            state = .method
        }
    }

    private mutating func scanMethod(_ bytes: Span<UInt8>, _ end: Int) throws(RequestError) {
        var index = position
        while index < end, bytes[index].isToken { index &+= 1 }
        guard index &- start <= Self.methodBytes else { throw .methodTooLong }
        position = index
        guard index < end else { return }
        guard bytes[index] == .space, index > start else {
            throw .defect(bytes[index], index > start ? .invalidMethod : .invalidRequestLine)
        }
        method = try Self.method(bytes.extracting(start..<index))
        enter(.target, at: index &+ 1)
    }

    /// - Returns: whether to go on; `false` before a percent triplet of which not all bytes are there.
    private mutating func scanTarget(
        _ bytes: Span<UInt8>, _ end: Int, _ limits: WireLimits
    ) throws(RequestError) -> Bool {
        // One byte past the limit is enough to tell that the target is too long.
        let stop = min(end, start &+ limits.targetBytes &+ 1)
        var index = position
        scan: while index < stop {
            if bytes[index].isTarget {
                index &+= 1
            } else if bytes[index] == UInt8(ascii: "%") {
                for digit in index &+ 1..<index &+ 3 {
                    guard digit < end else { break scan }
                    guard bytes[digit].hexValue != nil else { throw .defect(bytes[digit], .invalidTarget) }
                }
                index &+= 3
            } else {
                break
            }
        }
        position = index
        guard index &- start <= limits.targetBytes else { throw .targetTooLong }
        guard index < end, bytes[index] != UInt8(ascii: "%") else { return false }
        guard bytes[index] == .space, index > start else {
            // A space or an end of line here means that the line has not the three parts.
            let isMisplaced = bytes[index] == .space || bytes[index] == .carriageReturn
            throw isMisplaced ? .badRequest(.invalidRequestLine) : .defect(bytes[index], .invalidTarget)
        }
        targetRange = start..<index
        enter(.version, at: index &+ 1)
        return true
    }

    /// `d` stands for a digit.
    private static let versionPattern = Array("HTTP/d.d\r".utf8)

    private mutating func scanVersion(_ bytes: Span<UInt8>, _ end: Int) throws(RequestError) {
        if position == start, end &- start >= 8, bytes.word(at: start) == Self.currentVersion {
            // Nearly always; what is left is the CR.
            position = start &+ 8
        }
        let expected = Self.versionPattern
        while position < end {
            let byte = bytes[position]
            let offset = position &- start
            let matches = expected[offset] == UInt8(ascii: "d") ? byte.isDigit : byte == expected[offset]
            guard matches else { throw .defect(byte, .invalidVersion) }
            position += 1
            guard offset == 8 else { continue }
            guard bytes[start + 5] == UInt8(ascii: "1") else { throw .versionNotSupported }
            version = bytes[start + 7] == UInt8(ascii: "0") ? .http10 : .http11
            state = .requestLineFeed
            return
        }
    }

    private mutating func endRequestLine(_ bytes: Span<UInt8>) throws(RequestError) {
        try expectLineFeed(bytes, then: .lineStart)
        target = try RequestTarget(bytes, in: targetRange, method: method)
    }

    // MARK: Field lines (RFC 9112 §5)

    private mutating func scanLineStart(_ bytes: Span<UInt8>, _ limits: WireLimits) throws(RequestError) {
        let byte = bytes[position]
        if byte == .carriageReturn {
            enter(.headLineFeed, at: position &+ 1)
            return
        }
        guard !byte.isBlank else { throw .badRequest(lines.isEmpty ? .spaceBeforeFirstField : .obsFold) }
        guard lines.count < limits.fieldCount else { throw .tooManyFields }
        guard byte.isToken else { throw .defect(byte, .invalidFieldName) }
        enter(.name, at: position)
        position &+= 1
    }

    private mutating func scanName(_ bytes: Span<UInt8>, _ end: Int) throws(RequestError) {
        var index = position
        while index < end, bytes[index].isToken { index &+= 1 }
        position = index
        guard index < end else { return }
        guard bytes[index] == UInt8(ascii: ":") else {
            throw bytes[index].isBlank
                ? .badRequest(.spaceBeforeColon) : .defect(bytes[index], .invalidFieldName)
        }
        name = start..<index
        enter(.valueStart, at: index &+ 1)
    }

    private mutating func scanValueStart(_ bytes: Span<UInt8>, _ end: Int) {
        var index = position
        while index < end, bytes[index].isBlank { index &+= 1 }
        position = index
        if index < end { enter(.value, at: index) }
    }

    private mutating func scanValue(_ bytes: Span<UInt8>, _ end: Int) throws(RequestError) {
        let index = bytes.endOfFieldValue(from: position, before: end)
        position = index
        guard index < end else { return }
        guard bytes[index] == .carriageReturn else { throw .defect(bytes[index], .controlCharacter) }
        try noteLine(bytes, valueEnd: index)
        enter(.lineFeed, at: index &+ 1)
    }

    private mutating func noteLine(_ bytes: Span<UInt8>, valueEnd: Int) throws(RequestError) {
        var valueEnd = valueEnd
        while valueEnd > start, bytes[valueEnd &- 1].isBlank { valueEnd &-= 1 }
        let line = FieldLine(name: name, value: start..<valueEnd)
        if lines.isEmpty { lines.reserveCapacity(16) }
        lines.append(line)
        try semantics.note(line, in: bytes, version: version, form: target?.form ?? .origin)
    }

    // MARK: Ends

    private mutating func finish(_ bytes: Span<UInt8>) throws(RequestError) -> Progress {
        guard let target else { preconditionFailure("a head without a target is complete") }
        guard version == .http10 || semantics.host != nil else { throw .badRequest(.missingHost) }
        let head = RequestHead(
            method: method, target: target, version: version, semantics: semantics,
            lines: lines, bytes: Array(copying: bytes.extracting(0..<position)))
        let consumed = position
        self = RequestHeadParser()
        return .complete(head, consumed: consumed)
    }

    private mutating func enter(_ next: State, at index: Int) {
        state = next
        start = index
        position = index
    }

    private mutating func expectLineFeed(_ bytes: Span<UInt8>, then next: State) throws(RequestError) {
        guard bytes[position] == .lineFeed else { throw .badRequest(.bareCR) }
        position &+= 1
        state = next
    }

    /// How many empty lines may come ahead of a request line.
    private static let emptyLines = 4

    /// Longer than any method that is registered (`UPDATEREDIRECTREF`, 17 bytes), with room for private ones.
    private static let methodBytes = 64

    /// `HTTP/1.1`, the first character in the lowest byte.
    private static let currentVersion: UInt64 = 0x312E_312F_5054_5448

    private static func method(_ bytes: Span<UInt8>) throws(RequestError) -> HTTPRequest.Method {
        // Most requests by far; the others pay for a string, without an allocation up to 15 bytes.
        if bytes.count == 3, bytes[0] == UInt8(ascii: "G"), bytes[1] == UInt8(ascii: "E"), bytes[2] == UInt8(ascii: "T")
        {
            return .get
        }
        guard let text = try? UTF8Span(validating: bytes), let method = HTTPRequest.Method(String(copying: text))
        else { throw .badRequest(.invalidMethod) }
        return method
    }
}
