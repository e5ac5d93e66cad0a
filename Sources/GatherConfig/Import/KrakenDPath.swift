import Gather

/// A path of theirs as ours, with the names of its parameters.
struct KrakenDPath {
    let text: String
    let shape: String
    /// What their parameters are called here.
    let parameters: [String: String]

    /// - Throws: `TemplateError` if there can be none like it.
    init(_ spelling: String) throws(TemplateError) {
        var parameters: [String: String] = [:]
        var segments: [String] = []
        for segment in spelling.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            if segment.hasPrefix("{"), segment.hasSuffix("}"), !segment.dropFirst().dropLast().contains("{") {
                let theirs = String(segment.dropFirst().dropLast())
                let ours =
                    Name.isValid(theirs)
                    ? theirs : "p-" + theirs.map { Name.isValid("_\($0)") ? String($0) : "-" }.joined()
                parameters[theirs] = ours
                segments.append("{\(ours)}")
            } else {
                segments.append(String(segment))
            }
        }
        text = "/" + segments.joined(separator: "/")
        shape = try RoutePath(text).shape
        self.parameters = parameters
    }
}
