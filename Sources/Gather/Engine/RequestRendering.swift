import HTTPTypes
import HTTPWire
import JSONText

/// A call's request as far as it is known in advance: the method, the literal parts of the target, and the fields
/// without a reference in them; all of it, if it takes nothing from the client or from other calls.
///
/// Behind one reference, because it has too many fields to be copied for each request.
final class RequestTemplate: Sendable {
    private let method: HTTPRequest.Method
    private let target: TargetTemplate
    private let constantFields: FieldSection
    /// The fields with a reference in them.
    private let fields: [(name: HTTPField.Name, value: TextTemplate)]
    private let forwardHeaders: [HTTPField.Name]
    private let forwardQuery: [String]
    private let forwardedFields: ForwardedNames
    private let forwardsQuery: Bool
    /// The names of the call's own fields, which go before the client's.
    private let ownNames: ForwardedNames
    /// What stands in for fields that the client may send and did not.
    private let defaults: [(name: HTTPField.Name, value: String)]
    private let body: JSONTemplate?
    private let isRepeatable: Bool
    private let keptFields: ResponseReader.KeptFields
    /// The whole of it, if it takes nothing.
    let constant: ClientRequest?

    /// What a request accepts unless its call says otherwise: many servers look at it.
    static let acceptsAll = "*/*"

    /// - Precondition: the literal fields can stand in a head, which the reader of the configuration has checked.
    init(_ call: Call) {
        (method, target, body, isRepeatable) = (call.method, call.target, call.body, call.isRepeatable)
        keptFields = call.keptResponse == .all ? .always : .ofFailures
        (forwardHeaders, forwardQuery) = (call.forwardHeaders, call.forwardQuery)
        (forwardedFields, forwardsQuery) = (call.forwardedFields, call.forwardsQuery)
        ownNames = ForwardedNames((call.headers.map(\.name) + call.forwardHeaders).map(\.rawName))
        var defaults: [(name: HTTPField.Name, value: String)] = [
            (.accept, Self.acceptsAll), (.userAgent, ClientRequest.userAgent),
        ]
        if call.body != nil { defaults.append((.contentType, "application/json")) }
        defaults.removeAll { absent in call.headers.contains { $0.name == absent.name } }
        let mayCome = { (name: HTTPField.Name) in
            let span = name.rawName.utf8Span.span
            return call.forwardHeaders.contains(name)
                || call.forwardedFields.contains(field: span)
                    && (!call.forwardedFields.isAll || ForwardedNames.isForCalls(span))
        }
        self.defaults = defaults.filter { mayCome($0.name) }
        defaults.removeAll { mayCome($0.name) }
        fields = call.headers.filter { $0.value.literal == nil }
        let literals = call.headers.compactMap { field in field.value.literal.map { (name: field.name, value: $0) } }
        var constantFields = FieldSection()
        do throws(FieldError) {
            for (name, value) in defaults + literals { try constantFields.append(name, value) }
        } catch {
            preconditionFailure("a header of '\(call.name)' cannot be written: \(error)")
        }
        self.constantFields = constantFields
        let nothing = Values(input: NoInput(), bodies: [])
        if call.requestReferences.isEmpty, forwardHeaders.isEmpty, forwardQuery.isEmpty,
            forwardedFields.isEmpty, !forwardsQuery, let target = target.literal
        {
            // Without a reference, nothing can be missing.
            constant = Self.request(
                method, target, constantFields, try? Self.content(of: body, nothing), isRepeatable, keptFields)
        } else {
            constant = nil
        }
    }

    /// The request with every value in its place.
    /// - Throws: `PlacementError` for a value that is missing or cannot stand where it should.
    func render(_ values: Values) throws(PlacementError) -> ClientRequest {
        if let constant { return constant }
        let forwarded = if let known = values.forwarded { known } else { try forwarded(values.input) }
        let target = try renderTarget(values, forwarded)
        let fields = try renderFields(values, forwarded)
        return Self.request(method, target, fields, try Self.content(of: body, values), isRepeatable, keptFields)
    }

    private static func content(of body: JSONTemplate?, _ values: Values) throws(PlacementError) -> [UInt8]? {
        guard let body else { return nil }
        var output: [UInt8] = []
        try body.appendRequired(values, to: &output)
        return output
    }

