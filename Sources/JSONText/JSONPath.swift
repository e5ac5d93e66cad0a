/// The way from a JSON value to the values inside it: `customer.address[0].city`, `items[*].sku`, `a["odd.key"]`.
///
/// A path without steps is the value itself. Paths are text in configuration files; ``init(_:)`` says how they are
/// spelled.
public struct JSONPath: Hashable, Sendable {
    public enum Step: Hashable, Sendable {
        /// A member of an object; of several with one name, the last.
        case key(String)
        /// An element of an array, counted from 0.
        case index(Int)
        /// Every element of an array: `[*]`.
        case each
    }

    public var steps: [Step]

    public init(steps: [Step]) { self.steps = steps }

    /// Whether the path can lead to more than one value.
    public var hasEach: Bool { steps.contains(.each) }
}

extension JSONPath: CustomStringConvertible {
    /// The path as ``init(_:)`` reads it.
    public var description: String {
        var text = ""
        for step in steps {
            switch step {
            case .key(let name) where Self.isBare(name):
                if !text.isEmpty { text += "." }
                text += name
            case .key(let name):
                text += "[" + String(decoding: JSONText.string(name), as: UTF8.self) + "]"
            case .index(let index): text += "[\(index)]"
            case .each: text += "[*]"
            }
        }
        return text
    }

    /// Whether a key may stand in a path without brackets and quotes.
    private static func isBare(_ name: String) -> Bool { !name.isEmpty && name.utf8.allSatisfy(isBareByte) }

    /// All but the path's own punctuation, what templates and wildcards need, whitespace and control characters.
    static func isBareByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0...0x20, 0x7F, ASCII.quote, ASCII.dot, ASCII.openBracket, ASCII.closeBracket, ASCII.openBrace,
            ASCII.closeBrace, UInt8(ascii: "*"):
            false
        default: true
        }
    }
}
