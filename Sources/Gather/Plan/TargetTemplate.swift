/// The path and query of a call's URL, with references in them.
///
/// A reference stands inside one path segment or inside the query; its value is escaped there, so that nothing a client
/// or an upstream sends can add a segment, a query parameter, a fragment or another host.
public struct TargetTemplate: Sendable, Hashable {
    enum PathPiece: Sendable, Hashable {
        /// Whole segments, each with the slash before it.
        case literal(String)
        /// One segment, without its slash.
        case segment([TextTemplate.Part])
        /// The rest of a client's path, in which slashes separate segments: only at the end.
        case rest(Reference)
    }

    let path: [PathPiece]
    let query: [TextTemplate.Part]

    /// Reads `/orders/{path.id}?page={query.page}`.
    /// - Throws: `TemplateError` with the column in `text`.
    public init(_ text: String, in scope: ReferenceScope) throws(TemplateError) {
        guard text.hasPrefix("/") else { throw TemplateError(column: 1, "the path of a call must begin with '/'") }
        var segments: [[TextTemplate.Part]] = []
        var query: [TextTemplate.Part] = []
        var inQuery = false
        func append(_ part: TextTemplate.Part) {
            if inQuery { query.append(part) } else { segments[segments.count - 1].append(part) }
        }
        for part in try TextTemplate(text, in: scope).parts {
            guard case .literal(let literal) = part else {
                append(part)
                continue
            }
            try Self.check(literal, inQuery: inQuery)
            var run = ""
            func flush() {
                if !run.isEmpty { append(.literal(run)) }
                run = ""
            }
            for character in literal {
                switch character {
                case "/" where !inQuery:
                    flush()
                    segments.append([])
                case "?" where !inQuery:
                    flush()
                    inQuery = true
                default:
                    run.append(character)
                }
            }
            flush()
        }
        let rest = try Self.takeRest(of: &segments, in: scope)
        var path = try Self.pieces(of: segments)
        if let rest { path += [.literal("/"), .rest(rest)] }
        self.path = path
        self.query = query
    }

    /// `/`, for a call that asks no upstream.
    package static let root = TargetTemplate(path: [.literal("/")], query: [])

    private init(path: [PathPiece], query: [TextTemplate.Part]) { (self.path, self.query) = (path, query) }

    /// Takes the last segment off that is nothing but the rest of the client's path, if there is one.
    private static func takeRest(
        of segments: inout [[TextTemplate.Part]], in scope: ReferenceScope
    ) throws(TemplateError) -> Reference? {
        guard let rest = scope.rest.flatMap({ scope.pathParameters.firstIndex(of: $0) }) else { return nil }
        let isRest = { (part: TextTemplate.Part) in
            if case .reference(let reference) = part { reference.source == .path(rest) } else { false }
        }
        var taken: Reference?
        if let last = segments.last, last.count == 1, isRest(last[0]), case .reference(let reference) = last[0] {
            taken = reference
            segments.removeLast()
        }
        guard !segments.contains(where: { $0.contains(where: isRest) }) else {
            throw TemplateError(
                column: 1, "'{path.\(scope.rest ?? "")}' may have several segments",
                remedy: "put it at the end of the path, as a segment of its own")
        }
        return taken
    }

    /// The references, in order.
    public var references: [Reference] {
        let inPath = path.flatMap { piece -> [TextTemplate.Part] in
            switch piece {
            case .literal: []
            case .segment(let parts): parts
            case .rest(let reference): [.reference(reference)]
            }
        }
        return (inPath + query).compactMap { if case .reference(let reference) = $0 { reference } else { nil } }
    }

    /// The path up to the first reference; all of it, without the query, if there is none.
    public var beginning: String {
        var beginning = ""
        for piece in path {
            switch piece {
            case .literal(let text): beginning += text
            case .segment(let parts):
                if case .literal(let text)? = parts.first { beginning += text }
                return beginning
            case .rest: return beginning
            }
        }
        return beginning
    }

