import Gather
import HTTPTypes

/// The message about a star where other programs allow it as a wildcard.
enum Wildcard {
    static func problem(in text: String) -> String {
        "the '*' in \(quoted(text)) is taken literally: it is not a wildcard here"
    }
}

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
            let name = Self.name(member.name) { member.error($0, remedy: $1) }
            if let name, fields.contains(where: { $0.name == name }) {
                member.error(
                    "the header '\(name)' appears twice", remedy: "keep one of them; letter case makes no difference")
            }
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
        let names = readNames(node, besides: set) { text in
            if text == "*" {
                others.isAll = true
            } else if text.hasSuffix("*"), !text.dropLast().contains("*"),
                HTTPField.Name(String(text.dropLast())) != nil
            {
                others.prefixes.append(String(text.dropLast()))
            } else {
                return false
            }
            return true
        }
        return (names, others)
    }

    /// - Parameter isTaken: takes a text that is valid though not a name, and tells whether it was one.
    private func readNames(
        _ node: Node, besides set: [HTTPField.Name], unless isTaken: (String) -> Bool
    ) -> [HTTPField.Name] {
        var names: [HTTPField.Name] = []
        for (element, text) in node.texts("header names") ?? [] where !isTaken(text) {
            guard let name = Self.name(text, report: { element.error($0, remedy: $1) }) else { continue }
            if set.contains(name) {
                element.error("the header '\(name)' is also in headers", remedy: "keep one of them")
            } else if names.contains(name) {
                element.error(
                    "the header '\(name)' appears twice", remedy: "keep one of them; letter case makes no difference")
            }
            names.append(name)
        }
        return names
    }

    /// Fields of answers, each with one value or a list of values.
    func readAnswerFields(
        _ node: Node
    ) -> [(name: HTTPField.Name, values: [(node: Node, template: TextTemplate)])] {
        var fields: [(name: HTTPField.Name, values: [(node: Node, template: TextTemplate)])] = []
        for member in node.members(expected: "a mapping of header names to values") ?? [] {
            var nodes = [member.value]
            if case .sequence(let several) = member.value.content { nodes = several }
            if let outline = member.value.outline { nodes.append(.blank(outline.listElement())) }
            let values = nodes.compactMap { node in readValue(node).map { (node, $0) } }
            guard let name = Self.name(member.name, report: { member.error($0, remedy: $1) }) else { continue }
            if fields.contains(where: { $0.name == name }) {
                member.error(
                    "the header '\(name)' appears twice", remedy: "keep one of them; letter case makes no difference")
            }
            fields.append((name, values))
        }
        return fields
    }

    /// Fields of answers that are not made from calls, which are the same in every answer.
    static func readConstantFields(_ node: Node) -> [(name: HTTPField.Name, value: String)] {
        readConstants(node, remedy: "fields of answers are constant: write its value out")
    }

    /// Fields that are the same in every message.
    static func readConstants(
        _ node: Node, remedy: String = "it is constant: write its value out"
    ) -> [(name: HTTPField.Name, value: String)] {
        HeadersReader(scope: ReferenceScope()).readFields(node).compactMap { name, value in
            guard let literal = value.literal else {
                node.error("the field '\(name)' contains a reference", remedy: remedy)
                return nil
            }
            return (name, literal)
        }
    }

    /// The name of a field.
    static func readName(_ node: Node) -> HTTPField.Name? { readName(node, refusing: refused) }

    /// - Parameter refused: those that it may not be.
    static func readName(_ node: Node, refusing refused: Set<String>) -> HTTPField.Name? {
        node.text("a header name").flatMap { name($0, refusing: refused) { node.error($0, remedy: $1) } }
    }

    private func readValue(_ node: Node) -> TextTemplate? {
        guard let text = node.text("a header value") else { return nil }
        do throws(TemplateError) {
            let template = try TextTemplate(text, in: scope)
            for case .literal(let literal) in template.parts {
                guard
                    let control = literal.unicodeScalars.first(where: {
                        ($0.value < 32 && $0 != "\t") || $0.value == 127
                    })
                else { continue }
                node.error(
                    "the value holds \(Self.describe(control)), which a header cannot carry",
                    remedy: "write the value on one line")
                return nil
            }
            return template
        } catch {
            node.error(error)
            return nil
        }
    }

    private static func name(
        _ text: String, refusing refused: Set<String> = refused, report: (_ problem: String, _ remedy: String) -> Void
    ) -> HTTPField.Name? {
        guard let name = HTTPField.Name(text) else {
            report("\(quoted(text)) is not a header name", "use letters, digits and -")
            return nil
        }
        guard !text.contains("*") else {
            report(Wildcard.problem(in: text), "write each name out")
            return nil
        }
        guard !refused.contains(name.canonicalName) else {
            report(
                "'\(text)' belongs to the connection, not to the call",
                "remove it: gatherd sets it where needed")
            return nil
        }
        return name
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
