/// Reads response heads off a byte stream, incrementally and as strictly as RFC 9112 allows.
///
/// The caller keeps the bytes: it passes all that it has from the start of a response, and after ``Progress/needMore``
/// the same bytes again with more after them. Each byte is looked at once. A defect is reported at the byte that makes
/// it one, whether or not the head is complete. Interim responses are read over. A parser reads one response; it
/// allocates nothing.
public struct ResponseHeadParser: Sendable {
    /// How far a call came.
    public enum Progress: Sendable, Equatable {
        /// No defect so far, and no end.
        case needMore
        /// A final response's head, which took ``ResponseHead/byteCount`` bytes from the front.
        case complete(ResponseHead)
    }

    /// What the byte at `position` belongs to.
    private enum State {
        case statusLine, statusEnd, reason, statusLineFeed
        case lineStart, name, valueStart, value, lineFeed, headLineFeed
        case complete
    }

    private var state = State.statusLine
    /// The first byte not yet scanned.
    private(set) var position = 0
    /// Where the element being scanned starts.
    private var start = 0
    private var name = 0..<0
    private var fieldsStart = 0
    private var status = 0
    private var version = HTTPVersion.http11
    private var semantics = ResponseSemantics()
    private var interimResponses = 0
    private let isHEAD: Bool

    /// Makes a parser for the response to one request.
    ///
    /// - Parameter isHEAD: whether the method is HEAD, whose responses have no content (RFC 9112 §6.3).
    public init(isHEAD: Bool) { self.isHEAD = isHEAD }

    /// Scans what is new in `bytes`, which start at the same byte as in the previous call. O(new bytes).
    ///
    /// - Throws: the first defect, or the first limit passed; where a head breaks several rules at once, the leftmost.
    public mutating func parse(_ bytes: Span<UInt8>, limits: ResponseLimits) throws(MessageError) -> Progress {
        precondition(bytes.count >= position, "bytes that were already scanned are missing")
        // The scan never looks past the limit: what does not end by there is too large.
        let end = min(bytes.count, limits.headBytes)
        while position < end {
            switch state {
            case .statusLine: try scanStatusLine(bytes, end)
            case .statusEnd: try scanStatusEnd(bytes)
            case .reason: try scanReason(bytes, end)
            case .statusLineFeed:
                try expectLineFeed(bytes, then: .lineStart)
                fieldsStart = position
            case .lineStart:
                try scanWholeLines(bytes, end)
                if position < end { try scanLineStart(bytes) }
            case .name: try scanName(bytes, end)
            case .valueStart: scanValueStart(bytes, end)
            case .value: try scanValue(bytes, end)
            case .lineFeed: try expectLineFeed(bytes, then: .lineStart)
            case .headLineFeed:
                try expectLineFeed(bytes, then: .complete)
                if let head = try finish(limits) { return .complete(head) }
            case .complete: preconditionFailure("a parser reads one response")
            }
        }
        guard bytes.count < limits.headBytes else { throw .tooLarge(.head) }
        return .needMore
    }

    // MARK: The status line (RFC 9112 §4)

    /// `d` stands for a digit.
    private static let statusPattern = Array("HTTP/d.d ddd".utf8)

    private mutating func scanStatusLine(_ bytes: Span<UInt8>, _ end: Int) throws(MessageError) {
        if position == start, end &- start >= 8, bytes.word(at: start) == Self.currentVersion {
            // Nearly always; what is left is the status.
            position = start &+ 8
            if scanStatus(bytes, end) { return }
        }
        while position < end {
            let byte = bytes[position]
            let offset = position &- start
            let expected = Self.statusPattern[offset]
            guard expected == UInt8(ascii: "d") ? byte.isDigit : byte == expected else {
                throw .defect(byte, .invalidStatusLine)
            }
            switch offset {
            case 5: guard byte == UInt8(ascii: "1") else { throw .malformed(.unsupportedVersion) }
            case 7: version = byte == UInt8(ascii: "0") ? .http10 : .http11
            case 9: guard byte != UInt8(ascii: "0") else { throw .malformed(.invalidStatusLine) }
            default: break
            }
            if offset >= 9 { status = status &* 10 &+ Int(byte &- UInt8(ascii: "0")) }
            position &+= 1
            guard offset == 11 else { continue }
            // The connection would speak another protocol from here on.
            guard status != 101 else { throw .malformed(.switchingProtocols) }
            state = .statusEnd
            return
        }
    }