    private static func request(
        _ method: HTTPRequest.Method, _ target: String, _ fields: FieldSection, _ body: [UInt8]?, _ isRepeatable: Bool,
        _ keptFields: ResponseReader.KeptFields
    ) -> ClientRequest {
        do throws(RequestLineError) {
            var request = try ClientRequest(method, target: target, fields: fields, body: body)
            request.isRepeatable = isRepeatable
            request.keptFields = keptFields
            return request
        } catch {
            // Literal parts were checked as they were read, and each value is escaped.
            preconditionFailure("a target of checked and escaped parts cannot be sent")
        }
    }

    private func renderTarget(_ values: Values, _ forwarded: Forwarded) throws(PlacementError) -> String {
        var room = TextLimit.target
        var target = try target.render { (reference) throws(PlacementError) in
            let text = try values.requiredText(reference, within: room)
            room.take(text)
            return text
        }
        // Escaped it is longer.
        if target.utf8.count > TextLimit.target.bytes, let reference = self.target.references.last {
            throw TextLimit.target.error(reference)
        }
        if !forwarded.query.isEmpty {
            target += target.utf8.contains(UInt8(ascii: "?")) ? "&" : "?"
            target += forwarded.query
        }
        return target
    }

    private func renderFields(_ values: Values, _ forwarded: Forwarded) throws(PlacementError) -> FieldSection {
        var section = constantFields
        for (name, template) in fields {
            var room = TextLimit.field
            let value = try template.render { (reference) throws(PlacementError) in
                let text = try Call.fieldText(reference, values, within: room)
                room.take(text)
                return text
            }
            do throws(FieldError) {
                try section.append(name, value)
            } catch {
                throw PlacementError(error, of: template.references[0])
            }
        }
        if !forwarded.fields.isEmpty {
            do throws(FieldError) {
                try section.append(contentsOf: forwarded.fields)
            } catch {
                throw PlacementError(error, of: forwardHeaders.first.map(Reference.header) ?? .forwarded)
            }
        }
        for (name, value) in defaults where !forwarded.fields.contains(name) {
            do throws(FieldError) {
                try section.append(name, value)
            } catch {
                throw PlacementError(error, of: .header(name))
            }
        }
        return section
    }

    /// What is sent on of a client's request.
    func forwarded(_ input: any GatherInput) throws(PlacementError) -> Forwarded {
        var query = forwardsQuery ? input.queryText : ""
        for name in forwardQuery {
            for value in input.queryValues(name) {
                if !query.isEmpty { query += "&" }
                URLCharacters.append(encoding: name, to: &query)
                query += "="
                URLCharacters.append(encoding: value, to: &query)
            }
        }
        var fields = FieldSection()
        for name in forwardHeaders {
            guard let value = input.header(name) else { continue }
            do throws(FieldError) {
                try fields.append(name, value)
            } catch {
                throw PlacementError(error, of: .header(name))
            }
        }
        if !forwardedFields.isEmpty {
            let others = input.fields { name in
                forwardedFields.contains(field: name) && !ownNames.contains(alias: name)
                    && (!forwardedFields.isAll || ForwardedNames.isForCalls(name))
            }
            do throws(FieldError) {
                try fields.append(contentsOf: others)
            } catch {
                throw PlacementError(error, of: Reference.forwarded)
            }
        }
        return Forwarded(query: query, fields: fields)
    }
}

extension PlacementError {
    /// A value that does not go into the fields of a request.
    fileprivate init(_ error: FieldError, of reference: Reference) {
        let reason =
            switch error {
            case .tooLarge: "makes the headers longer than \(FieldSection.mostBytes >> 10) KiB"
            case .invalidName, .invalidValue: "holds a character that is not allowed in a header"
            }
        self.init(reference: reference, reason: reason)
    }
}

extension Reference {
    /// What a client's fields are together, in messages.
    fileprivate static let forwarded = Reference(
        source: .body, path: JSONPath(steps: []), fallback: nil, text: "forward_headers")

    /// A field of the client's as a whole.
    fileprivate static func header(_ name: HTTPField.Name) -> Reference {
        Reference(source: .header(name), path: JSONPath(steps: []), fallback: nil, text: "header.\(name.rawName)")
    }
}

