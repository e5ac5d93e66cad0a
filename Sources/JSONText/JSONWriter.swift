/// Writes JSON text piece by piece, and puts the commas.
///
/// ```swift
/// JSONText.append(to: &output) { json in
///     json.object { json in
///         json.member("name", "Ada")
///         json.member("orders", 3)
///     }
/// }
/// ```
public struct JSONWriter {
    /// What was there before, and what has been written.
    public private(set) var bytes: [UInt8]
    private var needsComma = false

    /// Begins after bytes that are there already.
    public init(after bytes: consuming [UInt8] = []) { self.bytes = bytes }

    public mutating func object(_ members: (inout JSONWriter) -> Void) {
        open(ASCII.openBrace)
        members(&self)
        close(ASCII.closeBrace)
    }

    public mutating func array<Elements: Sequence>(
        of elements: Elements, _ element: (inout JSONWriter, Elements.Element) -> Void
    ) {
        open(ASCII.openBracket)
        for each in elements { element(&self, each) }
        close(ASCII.closeBracket)
    }

    /// An array of objects.
    public mutating func objects<Elements: Sequence>(
        of elements: Elements, _ members: (inout JSONWriter, Elements.Element) -> Void
    ) {
        array(of: elements) { json, element in json.object { members(&$0, element) } }
    }

    // MARK: Members

    /// A member whose value is what `value` writes.
    public mutating func member(_ name: String, _ value: (inout JSONWriter) -> Void) {
        separate()
        JSONText.append(string: name, to: &bytes)
        bytes.append(ASCII.colon)
        needsComma = false
        value(&self)
    }

    /// A member that is an object.
    public mutating func object(_ name: String, _ members: (inout JSONWriter) -> Void) {
        member(name) { $0.object(members) }
    }

    /// A member that is an array.
    public mutating func array<Elements: Sequence>(
        _ name: String, of elements: Elements, _ element: (inout JSONWriter, Elements.Element) -> Void
    ) {
        member(name) { $0.array(of: elements, element) }
    }

    /// A member that is an array of objects.
    public mutating func objects<Elements: Sequence>(
        _ name: String, of elements: Elements, _ members: (inout JSONWriter, Elements.Element) -> Void
    ) {
        member(name) { $0.objects(of: elements, members) }
    }

    public mutating func member(_ name: String, _ text: String) { member(name) { $0.string(text) } }

    public mutating func member(_ name: String, _ number: Int) { member(name, FixedPoint(number, decimals: 0)) }

    public mutating func member(_ name: String, _ number: FixedPoint) { member(name) { $0.number(number) } }

    public mutating func member(_ name: String, _ flag: Bool) { member(name) { $0.boolean(flag) } }

    public mutating func member(_ name: String, _ value: JSONValue) { member(name) { $0.value(value) } }

    // MARK: Values

    public mutating func string(_ text: String) {
        separate()
        JSONText.append(string: text, to: &bytes)
    }

    public mutating func number(_ number: FixedPoint) {
        separate()
        number.append(to: &bytes)
    }

    public mutating func boolean(_ flag: Bool) {
        separate()
        bytes.append(contentsOf: (flag ? "true" : "false").utf8)
    }

    /// A value as it is spelled.
    public mutating func value(_ value: JSONValue) {
        separate()
        // At once: growing by and by would copy a large body, into twice the room. Not for small ones, of which there
        // may be many: room that is asked for is not doubled.
        if value.range.count > bytes.count { bytes.reserveCapacity(bytes.count + value.range.count + 16) }
        value.append(to: &bytes)
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(ASCII.comma) }
        needsComma = true
    }
}

extension JSONText {
    /// Appends what `write` writes.
    public static func append(to output: inout [UInt8], _ write: (inout JSONWriter) -> Void) {
        // Handed over and back, so that nothing is copied.
        var writer = JSONWriter(after: output)
        output = []
        write(&writer)
        output = writer.bytes
    }

    /// The text of an object.
    public static func object(_ members: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.object(members)
        return writer.bytes
    }
}