    /// Reads a space, a final status and another space, if it is they that come.
    private mutating func scanStatus(_ bytes: Span<UInt8>, _ end: Int) -> Bool {
        let index = position
        guard end &- index >= 5, bytes[index] == .space, bytes[index &+ 4] == .space else { return false }
        let hundreds = Int(bytes[index &+ 1]) &- 0x30
        let tens = Int(bytes[index &+ 2]) &- 0x30
        let units = Int(bytes[index &+ 3]) &- 0x30
        guard 2...9 ~= hundreds, 0...9 ~= tens, 0...9 ~= units else { return false }
        status = hundreds &* 100 &+ tens &* 10 &+ units
        position = index &+ 5
        state = .reason
        return true
    }

    /// The space before an empty reason is often left out.
    private mutating func scanStatusEnd(_ bytes: Span<UInt8>) throws(MessageError) {
        switch bytes[position] {
        case .space: state = .reason
        case .carriageReturn: state = .statusLineFeed
        default: throw .defect(bytes[position], .invalidStatusLine)
        }
        position &+= 1
    }

    private mutating func scanReason(_ bytes: Span<UInt8>, _ end: Int) throws(MessageError) {
        position = bytes.endOfFieldValue(from: position, before: end)
        guard position < end else { return }
        guard bytes[position] == .carriageReturn else { throw .defect(bytes[position], .controlCharacter) }
        enter(.statusLineFeed, at: position &+ 1)
    }

    // MARK: Field lines (RFC 9112 §5)

    /// Reads lines that are there as a whole and well-formed, which is nearly all. What else there is, the states below
    /// read.
    private mutating func scanWholeLines(_ bytes: Span<UInt8>, _ end: Int) throws(MessageError) {
        var index = position
        while true {
            let nameEnd = bytes.endOfToken(from: index, before: end)
            guard nameEnd > index, nameEnd < end, bytes[nameEnd] == UInt8(ascii: ":") else { return }
            var valueStart = nameEnd &+ 1
            while valueStart < end, bytes[valueStart].isBlank { valueStart &+= 1 }
            let valueEnd = bytes.endOfFieldValue(from: valueStart, before: end)
            guard valueEnd &+ 1 < end, bytes[valueEnd] == .carriageReturn, bytes[valueEnd &+ 1] == .lineFeed else {
                return
            }
            try semantics.note(index..<nameEnd, value: valueStart..<valueEnd, in: bytes, version: version)
            index = valueEnd &+ 2
            position = index
        }
    }

    private mutating func scanLineStart(_ bytes: Span<UInt8>) throws(MessageError) {
        let byte = bytes[position]
        if byte == .carriageReturn {
            enter(.headLineFeed, at: position &+ 1)
            return
        }
        guard !byte.isBlank else { throw .malformed(position == fieldsStart ? .spaceBeforeFirstField : .obsFold) }
        guard byte.isToken else { throw .defect(byte, .invalidFieldName) }
        enter(.name, at: position)
        position &+= 1
    }

    private mutating func scanName(_ bytes: Span<UInt8>, _ end: Int) throws(MessageError) {
        let index = bytes.endOfToken(from: position, before: end)
        position = index
        guard index < end else { return }
        guard bytes[index] == UInt8(ascii: ":") else {
            throw bytes[index].isBlank ? .malformed(.spaceBeforeColon) : .defect(bytes[index], .invalidFieldName)
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

    private mutating func scanValue(_ bytes: Span<UInt8>, _ end: Int) throws(MessageError) {
        let index = bytes.endOfFieldValue(from: position, before: end)
        position = index
        guard index < end else { return }
        guard bytes[index] == .carriageReturn else { throw .defect(bytes[index], .controlCharacter) }
        try semantics.note(name, value: start..<index, in: bytes, version: version)
        enter(.lineFeed, at: index &+ 1)
    }

    // MARK: Ends

    /// - Returns: the head, if it is that of a final response.
    private mutating func finish(_ limits: ResponseLimits) throws(MessageError) -> ResponseHead? {
        guard status < 200 else {
            return semantics.head(
                status: status, version: version, isHEAD: isHEAD, fields: fieldsStart..<position &- 2)
        }
        // RFC 9110 §15.2: any number of interim responses, expected or not.
        interimResponses += 1
        guard interimResponses <= limits.interimResponses else { throw .tooLarge(.interimResponses) }
        semantics = ResponseSemantics()
        status = 0
        version = .http11
        enter(.statusLine, at: position)
        return nil
    }

    private mutating func enter(_ next: State, at index: Int) {
        state = next
        start = index
        position = index
    }

    private mutating func expectLineFeed(_ bytes: Span<UInt8>, then next: State) throws(MessageError) {
        guard bytes[position] == .lineFeed else { throw .malformed(.bareCR) }
        position &+= 1
        state = next
    }

    /// `HTTP/1.1`, the first character in the lowest byte.
    private static let currentVersion: UInt64 = 0x312E_312F_5054_5448
}
