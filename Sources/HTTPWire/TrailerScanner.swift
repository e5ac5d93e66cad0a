/// Checks a trailer section and forgets it (RFC 9112 §7.1.2).
///
/// A trailer field is never merged into the head: what it could change there has already been decided on.
struct TrailerScanner: Sendable {
    private enum State { case lineStart, name, value, lineFeed, lastLineFeed }

    private var state = State.lineStart
    private var byteCount = 0
    private var lineCount = 0

    /// Scans on from `index`, moving it, until the empty line.
    ///
    /// - Returns: whether the empty line was reached.
    mutating func scan(
        _ input: Span<UInt8>, from index: inout Int, limits: WireLimits
    ) throws(RequestError) -> Bool {
        while index < input.count {
            let byte = input[index]
            index += 1
            byteCount += 1
            guard byteCount <= limits.trailerBytes else { throw .headTooLarge }
            switch state {
            case .lineStart where byte == .carriageReturn: state = .lastLineFeed
            case .lineStart:
                guard !byte.isBlank else { throw .badRequest(lineCount == 0 ? .spaceBeforeFirstField : .obsFold) }
                lineCount += 1
                guard lineCount <= limits.fieldCount else { throw .tooManyFields }
                guard byte.isToken else { throw .defect(byte, .invalidFieldName) }
                state = .name
            case .name where byte == UInt8(ascii: ":"): state = .value
            case .name:
                guard !byte.isBlank else { throw .badRequest(.spaceBeforeColon) }
                guard byte.isToken else { throw .defect(byte, .invalidFieldName) }
            case .value where byte == .carriageReturn: state = .lineFeed
            case .value: guard byte.isFieldValue else { throw .defect(byte, .controlCharacter) }
            case .lineFeed, .lastLineFeed:
                guard byte == .lineFeed else { throw .badRequest(.bareCR) }
                if state == .lastLineFeed { return true }
                state = .lineStart
            }
        }
        return false
    }
}
