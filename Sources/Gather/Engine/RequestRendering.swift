import HTTPTypes
import JSONText

extension Call {
    /// Writes the call's request with every value in its place.
    /// - Throws: `PlacementError` for a value that is missing or cannot stand where it should.
    func render(_ values: Values) throws(PlacementError) -> UpstreamRequest {
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
        let forwarded = values.forwarded ?? forwarded(values.input)
        if !forwarded.query.isEmpty {
            target += target.utf8.contains(UInt8(ascii: "?")) ? "&" : "?"
            target += forwarded.query
        }
        var fields: [(name: HTTPField.Name, value: String)] = []
        for (name, template) in headers {
            var room = TextLimit.field
            let value = try template.render { (reference) throws(PlacementError) in
                let text = try Self.fieldText(reference, values, within: room)
                room.take(text)
                return text
            }
            fields.append((name, value))
        }
        fields += forwarded.fields
        guard let template = body else {
            return UpstreamRequest(
                call: name, method: method, target: target, headers: fields, body: nil, isRepeatable: idempotent)
        }
        var content: [UInt8] = []
        try template.appendRequired(values, to: &content)
        if !fields.contains(where: { $0.name == .contentType }) { fields.append((.contentType, "application/json")) }
        return UpstreamRequest(
            call: name, method: method, target: target, headers: fields, body: content, isRepeatable: idempotent)
    }

    /// Looks at the client's values where they are to stand, with a stand-in for what other calls have not given yet: so that
    /// one that cannot stand there is told before anything is sent.
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
        for reference in foreach?.key?.references ?? [] where isClients(reference) { _ = try values.text(reference) }
        for (_, template) in headers {
            for reference in template.references where isClients(reference) {
                _ = try Self.fieldText(reference, values, within: .field)
            }
        }
    }

    private static func fieldText(
        _ reference: Reference, _ values: Values, within limit: TextLimit
    ) throws(PlacementError) -> String {
        let text = try values.requiredText(reference, within: limit)
        guard text.utf8.allSatisfy({ $0 >= 32 && $0 != 127 || $0 == 9 }) else {
            throw PlacementError(reference: reference, reason: "holds a character that cannot stand in a header")
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