extension Call {
    /// Looks at the client's values where they are to stand, with a stand-in for what other calls have not given yet:
    /// so that one that cannot stand there is told before anything is sent.
    func checkClientValues(_ values: Values) throws(PlacementError) {
        for case .segment(let parts) in target.path
        where TextTemplate(parts: parts).references.contains(where: isClients) {
            _ = try TargetTemplate.segment(parts) { (reference) throws(PlacementError) in
                isClients(reference) ? try values.requiredText(reference, within: .target) : "-"
            }
        }
        for reference in target.references where isClients(reference) {
            _ = try values.requiredText(reference, within: .target)
        }
        if case .rest(let reference)? = target.path.last {
            _ = try TargetTemplate.rest(values.requiredText(reference, within: .target), of: reference)
        }
        for reference in foreach?.key?.references ?? [] where isClients(reference) { _ = try values.text(reference) }
        for (_, template) in headers {
            for reference in template.references where isClients(reference) {
                _ = try Self.fieldText(reference, values, within: .field)
            }
        }
    }

    static func fieldText(
        _ reference: Reference, _ values: Values, within limit: TextLimit
    ) throws(PlacementError) -> String {
        let text = try values.requiredText(reference, within: limit)
        guard text.utf8.allSatisfy({ $0 >= 32 && $0 != 127 || $0 == 9 }) else {
            throw PlacementError(reference: reference, reason: "holds a character that is not allowed in a header")
        }
        return text
    }
}

extension TextTemplate {
    /// The text with every value in its place.
    /// - Throws: what `value` throws for a reference.
    func render(_ value: (Reference) throws(PlacementError) -> String) throws(PlacementError) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .literal(let literal): text += literal
            case .reference(let reference): text += try value(reference)
            }
        }
        return text
    }
}

extension JSONTemplate {
    /// Writes the document for an upstream, where each value must be there.
    func appendRequired(_ values: Values, to output: inout [UInt8]) throws(PlacementError) {
        var missing: Reference?
        _ = append(values, to: &output) { reference in
            if missing == nil { missing = reference }
            return .null
        }
        guard let missing else { return }
        // An object inside a text is there, and has an error of its own.
        _ = try values.text(missing)
        throw PlacementError(reference: missing, reason: "is missing")
    }

    /// Writes the document for a client: a missing value is null, and a member of a call that left nothing is left out.
    func appendAnswer(_ values: Values, to output: inout [UInt8]) {
        let written = append(values, to: &output) { reference in
            if case .omitted = values.resolve(reference) { .omit } else { .null }
        }
        if !written { output.append(contentsOf: "null".utf8) }
    }

    private enum Substitute { case null, omit }

    /// Appends the document; false, with nothing appended, if it is one reference whose substitute is to leave it out.
    private func append(
        _ values: Values, to output: inout [UInt8], substitute: (Reference) -> Substitute
    ) -> Bool {
        switch self {
        case .literal(let text):
            output += text
        case .reference(let reference):
            if values.append(reference, to: &output) { return true }
            if substitute(reference) == .omit { return false }
            output += Array("null".utf8)
        case .text(let template):
            var text = ""
            for part in template.parts {
                switch part {
                case .literal(let literal): text += literal
                case .reference(let reference):
                    if let value = try? values.text(reference) { text += value } else { _ = substitute(reference) }
                }
            }
            JSONText.append(string: text, to: &output)
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            var isFirst = true
            for element in elements {
                let mark = output.count
                if !isFirst { output.append(UInt8(ascii: ",")) }
                if element.append(values, to: &output, substitute: substitute) {
                    isFirst = false
                } else {
                    output.removeSubrange(mark...)
                }
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            output.append(UInt8(ascii: "{"))
            var isFirst = true
            for member in members {
                let mark = output.count
                if !isFirst { output.append(UInt8(ascii: ",")) }
                JSONText.append(string: member.name, to: &output)
                output.append(UInt8(ascii: ":"))
                if member.value.append(values, to: &output, substitute: substitute) {
                    isFirst = false
                } else {
                    output.removeSubrange(mark...)
                }
            }
            output.append(UInt8(ascii: "}"))
        }
        return true
    }
}
