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

    private let limits: WireLimits
    private var state = State.firstDigit
    private var size = 0
    private var digits = 0
    private var received = 0
    private var extensions = ChunkExtensionScanner()
    private var trailers = TrailerScanner()

    /// Makes a decoder for one body.
    public init(limits: WireLimits) {
        self.limits = limits
    }

    /// Reads on from `index`, which moves behind what was read, to the next piece of content or the end of the body.
    ///
    /// - Throws: `.contentTooLarge` at the size line of the chunk that would pass the limit, before its data.
    public mutating func next(in input: Span<UInt8>, from index: inout Int) throws(RequestError) -> Step {
        while index < input.count, state != .end {
            switch state {
            case .firstDigit, .size: try readSize(input[index], &index)
            case .extensions:
                if try extensions.scan(input, from: &index, limit: limits.chunkExtensionBytes) { state = .sizeLineFeed }
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
                if try trailers.scan(input, from: &index, limits: limits) { state = .end }
            case .end: break
            }
        }
        return state == .end ? .end : .needMore
    }

    /// Digits only, at most as many as a 64-bit size has: no sign, no prefix, no space on either side.
    private mutating func readSize(_ byte: UInt8, _ index: inout Int) throws(RequestError) {
        if let value = byte.hexValue {
            digits += 1
            guard digits <= 16 else { throw .badRequest(.invalidChunkSize) }
            let (sixteens, overflow) = size.multipliedReportingOverflow(by: 16)
            guard !overflow, sixteens <= limits.bodyBytes - received - Int(value) else { throw .contentTooLarge }
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
        _ byte: UInt8, in input: Span<UInt8>, at index: inout Int, else reason: RequestError.Reason
    ) throws(RequestError) {
        guard input[index] == byte else { throw .badRequest(reason) }
        index += 1
    }
}
