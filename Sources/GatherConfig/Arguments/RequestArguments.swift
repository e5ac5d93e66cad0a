import Gather
import HTTPTypes
import JSONText
import Rehearsal

/// Reads a request from the command line, in place of a client's.
public enum RequestArguments {
    /// - Parameters:
    ///   - assignments: `query.page=2`, `header.X-Tenant=acme`, `path.id=7`.
    ///   - body: the request body, which is JSON.
    /// - Throws: ``UsageError``.
    public static func read(
        _ assignments: [String], body: String?, for endpoint: Endpoint
    ) throws(UsageError) -> GivenRequest {
        var request = GivenRequest()
        for assignment in assignments { try set(assignment, in: &request, for: endpoint) }
        guard let body else { return request }
        guard endpoint.readsBody else {
            throw UsageError("--body", "the endpoint does not use the request's body", "leave it out")
        }
        do throws(JSONError) {
            request.body = try JSONValue(validating: Array(body.utf8))
        } catch {
            throw UsageError("--body", "it is \(error)", "write JSON, as in --body '{\"id\": 1}'")
        }
        return request
    }

    private static func set(
        _ assignment: String, in request: inout GivenRequest, for endpoint: Endpoint
    ) throws(UsageError) {
        let argument = "--set \(quoted(assignment))"
        guard let equals = assignment.firstIndex(of: "="), let dot = assignment[..<equals].firstIndex(of: ".") else {
            throw UsageError(argument, "nothing is set here", "write it as in --set query.page=2")
        }
        let name = String(assignment[assignment.index(after: dot)..<equals])
        let value = String(assignment[assignment.index(after: equals)...])
        let known = endpoint.clientNames
        func check(_ kind: String, _ names: [String], ignoringCase: Bool = false) throws(UsageError) {
            guard !names.contains(where: { ignoringCase ? $0.lowercased() == name.lowercased() : $0 == name }) else {
                return
            }
            throw UsageError(
                argument, "the endpoint takes no \(kind) '\(name)'",
                names.isEmpty ? "it takes none at all: leave it out" : remedy(for: name, among: names))
        }
        switch assignment[..<dot] {
        case "query":
            if !endpoint.clientValues.takesAnyQuery { try check("query parameter", known.query) }
            request.query.append((name, value))
        case "header":
            if !endpoint.clientValues.takesAnyField { try check("header", known.headers, ignoringCase: true) }
            if let field = HTTPField.Name(name) { request.headers.append((field, value)) }
        case "jwt":
            guard endpoint.access?.tokens != nil else {
                throw UsageError(argument, "the endpoint verifies no tokens", "leave it out")
            }
            request.identity = Identity(claims: claims(of: request.identity, adding: name, value))
        case "key":
            guard endpoint.access?.keys != nil, name == "name" else {
                throw UsageError(argument, "the endpoint has no '\(assignment[..<equals])'", "leave it out")
            }
            request.identity = Identity(key: value)
        case "path":
            try check("path parameter", known.path)
            if let index = known.path.firstIndex(of: name) { request.parameters[index] = value }
        default:
            throw UsageError(
                argument, "\(quoted(String(assignment[..<dot]))) is not a part of a request",
                "write query.NAME, header.NAME or path.NAME; the body is --body")
        }
    }

    /// A token's claims with one more, whose value is JSON if it can be read as that, or else a string.
    private static func claims(of identity: Identity?, adding name: String, _ value: String) -> JSONValue {
        let known = identity?.claims.map { Array($0.members) } ?? []
        let claim = try? JSONValue(validating: Array(value.utf8))
        var text: [UInt8] = []
        JSONText.append(to: &text) { json in
            json.object { json in
                for member in known where member.name != name { json.member(member.name, member.value) }
                if let claim { json.member(name, claim) } else { json.member(name, value) }
            }
        }
        return JSONValue(validated: text)
    }
}

extension Endpoint {
    /// The names of what the endpoint takes from a client; the path's parameters are in their order in the path.
    var clientNames: (path: [String], query: [String], headers: [String]) {
        let taken = clientValues
        let parameters = (try? RoutePath(path))?.parameters ?? []
        return (parameters, taken.query.sorted(), taken.headers.map(\.rawName).sorted())
    }
}
