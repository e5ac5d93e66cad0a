/// An unquoted scalar that YAML's core schema (YAML 1.2.2 §10.3.2) takes for something other than a string.
struct PlainScalar {
    /// Its JSON spelling; nil if JSON cannot represent it: infinities, NaN, and numbers beyond a double.
    let json: String?

    /// Nil if the text is a string.
    init?(_ text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": json = "null"
        case "true", "True", "TRUE": json = "true"
        case "false", "False", "FALSE": json = "false"
        case ".nan", ".NaN", ".NAN": json = nil
        default:
            let sign = text.hasPrefix("-") ? "-" : ""
            let unsigned = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
            if [".inf", ".Inf", ".INF"].contains(String(unsigned)) {
                json = nil
            } else if let radix = Self.radix(text), text.dropFirst(2).utf8.allSatisfy({ Self.isDigit($0, radix) }) {
                json = UInt64(text.dropFirst(2), radix: radix).map { String($0) }
            } else if let number = Self.decimal(unsigned) {
                json = Double(number)?.isFinite == true ? sign + number : nil
            } else {
                return nil
            }
        }
    }

    private static func radix(_ text: String) -> Int? {
        guard text.utf8.count > 2 else { return nil }
        return text.hasPrefix("0x") ? 16 : text.hasPrefix("0o") ? 8 : nil
    }

    private static func isDigit(_ byte: UInt8, _ radix: Int) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "7"): true
        case UInt8(ascii: "8"), UInt8(ascii: "9"): radix > 8
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"): radix == 16
        default: false
        }
    }

    /// The JSON spelling of an unsigned decimal number: a digit on either side of the point, and no leading zeros. Its
    /// digits are kept, so that 19.90 stays 19.90.
    private static func decimal(_ text: Substring) -> String? {
        func digits(_ text: Substring) -> Substring { text.prefix { $0.utf8.count == 1 && $0.isWholeNumber } }
        var whole = digits(text)
        var rest = text.dropFirst(whole.count)
        var fraction = ""
        if rest.hasPrefix(".") {
            let after = digits(rest.dropFirst())
            guard !whole.isEmpty || !after.isEmpty else { return nil }
            fraction = "." + (after.isEmpty ? "0" : after)
            rest = rest.dropFirst(1 + after.count)
        }
        guard !whole.isEmpty || !fraction.isEmpty else { return nil }
        var exponent = ""
        if rest.hasPrefix("e") || rest.hasPrefix("E") {
            let afterE = rest.dropFirst()
            let sign = afterE.hasPrefix("-") || afterE.hasPrefix("+") ? afterE.prefix(1) : ""
            let power = digits(afterE.dropFirst(sign.count))
            guard !power.isEmpty else { return nil }
            exponent = "e" + sign + power
            rest = afterE.dropFirst(sign.count + power.count)
        }
        guard rest.isEmpty else { return nil }
        whole = whole.drop { $0 == "0" }
        return (whole.isEmpty ? "0" : whole) + fraction + exponent
    }
}
