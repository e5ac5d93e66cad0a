/// A member of an object.
public struct JSONMember: Sendable {
    /// The name with its quotes, as it is spelled.
    public let nameRange: Range<Int>
    public let value: JSONValue
    let hasEscape: Bool

    /// The decoded name.
    public var name: String { StringContent.decode(value.bytes.span, content) }

    /// The name with its quotes, as it is spelled.
    public var rawName: ArraySlice<UInt8> { value.bytes[nameRange] }

    /// Whether the decoded name is `name`, byte for byte in UTF-8.
    public func isNamed(_ name: String) -> Bool {
        name.withUTF8Span {
            StringContent.equals(value.bytes.span, MemberName(content: content, hasEscape: hasEscape), $0)
        }
    }

    private var content: Range<Int> { nameRange.lowerBound + 1..<nameRange.upperBound - 1 }
}

/// The members of an object in the order of the text, repeated names included.
public struct JSONMembers: Sequence, IteratorProtocol, Sendable {
    private let bytes: [UInt8]
    private var cursor: MemberCursor

    init(_ value: JSONValue) {
        bytes = value.bytes
        cursor = value.kind == .object ? MemberCursor(insideContainerAt: value.range.lowerBound) : .atEnd(of: bytes)
    }

    public mutating func next() -> JSONMember? {
        let bytes = bytes  // A span of the property would keep all of self from changing.
        let text = bytes.span
        guard let name = cursor.nextName(in: text), name.content.upperBound < text.count else {
            cursor = .atEnd(of: bytes)
            return nil
        }
        let start = cursor.position
        cursor.position = Extent.valueEnd(in: text, from: start)
        return JSONMember(
            nameRange: name.content.lowerBound - 1..<name.content.upperBound + 1,
            value: JSONValue(bytes: bytes, range: start..<cursor.position),
            hasEscape: name.hasEscape)
    }
}

/// The elements of an array in the order of the text.
public struct JSONElements: Sequence, IteratorProtocol, Sendable {
    private let bytes: [UInt8]
    private var cursor: MemberCursor

    init(_ value: JSONValue) {
        bytes = value.bytes
        cursor = value.kind == .array ? MemberCursor(insideContainerAt: value.range.lowerBound) : .atEnd(of: bytes)
    }

    public mutating func next() -> JSONValue? {
        let bytes = bytes  // A span of the property would keep all of self from changing.
        let text = bytes.span
        guard cursor.nextElement(in: text) else {
            cursor = .atEnd(of: bytes)
            return nil
        }
        let start = cursor.position
        cursor.position = Extent.valueEnd(in: text, from: start)
        return JSONValue(bytes: bytes, range: start..<cursor.position)
    }
}

extension JSONValue {
    /// The members of an object; none if the value is something else.
    ///
    /// - Complexity: O(length) for all of them.
    public var members: JSONMembers { JSONMembers(self) }

    /// The elements of an array; none if the value is something else.
    ///
    /// - Complexity: O(length) for all of them.
    public var elements: JSONElements { JSONElements(self) }
}
