import Gather

/// The path of an endpoint: literal segments and parameters. A parameter fills a segment; the last one may fill the
/// whole rest of the path.
struct RoutePath {
    /// As it is written in the file: `/v1/customers/{id}`.
    let text: String
    let parameters: [String]
    /// The parameter that takes the rest of the path: `file` in `/assets/{file...}`.
    let rest: String?
    /// The path without the names of its parameters: two endpoints with the same shape and method are the same route.
    let shape: String

    /// - Throws: `TemplateError` with the column in `text`.
    init(_ text: String) throws(TemplateError) {
        guard text.hasPrefix("/") else { throw TemplateError(column: 1, "the path must begin with '/'") }
        self.text = text
        var parameters: [String] = []
        var shape = ""
        var column = 1
        var rest: String?
        for segment in text.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            column += 1
            if rest != nil {
                throw TemplateError(
                    column: column, "nothing may follow {name...}", remedy: "put it at the end of the path")
            }
            if segment.hasPrefix("{"), segment.hasSuffix("}") {
                let isRest = segment.hasSuffix("...}")
                let name = String(segment.dropFirst().dropLast(isRest ? 4 : 1))
                guard Name.isValid(name) else {
                    throw TemplateError(
                        column: column + 1, "\(quoted(name)) is not a parameter name", remedy: Name.rule)
                }
                guard !parameters.contains(name) else {
                    throw TemplateError(
                        column: column, "the parameter '\(name)' appears twice", remedy: "give one another name")
                }
                parameters.append(name)
                if isRest { rest = name }
                shape += isRest ? "/{...}" : "/{}"
            } else {
                // A trailing slash is part of the path.
                let isEnd = segment.isEmpty && column > text.count
                if !isEnd { try Self.check(segment, column: column) }
                shape += "/" + segment
            }
            column += segment.count
        }
        self.parameters = parameters
        self.rest = rest
        self.shape = shape
    }

    /// The names of what look like parameters, in a path with an error.
    static func parameters(of content: Node.Content?) -> [String] {
        guard case .scalar(let scalar) = content else { return [] }
        return scalar.text.split(separator: "{").dropFirst().map { String($0.prefix { $0 != "}" && $0 != "." }) }
    }

    /// The shape with the trailing slash added or removed; nil if that would not be a path that clients may confuse
    /// with this one.
    var shapeWithOtherEnd: String? {
        if shape == "/" || rest != nil { return nil }
        return shape.hasSuffix("/") ? String(shape.dropLast()) : shape + "/"
    }

    private static func check(_ segment: Substring, column: Int) throws(TemplateError) {
        guard !segment.isEmpty else {
            throw TemplateError(
                column: column, "the path has an empty segment", remedy: "write it with single slashes")
        }
        guard segment != ".", segment != ".." else {
            throw TemplateError(
                column: column, "the path has a '\(segment)' segment", remedy: "write the path without it")
        }
        for (offset, character) in segment.enumerated() {
            let column = column + offset
            switch character {
            case "{", "}":
                throw TemplateError(column: column, "a parameter must fill its whole segment", remedy: "write /{name}/")
            case "%":
                throw TemplateError(
                    column: column, "paths are matched after decoding, so they cannot contain percent-escapes",
                    remedy: "use a parameter for this segment")
            case "*":
                throw TemplateError(
                    column: column, wildcardProblem(in: String(segment)),
                    remedy:
                        "use a parameter: /{name} matches one segment, and /{name...} at the end matches the rest")
            case "?", "#":
                throw TemplateError(
                    column: column, "a path cannot contain '\(character)'",
                    remedy: character == "?"
                        ? "leave the query out; calls refer to it as {query.name}" : "leave it out")
            case _ where character.utf8.count == 1 && (character.isLetter || character.isNumber): continue
            case _ where "-._~!$&'()+,;=:@".contains(character): continue
            default:
                throw TemplateError(
                    column: column, "\(quoted(String(character))) is not allowed in a path",
                    remedy: "use letters, digits and -._~!$&'()+,;=:@")
            }
        }
    }
}
