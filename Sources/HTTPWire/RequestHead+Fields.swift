public import HTTPTypes

extension RequestHead {
    /// The value of a field, its lines joined by `, ` (RFC 9110 §5.3) or, for Cookie, by `; ` (RFC 6265 §5.4).
    ///
    /// Bytes that are not UTF-8 become U+FFFD; ``firstValue(of:)`` has them as they came. O(fields).
    public subscript(name: HTTPField.Name) -> String? {
        var combined: String?
        for line in lines where isNamed(line, name) {
            let value = String(decoding: bytes[line.value], as: UTF8.self)
            guard let earlier = combined else {
                combined = value
                continue
            }
            combined = earlier + (name == .cookie ? "; " : ", ") + value
        }
        return combined
    }

    /// The bytes of the first line with this name, without making a string. O(fields).
    public func firstValue(of name: HTTPField.Name) -> ArraySlice<UInt8>? {
        for line in lines where isNamed(line, name) { return bytes[line.value] }
        return nil
    }

    /// Whether more than one line has this name. O(fields).
    public func isRepeated(_ name: HTTPField.Name) -> Bool {
        var isThere = false
        for line in lines where isNamed(line, name) {
            if isThere { return true }
            isThere = true
        }
        return false
    }

    /// The field lines in the order they came, as slices of the head's bytes.
    public var fieldLines: FieldLines { FieldLines(head: self) }

    /// All field lines as strings, made again at each call.
    public var httpFields: HTTPFields {
        var fields = HTTPFields()
        fields.reserveCapacity(lines.count)
        for line in fieldLines {
            guard let name = HTTPField.Name(String(decoding: line.name, as: UTF8.self)) else { continue }
            fields.append(HTTPField(name: name, value: line.value))
        }
        return fields
    }

    private func isNamed(_ line: FieldLine, _ name: HTTPField.Name) -> Bool {
        let bytes = bytes
        return bytes.span.spells(name, in: line.name)
    }
}

/// The field lines of a head, for iteration.
public struct FieldLines: RandomAccessCollection, Sendable {
    /// One field line; the value is without the white space around it (RFC 9112 §5.1).
    public typealias Element = (name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)

    let head: RequestHead

    public var startIndex: Int { 0 }
    public var endIndex: Int { head.lines.count }

    public subscript(position: Int) -> Element {
        let line = head.lines[position]
        return (head.bytes[line.name], head.bytes[line.value])
    }
}
