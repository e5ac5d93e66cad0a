import Gather
import HTTPTypes

/// Reads `headers:` and `forward_headers:` of a call.
struct HeadersReader {
    let scope: ReferenceScope

    /// Fields that frame a message or belong to one connection (RFC 9110 §7.6.1, RFC 9112 §6), which gatherd writes
    /// itself.
    private static let refused: Set<String> = [
        "connection", "content-length", "expect", "host", "http2-settings", "keep-alive", "proxy-authenticate",
        "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    /// Whether a file may not name this field.
    static func isRefused(_ name: String) -> Bool { refused.contains(name.lowercased()) }

    /// The bound on the headers of one call in total, as written in the file; about the size that one of them may have
    /// once its references are replaced.
    private static let mostBytes = 64 << 10

    private static func bytes(_ name: HTTPField.Name, _ value: TextTemplate) -> Int {
        value.parts.reduce(name.rawName.utf8.count) { sum, part in
            if case .literal(let text) = part { sum + text.utf8.count } else { sum }
        }
    }

    func readFields(_ node: Node) -> [(name: HTTPField.Name, value: TextTemplate)] {
        var fields: [(name: HTTPField.Name, value: TextTemplate)] = []
        for member in node.members(expected: "a mapping of header names to values") ?? [] {
            let name = Self.name(member.name, member)
            if let name, fields.contains(where: { $0.name == name }) { Self.complain(member, ofSecond: name) }
            let value = readValue(member.value)
            if let name, let value { fields.append((name, value)) }
        }
        if fields.reduce(0, { $0 + Self.bytes($1.name, $1.value) }) > Self.mostBytes {
            node.error(
                "the headers add up to more than \(Self.mostBytes >> 10) KiB",
                remedy: "send long values in a body, since servers accept heads of a few KiB")
            return []
        }
        return fields
    }

    /// Names of the client's fields that are forwarded; apart from them, `*` for all fields and prefixes such as `X-*`.
    func readForwarded(_ node: Node, besides set: [HTTPField.Name]) -> (names: [HTTPField.Name], others: ForwardedNames)
    {
        var others = ForwardedNames()
        var names: [HTTPField.Name] = []
        for (element, text) in node.texts("header names") ?? [] {
            if text == "*" {
                others.isAll = true
                continue
            }
            let prefix = String(text.dropLast())
            if text.hasSuffix("*"), !prefix.contains("*"), HTTPField.Name(prefix) != nil {
                others.prefixes.append(prefix)
                continue
            }
            guard let name = Self.name(text, element) else { continue }
            if set.contains(name) {
                element.error("the header '\(name)' is also in headers", remedy: "keep one of them")
            } else if names.contains(name) {
                Self.complain(element, ofSecond: name)
            }
            names.append(name)
        }
        return (names, others)
    }

    /// Fields of answers, each with one value or a list of values.
    func readAnswerFields(
        _ node: Node
    ) -> [(name: HTTPField.Name, values: [(node: Node, template: TextTemplate)])] {
        var fields: [(name: HTTPField.Name, values: [(node: Node, template: TextTemplate)])] = []
        for member in node.members(expected: "a mapping of header names to values") ?? [] {
            let values = member.value.oneOrMore.compactMap { node in readValue(node).map { (node, $0) } }
            guard let name = Self.name(member.name, member) else { continue }
            if fields.contains(where: { $0.name == name }) { Self.complain(member, ofSecond: name) }
            fields.append((name, values))
        }
        return fields
    }

    /// Fields that are the same in every message.
    static func readConstants(
        _ node: Node, remedy: String = "it is constant: write its value out"
    ) -> [(name: HTTPField.Name, value: String)] {
        HeadersReader(scope: ReferenceScope()).readFields(node).compactMap { name, value in
            guard let literal = value.literal else {
                return node.error("the field '\(name)' contains a reference", remedy: remedy)
            }
            return (name, literal)
        }
    }

    /// The name of a field.
    static func readName(_ node: Node) -> HTTPField.Name? { readName(node, refusing: refused) }

    /// - Parameter refused: those that it may not be.
    static func readName(_ node: Node, refusing refused: Set<String>) -> HTTPField.Name? {
        node.text("a header name").flatMap { name($0, node, refusing: refused) }
    }

    private func readValue(_ node: Node) -> TextTemplate? {
        guard let text = node.text("a header value"), let template = node.read(try TextTemplate(text, in: scope)) else {
            return nil
        }
        for case .literal(let literal) in template.parts {
            let control = literal.unicodeScalars.first { ($0.value < 32 && $0 != "\t") || $0.value == 127 }
            guard let control else { continue }
            return node.error(
                "the value holds \(Self.describe(control)), which a header cannot carry",
                remedy: "write the value on one line")
        }
        return template
    }

    private static func name(
        _ text: String, _ place: some Located, refusing refused: Set<String> = refused
    ) -> HTTPField.Name? {
        guard let name = HTTPField.Name(text) else {
            return place.error("\(quoted(text)) is not a header name", remedy: "use letters, digits and -")
        }
        if text.contains("*") { return place.error(wildcardProblem(in: text), remedy: "write each name out") }
        guard refused.contains(name.canonicalName) else { return name }
        return place.error(
            "'\(text)' belongs to the connection, not to the call", remedy: "remove it: gatherd sets it where needed")
    }

    private static func complain(_ place: some Located, ofSecond name: HTTPField.Name) {
        place.error("the header '\(name)' appears twice", remedy: "keep one of them; letter case makes no difference")
    }

    private static func describe(_ control: Unicode.Scalar) -> String {
        switch control {
        case "\r": "a carriage return"
        case "\n": "a line feed"
        case "\0": "a NUL"
        default: "a control character"
        }
    }
}
