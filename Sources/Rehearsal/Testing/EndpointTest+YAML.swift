import EventLoop
import Gather
import JSONText

extension EndpointTest {
    /// The test as an element of `tests:`, as a configuration spells it; the first line is `- name: …`.
    /// - Parameter parameters: the names of the path's parameters.
    public func yaml(of endpoint: Endpoint, parameters: [String]) -> String {
        var lines = ["- name: \(Self.text(name))"]
        var parts: [String] = []
        let path = parameters.enumerated().compactMap { index, name in
            request.parameters[index].map { "\(Self.text(name)): \(Self.text($0))" }
        }
        if !path.isEmpty { parts.append("path: { \(path.joined(separator: ", ")) }") }
        if !request.query.isEmpty {
            var names: [String] = []
            for (name, _) in request.query where !names.contains(name) { names.append(name) }
            let query = names.map { name in
                let values = request.query.filter { $0.name == name }.map { Self.text($0.value) }
                return "\(Self.text(name)): " + (values.count == 1 ? values[0] : "[\(values.joined(separator: ", "))]")
            }
            parts.append("query: { \(query.joined(separator: ", ")) }")
        }
        if !request.headers.isEmpty {
            let headers = request.headers.map { "\(Self.text($0.name.rawName)): \(Self.text($0.value))" }
            parts.append("headers: { \(headers.joined(separator: ", ")) }")
        }
        if let body = request.body { parts.append("body: \(Self.flow(body))") }
        if !parts.isEmpty { lines.append("  request: { \(parts.joined(separator: ", ")) }") }
        lines.append("  calls:")
        for call in endpoint.calls {
            guard let replies = replies[call.name], !replies.isEmpty else { continue }
            if replies.count == 1 {
                lines.append("    \(call.name): \(Self.flow(replies[0]))")
            } else {
                lines.append("    \(call.name):")
                lines += replies.map { "      - \(Self.flow($0))" }
            }
        }
        lines.append("  expect:")
        if let status = expected.status { lines.append("    status: \(status)") }
        if let isComplete = expected.isComplete { lines.append("    complete: \(isComplete)") }
        if !expected.outcomes.isEmpty {
            let outcomes = expected.outcomes.map { "\($0.call): \($0.outcome.rawValue)" }
            lines.append("    outcomes: { \(outcomes.joined(separator: ", ")) }")
        }
        if let body = expected.body { lines.append("    body: \(Self.flow(JSONValue(validated: body)))") }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func flow(_ reply: Reply) -> String {
        var parts: [String] = []
        if reply.delay > .zero { parts.append("delay: \(reply.delay.text)") }
        switch reply.end {
        case .response(let status, let body):
            if status != 200 { parts.append("status: \(status)") }
            do throws(JSONError) {
                parts.append("body: \(flow(try JSONValue(validating: body)))")
            } catch {
                parts.append("raw: \(text(String(decoding: body, as: UTF8.self)))")
            }
        case .timeout: parts.append("timeout: true")
        case .unreachable: parts.append("unreachable: true")
        }
        return "{ \(parts.joined(separator: ", ")) }"
    }

    /// A value in YAML's flow style, which is JSON with spaces between its parts.
    private static func flow(_ value: JSONValue) -> String {
        switch value.kind {
        case .object:
            let members = value.members.map { "\(text($0.name)): \(flow($0.value))" }
            return members.isEmpty ? "{}" : "{ \(members.joined(separator: ", ")) }"
        case .array:
            let elements = value.elements.map(flow)
            return elements.isEmpty ? "[]" : "[\(elements.joined(separator: ", "))]"
        case .string: return text(value.string ?? "")
        case .number, .true, .false, .null: return String(decoding: value.text, as: UTF8.self)
        }
    }

    /// A text in double quotes, escaped so that no part of it is taken for a variable.
    private static func text(_ text: String) -> String {
        String(decoding: JSONText.string(text.replacing("${", with: "$${")), as: UTF8.self)
    }
}
