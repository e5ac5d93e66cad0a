/// Finds the content between the sizes, extensions and trailers of `Transfer-Encoding: chunked` (RFC 9112 §7.1).
///
/// Input is passed once, in pieces of any size, unlike a head: nothing needs to be kept. The decoder copies nothing
/// itself; it says which part of the input is content.
public struct ChunkedDecoder: Sendable {
    /// What the next part of the input is.
    public enum Step: Sendable, Equatable {
        /// Content, as offsets into the input.
        case content(Range<Int>)
        /// The input is used up; the body goes on.
        case needMore
        /// The body ended at the index given, which may be before the end of the input.
        case end
    }

    private enum State {
        case firstDigit, size, sizeLineFeed
        case extensions
        case data, dataReturn, dataLineFeed
        case trailers, end
    }

    private let limits: ContentLimits
    private var state = State.firstDigit
    private var size = 0
    private var digits = 0
    private var received = 0
    private var extensions = ChunkExtensionScanner()
    private var trailers = TrailerScanner()

    /// Makes a decoder for one body.
    public init(limits: ContentLimits) {
        self.limits = limits
    }

    /// Reads on from `index`, which moves past what was read, to the next piece of content or the end of the body.
    ///
    /// - Throws: `.tooLarge(.content)` at the size line of the chunk that would pass the limit, before its data.
    public mutating func next(in input: Span<UInt8>, from index: inout Int) throws(MessageError) -> Step {
        while index < input.count, state != .end {
            switch state {
            case .firstDigit, .size: try readSize(input[index], &index)
            case .extensions:
                if try extensions.scan(input, from: &index, limit: limits.extensionBytes) { state = .sizeLineFeed }
            case .sizeLineFeed:
                try expect(.lineFeed, in: input, at: &index, else: .bareCR)
                state = size == 0 ? .trailers : .data
            case .data:
                let end = min(input.count, index + size)
                let content = index..<end
                index = end
                size -= content.count
                if size == 0 { state = .dataReturn }
                return .content(content)
            case .dataReturn:
                try expect(.carriageReturn, in: input, at: &index, else: .missingChunkEnd)
                state = .dataLineFeed
            case .dataLineFeed:
                try expect(.lineFeed, in: input, at: &index, else: .missingChunkEnd)
                (state, digits) = (.firstDigit, 0)
            case .trailers:
                let limit = min(limits.trailerBytes, limits.overheadBytes - extensions.byteCount)
                if try trailers.scan(input, from: &index, limit: limit, lines: limits.trailerLines) { state = .end }
            case .end: break
            }
        }
        return state == .end ? .end : .needMore
    }

    /// Digits only, at most as many as a 64-bit size has: no sign, no prefix, no space on either side.
    private mutating func readSize(_ byte: UInt8, _ index: inout Int) throws(MessageError) {
        if let value = byte.hexValue {
            digits += 1
            guard digits <= 16 else { throw .malformed(.invalidChunkSize) }
            let (sixteens, overflow) = size.multipliedReportingOverflow(by: 16)
            guard !overflow, sixteens <= limits.contentBytes - received - Int(value) else { throw .tooLarge(.content) }
            size = sixteens + Int(value)
            state = .size
            index += 1
            return
        }
        guard state == .size else { throw .defect(byte, .invalidChunkSize) }
        received += size
        if byte == .carriageReturn {
            state = .sizeLineFeed
            index += 1
        } else {
            guard byte == UInt8(ascii: ";") || byte.isBlank else { throw .defect(byte, .invalidChunkSize) }
            state = .extensions
        }
    }

    private func expect(
        _ byte: UInt8, in input: Span<UInt8>, at index: inout Int, else reason: MessageDefect
    ) throws(MessageError) {
        guard input[index] == byte else { throw .malformed(reason) }
        index += 1
    }
}

/// Checks chunk extensions and forgets them (RFC 9112 §7.1.1): we know none, and must ignore those we do not know.
///
///     chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )
private struct ChunkExtensionScanner: Sendable {
    private enum State {
        /// Blanks before a `;`, which must follow.
        case blanks
        case nameStart, name, nameBlanks
        case valueStart, token, quoted, escaped, afterQuoted
    }

