/// The media types that a client takes, with their weights (RFC 9110 §12.5.1, §12.4.2).
///
/// Weights are thousandths, 0 to 1000; a range without one has 1000. Parameters other than `q` are ignored, and so is a
/// range whose weight is malformed.
public struct AcceptField: Sendable {
    /// In lower case: `text/html`, `text/*`, `*/*`.
    private var ranges: [(name: String, weight: Int)] = []

    /// Reads the value of an `Accept` field, its lines joined by commas.
    public init(_ value: String) {
        for member in Self.split(Array(value.utf8)[...], at: UInt8(ascii: ",")) {
            let parts = Self.split(member, at: UInt8(ascii: ";"))
            guard let name = parts.first, !name.isEmpty, let weight = Self.weight(parts.dropFirst()) else { continue }
            ranges.append((String(decoding: name.map(\.lowercased), as: UTF8.self), weight))
        }
    }

    /// The weight that the field gives to a range by its own name, such as `text/html` or `*/*`; nil if it does not
    /// have it.
    public func weight(named range: String) -> Int? { ranges.first { $0.name == range }?.weight }

    /// The weight of a media type, by the most specific of the ranges that it is in; 0 if it is in none.
    public func weight(of type: String) -> Int {
        let family = type.prefix { $0 != "/" } + "/*"
        return weight(named: type) ?? weight(named: String(family)) ?? weight(named: "*/*") ?? 0
    }

    /// The weight among a range's parameters; nil if it is not one.
    private static func weight(_ parameters: ArraySlice<ArraySlice<UInt8>>) -> Int? {
        for parameter in parameters where parameter.count >= 2 {
            guard parameter.prefix(2).map(\.lowercased) == Array("q=".utf8) else { continue }
            let digits = parameter.dropFirst(2)
            guard let whole = digits.first, whole == UInt8(ascii: "0") || whole == UInt8(ascii: "1"), digits.count <= 5,
                digits.count == 1 || digits.dropFirst().first == UInt8(ascii: ".")
            else { return nil }
            var weight = Int(whole - UInt8(ascii: "0")) * 1000
            for (digit, unit) in zip(digits.dropFirst(2), [100, 10, 1]) {
                guard digit.isDigit else { return nil }
                weight += Int(digit - UInt8(ascii: "0")) * unit
            }
            return weight <= 1000 ? weight : nil
        }
        return 1000
    }

    /// The pieces between separators, without blanks around them; a separator in quotes does not count (RFC 9110
    /// §5.6.4).
    private static func split(_ bytes: ArraySlice<UInt8>, at separator: UInt8) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var start = bytes.startIndex
        var (isQuoted, isEscaped) = (false, false)
        for index in bytes.indices {
            if isEscaped {
                isEscaped = false
            } else if isQuoted, bytes[index] == UInt8(ascii: "\\") {
                isEscaped = true
            } else if bytes[index] == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if !isQuoted, bytes[index] == separator {
                pieces.append(bytes[start..<index])
                start = index + 1
            }
        }
        pieces.append(bytes[start...])
        return pieces.map { piece in
            var piece = piece.drop(while: \.isBlank)
            while let last = piece.last, last.isBlank { piece.removeLast() }
            return piece
        }
    }
}
