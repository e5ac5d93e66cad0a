public import HTTPTypes

/// Field lines in their order, as the bytes that stand on the wire (RFC 9110 §5, RFC 9112 §5).
///
/// Nothing gets in that would end a line early or begin another: what others provide becomes the value of one field, or
/// is refused. Names are compared in any letter case.
public struct FieldSection: Sendable, Equatable {
    /// The lines, each with its CR LF; without the empty line that ends a head.
    public private(set) var bytes: [UInt8] = []

    /// Whether a field may be among them that frames a message or belongs to one connection.
    private(set) var mayFrame = false
    /// Whether a field may be among them that a server adds unless it is there.
    private(set) var mayReplace = false

    /// What all lines of a section may have together; far above what servers take.
    public static let mostBytes = 256 * 1024

    /// Makes a section without lines.
    public init() {}

    /// Makes a section of the lines of a head that a parser has found well-formed.
    init(validated lines: Span<UInt8>) {
        bytes = Array(copying: lines)
        (mayFrame, mayReplace) = (true, true)
    }

    /// Makes a section of lines that end in CR LF, of which none frames a message.
    init(wellFormed lines: [UInt8]) { (bytes, mayReplace) = (lines, true) }

    public var isEmpty: Bool { bytes.isEmpty }

    /// Makes room for this many bytes of lines, so that adding them allocates once.
    public mutating func reserveCapacity(_ count: Int) { bytes.reserveCapacity(count) }

    /// Adds a line at the end.
    ///
    /// - Throws: for a name that is not a token, a value with a control character, or too many bytes; nothing is added
    ///   then.
    public mutating func append(_ name: HTTPField.Name, _ value: String) throws(FieldError) {
        try append(name.rawName.utf8Span.span, value.utf8Span.span)
    }

    /// Adds a line at the end.
    ///
    /// - Throws: for a name that is not a token, a value with a control character, or too many bytes; nothing is added
    ///   then.
    public mutating func append(_ name: Span<UInt8>, _ value: Span<UInt8>) throws(FieldError) {
        guard !name.isEmpty else { throw .invalidName }
        for index in name.indices where !name[index].isToken { throw .invalidName }
        guard value.endOfFieldValue(from: 0, before: value.count) == value.count else { throw .invalidValue }
        guard name.count + value.count + 4 <= Self.mostBytes - bytes.count else { throw .tooLarge }
        if name.isFramingField(0..<name.count) { mayFrame = true }
        if name.spells("date", in: 0..<name.count) || name.spells("server", in: 0..<name.count) { mayReplace = true }
        bytes.append(copying: name)
        bytes.append(literal: ": ")
        bytes.append(copying: value)
        bytes.append(literal: "\r\n")
    }

    /// Adds the lines of another section at the end.
    ///
    /// - Throws: for too many bytes; nothing is added then.
    public mutating func append(contentsOf other: FieldSection) throws(FieldError) {
        guard other.bytes.count <= Self.mostBytes - bytes.count else { throw .tooLarge }
        mayFrame = mayFrame || other.mayFrame
        mayReplace = mayReplace || other.mayReplace
        bytes.append(copying: other.bytes.span)
    }

    /// Removes all lines with this name.
    public mutating func remove(_ name: HTTPField.Name) {
        bytes = lines { !$0.spells(name, in: $1.name) }
    }

    /// Removes the fields that frame a message or belong to one connection (RFC 9110 §7.6.1), also those that
    /// `Connection` names: what a message that is passed on must not have.
    public mutating func removeFraming() {
        guard mayFrame else { return }
        bytes = withoutFraming
        mayFrame = false
    }

    /// The lines but those that ``removeFraming()`` removes.
    var withoutFraming: [UInt8] {
        var named = ConnectionOptions()
        forEachLine { name, value in
            if name.spells("connection", in: 0..<name.count) { named.add(value) }
        }
        return lines { bytes, line in
            !bytes.isFramingField(line.name) && !named.contains(bytes.extracting(line.name))
        }
    }

