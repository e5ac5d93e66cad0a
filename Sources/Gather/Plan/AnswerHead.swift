public import HTTPTypes
import HTTPWire
import JSONText

/// What the head of an endpoint's answer takes from the responses to its calls.
public struct AnswerHead: Sendable {
    /// The status of a successful answer.
    public var status: Status?
    /// Fields of successful answers, with a template for each line.
    public var fields: [(name: HTTPField.Name, values: [TextTemplate])] = []

    public enum Status: Sendable, Equatable {
        case fixed(Int)
        /// That of a call.
        case call(Int)
    }

    public init() {}

    public var references: [Reference] { fields.flatMap { $0.values.flatMap(\.references) } }

    /// The parts of a source that ``fields`` refer to.
    func paths(into source: Reference.Source) -> [JSONPath] {
        references.filter { $0.source == source }.compactMap { reference in
            guard reference.call != nil else { return reference.path }
            guard case .body(let path) = Self.part(of: reference) else { return nil }
            return path
        }
    }

    /// A part of a call's response, as a reference within ``fields`` names it.
    public enum Part: Sendable, Equatable {
        case status
        case header(HTTPField.Name)
        /// Its body after shaping, or a part of that.
        case body(JSONPath)
    }

    /// The part that a reference to a call means here: `order.status`, `order.header.location`, `order.body.id`; nil
    /// for anything else.
    public static func part(of reference: Reference) -> Part? {
        let steps = reference.path.steps
        switch (steps.first, steps.count) {
        case (.key("status"), 1): return .status
        case (.key("header"), 2):
            guard case .key(let name) = steps[1] else { return nil }
            return HTTPField.Name(name).map { .header($0) }
        case (.key("body"), _): return .body(JSONPath(steps: Array(steps.dropFirst())))
        default: return nil
        }
    }
}

/// How much of a call's response is kept for the head of the answer.
public enum KeptResponse: Sendable, Equatable {
    case nothing
    /// The fields and body of a failure.
    case failures
    /// The fields of every response, and the body of a failure.
    case all
}

/// The parts of a response that were kept.
final class ResponseRest: Sendable {
    let fields: FieldSection
    /// The body of a failure.
    let body: [UInt8]

    /// Nil if nothing is kept.
    init?(_ response: ClientResponse, _ kept: KeptResponse) {
        let isSuccess = (200..<300).contains(response.status)
        if kept == .nothing || kept == .failures && isSuccess { return nil }
        (fields, body) = (response.fields, isSuccess ? [] : response.body)
    }
}

/// What an answer takes from the responses to calls, apart from its body.
public struct PassedOn: Sendable {
    /// The status in place of 200.
    public var status: Int?
    public var fields = FieldSection()
    /// The body of the call that decided, in place of a problem document.
    public var body: [UInt8]?
}

extension AnswerHead {
    /// The head of a successful answer.
    func passedOn(_ values: Values, _ reports: [CallReport], _ rests: [Int: ResponseRest]) -> PassedOn {
        var passed = PassedOn()
        switch status {
        case .fixed(let status): passed.status = status
        // Others say something of a part of a body, or of a form to be filled in again.
        case .call(let call): passed.status = reports[call].status.flatMap { (200...204).contains($0) ? $0 : nil }
        case nil: break
        }
        for (name, templates) in fields {
            for template in templates {
                for value in Self.lines(of: template, values, reports, rests) {
                    // One that cannot stand in a field is left out: it is an upstream's, and not the client's fault.
                    try? passed.fields.append(name, value)
                }
            }
        }
        return passed
    }

    /// A field's values: several if it is that of a call which has it several times, none if what it refers to is
    /// missing.
    private static func lines(
        of template: TextTemplate, _ values: Values, _ reports: [CallReport], _ rests: [Int: ResponseRest]
    ) -> [String] {
        if let sole = template.soleReference, case .call(let call) = sole.source,
            case .header(let name)? = part(of: sole)
        {
            guard let fields = rests[call]?.fields, reports[call].outcome == .ok else { return [] }
            return fields.filter { name.canonicalName == String(decoding: $0.name, as: UTF8.self).lowercased() }
                .map { String(decoding: $0.value, as: UTF8.self) }
        }
        var text = ""
        for part in template.parts {
            switch part {
            case .literal(let literal): text += literal
            case .reference(let reference):
                guard let value = self.text(of: reference, values, reports, rests) else { return [] }
                text += value
            }
        }
        return [text]
    }

    private static func text(
        of reference: Reference, _ values: Values, _ reports: [CallReport], _ rests: [Int: ResponseRest]
    ) -> String? {
        guard case .call(let call) = reference.source, let part = part(of: reference) else {
            return (try? values.text(reference, within: .field)) ?? nil
        }
        switch part {
        case .status: return reports[call].status.map { String($0) }
        case .header(let name): return reports[call].outcome == .ok ? rests[call]?.fields[name] : nil
        case .body(let path):
            let inside = Reference(
                source: reference.source, path: path, fallback: reference.fallback, text: reference.text)
            return (try? values.text(inside, within: .field)) ?? nil
        }
    }
}

extension ResponseRest {
    /// What of a failed call's response the answer has that has its status (RFC 9110 §11.6.1, §10.2.3).
    func passedOn(withBody: Bool) -> PassedOn {
        var passed = PassedOn()
        var names: [HTTPField.Name] = [.wwwAuthenticate, .retryAfter]
        if withBody {
            names += [.contentType, .contentLanguage, .contentEncoding]
            passed.body = body
        }
        let wanted = names.map(\.canonicalName)
        for (name, value) in fields where wanted.contains(String(decoding: name, as: UTF8.self).lowercased()) {
            try? passed.fields.append(name.span, value.span)
        }
        return passed
    }
}
