import JSONText

/// Writes JSON text piece by piece, and puts the commas.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    mutating func object(_ members: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "{"))
        members(&self)
        close(UInt8(ascii: "}"))
    }

    mutating func array<Elements: Sequence>(
        of elements: Elements, _ element: (inout JSONWriter, Elements.Element) -> Void
    ) {
        open(UInt8(ascii: "["))
        for each in elements { element(&self, each) }
        close(UInt8(ascii: "]"))
    }

    /// A member whose value is what `value` writes.
    mutating func member(_ name: String, _ value: (inout JSONWriter) -> Void) {
        separate()
        JSONText.append(string: name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
        value(&self)
    }

    mutating func member(_ name: String, _ text: String) {
        member(name) { $0.string(text) }
    }

    mutating func member(_ name: String, _ number: Int) {
        member(name) { $0.number(FixedPoint(number, decimals: 0)) }
    }

    mutating func member(_ name: String, _ number: FixedPoint) {
        member(name) { $0.number(number) }
    }

    mutating func string(_ text: String) {
        separate()
        JSONText.append(string: text, to: &bytes)
    }

    mutating func number(_ number: FixedPoint) {
        separate()
        bytes.append(contentsOf: number.description.utf8)
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
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }
}
