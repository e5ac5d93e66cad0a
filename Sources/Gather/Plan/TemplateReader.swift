import HTTPTypes
import JSONText

/// Reads the parts of a template from left to right.
struct TemplateReader {
    private let characters: [Character]
    private let scope: ReferenceScope
    private var position = 0

    init(_ text: String, scope: ReferenceScope) {
        characters = Array(text)
        self.scope = scope
    }

    mutating func read() throws(TemplateError) -> [TextTemplate.Part] {
        var parts: [TextTemplate.Part] = []
        var literal = ""
        func flush() {
            if !literal.isEmpty { parts.append(.literal(literal)) }
            literal = ""
        }
        while position < characters.count {
            let character = characters[position]
            let isDoubled = position + 1 < characters.count && characters[position + 1] == character
            switch character {
            case "{" where isDoubled, "}" where isDoubled:
                literal.append(character)
                position += 2
            case "{":
                switch try readReference() {
                case .literal(let text): literal += text
                case .reference(let reference):
                    flush()
                    parts.append(.reference(reference))
                }
            case "}":
                throw TemplateError(
                    column: position + 1, "a '}' without a matching '{'", remedy: "write '}}' for the character itself")
            default:
                literal.append(character)
                position += 1
            }
        }
        flush()
        return parts
    }

    /// Reads from `{` to its `}`; a reference to the environment is its value at once.
    private mutating func readReference() throws(TemplateError) -> TextTemplate.Part {
        let open = position
        var quoted = false
        var depth = 0
        var close = position + 1
        while close < characters.count, quoted || depth > 0 || characters[close] != "}" {
            switch characters[close] {
            case "{" where !quoted: depth += 1
            case "}" where !quoted: depth -= 1
            case "\"": quoted.toggle()
            case "\\" where quoted: close += 1
            default: break
            }
            close += 1
        }
        guard close < characters.count else {
            throw TemplateError(
                column: open + 1, "a '{' without a matching '}'", remedy: "write '{{' for the character itself")
        }
        position = close + 1
        let (text, fallback) = Self.split(String(characters[(open + 1)..<close]))
        let column = open + 2
        let root = String(text.prefix { $0 != "." && $0 != "[" })
        let rest = String(text.dropFirst(root.count))
        guard !root.isEmpty else {
            throw TemplateError(
                column: column, "an empty reference", remedy: "name a value, such as {path.id} or {query.page ?? 1}")
        }
        if root == "env" {
            let name = try member(rest, of: root, column: column)
            guard let value = scope.environment[name] ?? fallback.map(Self.plainText) else {
                throw TemplateError(
                    column: column, "the environment variable '\(name)' is not set",
                    remedy: "set it, or give a default: {env.\(name) ?? value}")
            }
            return .literal(value)
        }
        let source = try source(root, rest, column: column)
        var path = JSONPath(steps: [])
        switch source {
        case .path, .query, .header, .attribute: break
        case .claims, .body, .item, .call: path = try jsonPath(rest, column: column + root.count)
        }
        return .reference(Reference(source: source, path: path, fallback: fallback, text: text))
    }