    private func lines(where isKept: (Span<UInt8>, FieldLine) -> Bool) -> [UInt8] {
        var kept: [UInt8] = []
        kept.reserveCapacity(bytes.count)
        let span = bytes.span
        var index = 0
        while index < span.count {
            let start = index
            let line = span.nextFieldLine(from: &index)
            if isKept(span, line) { kept.append(copying: span.extracting(start..<index)) }
        }
        return kept
    }
}

/// Why a field, or a request's target, cannot be written.
public enum FieldError: Error, Equatable, Sendable {
    /// The name is not a token (RFC 9110 §5.1).
    case invalidName
    /// The value holds a control character, of which CR, LF and NUL could make other fields (RFC 9110 §5.5).
    case invalidValue
    /// All fields together would be longer than ``FieldSection/mostBytes``.
    case tooLarge
}

// MARK: Reading

extension FieldSection: Sequence {
    /// One field line; the value is without the white space around it.
    public typealias Element = (name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)

    public struct Iterator: IteratorProtocol {
        let bytes: [UInt8]
        var index = 0

        public mutating func next() -> Element? {
            guard index < bytes.count else { return nil }
            var end = index
            let line = bytes.span.nextFieldLine(from: &end)
            index = end
            return (bytes[line.name], bytes[line.value])
        }
    }

    public func makeIterator() -> Iterator { Iterator(bytes: bytes) }

    /// Calls `body` with name and value of each line, in order, without copying any.
    public func forEachLine(_ body: (_ name: Span<UInt8>, _ value: Span<UInt8>) -> Void) {
        let span = bytes.span
        var index = 0
        while index < span.count {
            let line = span.nextFieldLine(from: &index)
            body(span.extracting(line.name), span.extracting(line.value))
        }
    }

    /// Whether there is a line with this name. O(bytes).
    public func contains(_ name: HTTPField.Name) -> Bool { firstValue(of: name) != nil }

    /// The bytes of the first line with this name. O(bytes).
    public func firstValue(of name: HTTPField.Name) -> ArraySlice<UInt8>? {
        let span = bytes.span
        var index = 0
        while index < span.count {
            let line = span.nextFieldLine(from: &index)
            if span.spells(name, in: line.name) { return bytes[line.value] }
        }
        return nil
    }

    /// The value of a field, its lines joined by `, ` (RFC 9110 §5.3). Bytes that are not UTF-8 become U+FFFD.
    /// O(bytes).
    public subscript(name: HTTPField.Name) -> String? {
        var combined: String?
        forEachLine { lineName, value in
            guard lineName.spells(name, in: 0..<lineName.count) else { return }
            let text = String(decoding: Array(copying: value), as: UTF8.self)
            combined = combined.map { $0 + ", " + text } ?? text
        }
        return combined
    }
}

extension Span<UInt8> {
    /// The well-formed field line at `index`, which moves past its end.
    func nextFieldLine(from index: inout Int) -> FieldLine {
        let start = index
        while self[index] != UInt8(ascii: ":") { index &+= 1 }
        let name = start..<index
        index &+= 1
        while self[index].isBlank { index &+= 1 }
        let valueStart = index
        index = endOfFieldValue(from: index, before: count)
        let value = withoutBlanksAtEnd(valueStart..<index)
        index &+= 2
        return FieldLine(name: name, value: value)
    }

    /// Whether `name` is that of a field that frames a message or belongs to one connection (RFC 9110 §7.6.1).
    func isFramingField(_ name: Range<Int>) -> Bool {
        switch name.count {
        case 2: spells("te", in: name)
        case 4: spells("host", in: name)
        case 7: spells("trailer", in: name) || spells("upgrade", in: name)
        case 10: spells("connection", in: name) || spells("keep-alive", in: name)
        case 14: spells("content-length", in: name)
        case 16: spells("proxy-connection", in: name)
        case 17: spells("transfer-encoding", in: name)
        default: false
        }
    }

    func spells(_ other: Span<UInt8>, in range: Range<Int>) -> Bool {
        guard other.count == range.count else { return false }
        for offset in 0..<range.count where self[range.lowerBound &+ offset].lowercased != other[offset].lowercased {
            return false
        }
        return true
    }
}
