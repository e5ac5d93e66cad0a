/// The parameters of a query in `application/x-www-form-urlencoded`, split lazily and decoded on demand.
///
/// Empty pieces between two `&` are skipped; a piece without `=` has an empty value.
public struct QueryItems: Sequence, Sendable {
    private let encoded: ArraySlice<UInt8>

    /// Makes the parameters of a query such as ``RequestHead/query``; `nil` has none.
    public init(_ query: ArraySlice<UInt8>?) {
        encoded = query ?? []
    }

    /// The value of the first parameter with this name, decoded; `nil` without one, or if it is not UTF-8. O(n).
    public subscript(name: String) -> String? {
        for item in self where item.isNamed(name) { return item.value }
        return nil
    }

    public func makeIterator() -> Iterator { Iterator(rest: encoded) }

    /// Goes through the parameters in the order they were written.
    public struct Iterator: IteratorProtocol, Sendable {
        var rest: ArraySlice<UInt8>

        public mutating func next() -> QueryItem? {
            while !rest.isEmpty {
                let piece = rest.prefix { $0 != UInt8(ascii: "&") }
                rest = rest.dropFirst(piece.count + 1)
                if !piece.isEmpty { return QueryItem(piece) }
            }
            return nil
        }
    }
}

/// One parameter of a query.
public struct QueryItem: Sendable {
    /// The name as it was sent.
    public let encodedName: ArraySlice<UInt8>
    /// The value as it was sent, empty without `=`.
    public let encodedValue: ArraySlice<UInt8>

    init(_ piece: ArraySlice<UInt8>) {
        encodedName = piece.prefix { $0 != UInt8(ascii: "=") }
        encodedValue = piece.dropFirst(encodedName.count + 1)
    }

    /// The name with `+` and percent triplets decoded; `nil` if that is not UTF-8.
    public var name: String? { PercentEncoding.decodeText(encodedName, plusIsSpace: true) }

    /// Whether the decoded name is `name`, byte for byte in UTF-8.
    ///
    /// That takes no text for each parameter: a query may have thousands that are not used.
    public func isNamed(_ name: String) -> Bool {
        let isPlain = !encodedName.contains { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }
        if isPlain { return name.utf8.elementsEqual(encodedName) }
        return PercentEncoding.decode(encodedName, plusIsSpace: true).map(name.utf8.elementsEqual) ?? false
    }

    /// The value with `+` and percent triplets decoded; `nil` if that is not UTF-8.
    public var value: String? { PercentEncoding.decodeText(encodedValue, plusIsSpace: true) }
}