    private func source(_ root: String, _ rest: String, column: Int) throws(TemplateError) -> Reference.Source {
        switch root {
        case "path":
            let name = try member(rest, of: root, column: column)
            guard let index = scope.pathParameters.firstIndex(of: name) else {
                throw TemplateError(
                    column: column, "the endpoint's path has no parameter '\(name)'",
                    remedy: NearestName.remedy(for: name, among: scope.pathParameters) ?? "add {\(name)} to the path")
            }
            return .path(index)
        case "query":
            return .query(try member(rest, of: root, column: column))
        case "header":
            let name = try member(rest, of: root, column: column)
            guard let field = HTTPField.Name(name) else {
                throw TemplateError(column: column, "'\(name)' is not a header name")
            }
            return .header(field)
        // A call may have such a name.
        case "jwt" where !scope.calls.contains(root):
            guard scope.hasClaims else {
                throw TemplateError(
                    column: column, "this endpoint verifies no token",
                    remedy: "add access with jwt, here or to the server")
            }
            guard !rest.isEmpty else {
                throw TemplateError(column: column, "'jwt' needs a claim after it", remedy: "write {jwt.sub}")
            }
            return .claims
        case "key" where scope.hasKey && !scope.calls.contains(root),
            "client" where !scope.calls.contains(root), "request" where !scope.calls.contains(root):
            let name = try member(rest, of: root, column: column)
            let known = RequestAttribute.allCases.map(\.rawValue).filter { $0.hasPrefix(root + ".") }
            guard let attribute = RequestAttribute(rawValue: "\(root).\(name)") else {
                throw TemplateError(
                    column: column, "there is no '\(root).\(name)'",
                    remedy: "use one of: " + known.joined(separator: ", "))
            }
            return .attribute(attribute)
        case "body":
            return .body
        case "item" where scope.hasItem:
            return .item
        case "item":
            throw TemplateError(
                column: column, "'item' is not available here: only the requests of a call with 'foreach' have an item",
                remedy: "add foreach to the call, or refer to something else")
        default:
            guard let index = scope.calls.firstIndex(of: root) else {
                if scope.pathParameters.contains(root) {
                    throw TemplateError(
                        column: column, "'\(root)' is a parameter of the path", remedy: "write {path.\(root)}")
                }
                let known = ReferenceScope.reservedNames.filter { $0 != "item" || scope.hasItem } + scope.calls
                throw TemplateError(
                    column: column,
                    "'\(root)' is neither a call of this endpoint nor one of path, query, header, body, env",
                    remedy: NearestName.remedy(for: root, among: known))
            }
            return .call(index)
        }
    }

    /// The one name after the dot in `path.x`, `query.x`, `header.x`, `env.x`.
    private func member(_ rest: String, of root: String, column: Int) throws(TemplateError) -> String {
        guard rest.hasPrefix("."), rest.count > 1, !rest.contains("[") else {
            throw TemplateError(column: column, "'\(root)' needs one name after it", remedy: "write {\(root).name}")
        }
        guard !rest.contains("*") else {
            throw TemplateError(
                column: column, "the '*' in '\(root)\(rest)' is taken literally: there are no wildcards",
                remedy: "name one value")
        }
        return String(rest.dropFirst())
    }

    private func jsonPath(_ rest: String, column: Int) throws(TemplateError) -> JSONPath {
        guard !rest.isEmpty else { return JSONPath(steps: []) }
        guard rest != "." else { throw TemplateError(column: column, "a key was expected after the dot") }
        let isDotted = rest.hasPrefix(".")
        do throws(JSONPathError) {
            return try JSONPath(isDotted ? String(rest.dropFirst()) : rest)
        } catch {
            throw TemplateError(column: column + error.column - (isDotted ? 0 : 1), error.description)
        }
    }

    /// Parts `x ?? default` at the first `??`; a default that is not JSON text is taken as a string.
    private static func split(_ inner: String) -> (text: String, fallback: [UInt8]?) {
        let pieces = Array(inner)
        guard let at = pieces.indices.dropLast().first(where: { pieces[$0] == "?" && pieces[$0 + 1] == "?" }) else {
            return (trim(inner[...]), nil)
        }
        let text = trim(String(pieces[..<at])[...])
        let fallback = trim(String(pieces[(at + 2)...])[...])
        if let value = try? JSONValue(validating: Array(fallback.utf8)) { return (text, Array(value.text)) }
        var quoted: [UInt8] = []
        JSONText.append(string: fallback, to: &quoted)
        return (text, quoted)
    }

    private static func plainText(_ json: [UInt8]) -> String { JSONValue(validated: json).scalarText ?? "" }

    private static func trim(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
