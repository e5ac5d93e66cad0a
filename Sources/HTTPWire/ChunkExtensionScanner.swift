/// Checks chunk extensions and forgets them (RFC 9112 §7.1.1): we know none, and must ignore those we do not know.
///
///     chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )
struct ChunkExtensionScanner: Sendable {
    private enum State {
        /// Blanks before a `;`, which must follow.
        case blanks
        case nameStart, name, nameBlanks
        case valueStart, token, quoted, escaped, afterQuoted
    }

    private var state = State.blanks
    /// Over all chunks of the body, so that extensions cannot be made to outweigh the content.
    private var byteCount = 0

    /// Scans on from `index`, moving it, until behind the CR of the line.
    ///
    /// - Returns: whether that CR was reached.
    mutating func scan(_ input: Span<UInt8>, from index: inout Int, limit: Int) throws(RequestError) -> Bool {
        while index < input.count {
            let byte = input[index]
            index += 1
            byteCount += 1
            guard byteCount <= limit else { throw .badRequest(.chunkExtensionsTooLong) }
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

    /// The state behind `byte`, `nil` if the grammar has no such byte there or the line ends.
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