    /// Path and query as they are sent, if no reference is in them.
    public var literal: String? { references.isEmpty ? try? render { _ in "" } : nil }

    private static func check(_ literal: String, inQuery: Bool) throws(TemplateError) {
        var inQuery = inQuery
        for (offset, byte) in literal.utf8.enumerated() {
            if byte == UInt8(ascii: "?") { inQuery = true }
            guard inQuery ? URLCharacters.isQuery(byte) : URLCharacters.isPath(byte) else {
                let shown =
                    byte == 32
                    ? "a space" : byte > 32 && byte < 127 ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(byte)"
                let hex = String(byte, radix: 16, uppercase: true)
                throw TemplateError(
                    column: 1, "\(shown) at byte \(offset + 1) of '\(literal)' is not allowed in a URL",
                    remedy: "write it as %\(hex.count == 1 ? "0" : "")\(hex)")
            }
        }
    }

    private static func pieces(of segments: [[TextTemplate.Part]]) throws(TemplateError) -> [PathPiece] {
        var pieces: [PathPiece] = []
        var literal = ""
        for segment in segments {
            literal += "/"
            guard let text = TextTemplate(parts: segment).literal else {
                pieces += [.literal(literal), .segment(segment)]
                literal = ""
                continue
            }
            guard text != ".", text != ".." else {
                throw TemplateError(column: 1, "the path has a '\(text)' segment", remedy: "write the path without it")
            }
            literal += text
        }
        return literal.isEmpty ? pieces : pieces + [.literal(literal)]
    }
}

extension TargetTemplate {
    /// Writes path and query with every value in its place.
    /// - Parameter value: the text of a reference.
    /// - Throws: `PlacementError` for a value that would make a segment empty, `.` or `..`, and what `value` throws.
    func render(_ value: (Reference) throws(PlacementError) -> String) throws(PlacementError) -> String {
        var output = ""
        for piece in path {
            switch piece {
            case .literal(let literal): output += literal
            case .segment(let parts): output += try Self.segment(parts, value)
            case .rest(let reference): output += try Self.rest(try value(reference), of: reference)
            }
        }
        if !query.isEmpty { output += "?" }
        for part in query { try Self.append(part, value, to: &output) }
        return output
    }

    /// Checks the rest of a client's path, which is sent on as it is: it is a path already, in which no segment may
    /// lead upwards, however its dots are written (RFC 3986 §5.2.4).
    static func rest(_ text: String, of reference: Reference) throws(PlacementError) -> String {
        for byte in text.utf8 where !URLCharacters.isPath(byte) {
            throw PlacementError(reference: reference, reason: "holds a character that is not allowed in a path")
        }
        for segment in text.utf8.split(separator: UInt8(ascii: "/")) where URLCharacters.isDotSegment(segment) {
            throw PlacementError(reference: reference, reason: "has a '.' or '..' segment")
        }
        return text
    }

    /// Writes one segment.
    static func segment(
        _ parts: [TextTemplate.Part], _ value: (Reference) throws(PlacementError) -> String
    ) throws(PlacementError) -> String {
        var segment = ""
        var last: Reference?
        for part in parts {
            if case .reference(let reference) = part { last = reference }
            try append(part, value, to: &segment)
        }
        if let last, segment.isEmpty || segment == "." || segment == ".." {
            throw PlacementError(
                reference: last,
                reason: segment.isEmpty ? "is empty" : "is '\(segment)', which cannot be a path segment")
        }
        return segment
    }

    private static func append(
        _ part: TextTemplate.Part, _ value: (Reference) throws(PlacementError) -> String, to output: inout String
    ) throws(PlacementError) {
        switch part {
        case .literal(let literal): output += literal
        case .reference(let reference): URLCharacters.append(encoding: try value(reference), to: &output)
        }
    }
}
