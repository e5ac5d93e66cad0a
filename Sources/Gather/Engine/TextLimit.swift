import JSONText

/// The limit in bytes for a text that is made from data of others, and why a longer one is refused.
///
/// It is kept while the text is put together: what is refused may be a whole body.
struct TextLimit {
    private(set) var bytes: Int
    private let reason: String

    static let none = TextLimit(bytes: .max, reason: "")
    /// Far above what servers take, and below what libcurl refuses.
    static let target = TextLimit(bytes: 64 << 10, reason: "makes the URL longer than 64 KiB")
    static let field = TextLimit(bytes: 64 << 10, reason: "is longer than 64 KiB")

    /// Takes the room that a text needs.
    mutating func take(_ text: String) { bytes -= text.utf8.count }

    func error(_ reference: Reference) -> PlacementError { PlacementError(reference: reference, reason: reason) }

    func check(_ text: String, _ reference: Reference) throws(PlacementError) -> String {
        guard text.utf8.count <= bytes else { throw error(reference) }
        return text
    }

    /// The text of a scalar; nil if the value is not one.
    func scalarText(of value: JSONValue, _ reference: Reference) throws(PlacementError) -> String? {
        // A byte of text takes at most the six of `\u0061`, so that this one is too long however it is spelled.
        if value.range.count / 6 > bytes, value.kind == .string { throw error(reference) }
        // Decoded it would be another text, and name something else.
        if value.hasLoneSurrogate {
            throw PlacementError(
                reference: reference, reason: "holds half of a surrogate pair, which is not a character")
        }
        return try value.scalarText.map { (text) throws(PlacementError) in try check(text, reference) }
    }
}