    private var state = State.blanks
    /// Over all chunks of the body, so that extensions cannot be made to outweigh the content.
    private(set) var byteCount = 0

    /// Scans on from `index`, moving it, to just past the CR of the line.
    ///
    /// - Returns: whether that CR was reached.
    mutating func scan(_ input: Span<UInt8>, from index: inout Int, limit: Int) throws(MessageError) -> Bool {
        while index < input.count {
            let byte = input[index]
            index += 1
            byteCount += 1
            guard byteCount <= limit else { throw .tooLarge(.chunkExtensions) }
            guard let next = Self.next(state, byte) else {
                guard byte == .carriageReturn, state == .name || state == .token || state == .afterQuoted
                else { throw .defect(byte, .invalidChunkExtension) }
                state = .blanks
                return true
            }
            state = next
        }
        return false
    }

    /// The state after `byte`, `nil` if the grammar has no such byte there or the line ends.
    private static func next(_ state: State, _ byte: UInt8) -> State? {
        switch (state, byte) {
        case (.blanks, .space), (.blanks, .tab): .blanks
        case (.blanks, UInt8(ascii: ";")): .nameStart

        case (.nameStart, .space), (.nameStart, .tab): .nameStart
        case (.nameStart, _) where byte.isToken: .name
        case (.name, _) where byte.isToken: .name
        case (.name, .space), (.name, .tab), (.nameBlanks, .space), (.nameBlanks, .tab): .nameBlanks
        case (.name, UInt8(ascii: "=")), (.nameBlanks, UInt8(ascii: "=")): .valueStart
        case (.name, UInt8(ascii: ";")), (.nameBlanks, UInt8(ascii: ";")): .nameStart

        case (.valueStart, .space), (.valueStart, .tab): .valueStart
        case (.valueStart, UInt8(ascii: "\"")): .quoted
        case (.valueStart, _) where byte.isToken: .token
        case (.token, _) where byte.isToken: .token
        case (.quoted, UInt8(ascii: "\"")): .afterQuoted
        case (.quoted, UInt8(ascii: "\\")): .escaped
        case (.quoted, _) where byte.isFieldValue, (.escaped, _) where byte.isFieldValue: .quoted
        case (.token, .space), (.token, .tab), (.afterQuoted, .space), (.afterQuoted, .tab): .blanks
        case (.token, UInt8(ascii: ";")), (.afterQuoted, UInt8(ascii: ";")): .nameStart

        default: nil
        }
    }
}

/// Checks a trailer section and forgets it (RFC 9112 §7.1.2).
///
/// A trailer field is never merged into the head: what it could change there has already been decided on.
private struct TrailerScanner: Sendable {
    private enum State { case lineStart, name, value, lineFeed, lastLineFeed }

    private var state = State.lineStart
    private var byteCount = 0
    private var lineCount = 0

    /// Scans on from `index`, moving it, until the empty line.
    ///
    /// - Returns: whether the empty line was reached.
    mutating func scan(
        _ input: Span<UInt8>, from index: inout Int, limit: Int, lines: Int
    ) throws(MessageError) -> Bool {
        while index < input.count {
            let byte = input[index]
            index += 1
            byteCount += 1
            guard byteCount <= limit else { throw .tooLarge(.trailers) }
            switch state {
            case .lineStart where byte == .carriageReturn: state = .lastLineFeed
            case .lineStart:
                guard !byte.isBlank else { throw .malformed(lineCount == 0 ? .spaceBeforeFirstField : .obsFold) }
                lineCount += 1
                guard lineCount <= lines else { throw .tooLarge(.fieldCount) }
                guard byte.isToken else { throw .defect(byte, .invalidFieldName) }
                state = .name
            case .name where byte == UInt8(ascii: ":"): state = .value
            case .name:
                guard !byte.isBlank else { throw .malformed(.spaceBeforeColon) }
                guard byte.isToken else { throw .defect(byte, .invalidFieldName) }
            case .value where byte == .carriageReturn: state = .lineFeed
            case .value: guard byte.isFieldValue else { throw .defect(byte, .controlCharacter) }
            case .lineFeed, .lastLineFeed:
                guard byte == .lineFeed else { throw .malformed(.bareCR) }
                if state == .lastLineFeed { return true }
                state = .lineStart
            }
        }
        return false
    }
}
