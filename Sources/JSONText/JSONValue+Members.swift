/// A member of an object.
public struct JSONMember: Sendable {
    public let value: JSONValue
    let spelling: MemberName

    /// The decoded name.
    public var name: String { StringContent.decode(value.bytes.span, spelling.content) }

    /// Whether the decoded name is `name`, byte for byte in UTF-8.
    public func isNamed(_ name: String) -> Bool {
        name.withUTF8Span { StringContent.equals(value.bytes.span, spelling, $0) }
    }
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
        return JSONMember(value: JSONValue(bytes: bytes, range: start..<cursor.position), spelling: name)
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
