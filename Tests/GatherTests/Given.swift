import HTTPTypes
import JSONText

@testable import Gather

/// The calls of an endpoint in short form, to be changed before it is made. Its path has the parameters `id` and
/// `name`.
struct Given {
    let scope: ReferenceScope
    var calls: [Call] = []

    init(_ targets: KeyValuePairs<String, String>) throws { try self.init(targets.map { ($0.key, $0.value) }) }

    init(_ targets: [(name: String, target: String)]) throws {
        scope = ReferenceScope(pathParameters: ["id", "name"], calls: targets.map(\.name), hasItem: true)
        for (name, target) in targets {
            calls.append(Call(name: name, upstream: 0, target: try TargetTemplate(target, in: scope)))
        }
    }

    subscript(name: String) -> Call {
        get { calls[index(name)] }
        set { calls[index(name)] = newValue }
    }

    func endpoint(_ change: (inout Endpoint) -> Void = { _ in }) throws -> Endpoint {
        var endpoint = try Endpoint(path: "/{id}/{name}", calls: calls)
        change(&endpoint)
        return endpoint
    }

    /// A text of a tree, as the configuration takes it: a reference alone keeps its type.
    func value(_ text: String) throws -> JSONTemplate {
        let template = try TextTemplate(text, in: scope)
        return template.soleReference.map { .reference($0) } ?? .text(template)
    }

    /// A reference alone: `{query.full}`.
    func reference(_ text: String) throws -> Reference? { try TextTemplate(text, in: scope).soleReference }

    /// Has a call made for each element of a list.
    mutating func setList(_ name: String, _ list: String, _ change: (inout Foreach) throws -> Void = { _ in }) throws {
        guard let reference = try reference(list) else { preconditionFailure("\(list) is no reference") }
        var foreach = Foreach(list: reference)
        try change(&foreach)
        self[name].foreach = foreach
    }

    /// An object of such texts.
    func object(_ members: KeyValuePairs<String, String>) throws -> JSONTemplate {
        .object(try members.map { JSONTemplate.Member(name: $0.key, value: try value($0.value)) })
    }

    private func index(_ name: String) -> Int {
        guard let index = scope.calls.firstIndex(of: name) else { preconditionFailure("no call '\(name)'") }
        return index
    }
}

/// A client's request.
struct Input: GatherInput, Sendable {
    var path = ["1", "x"]
    var query: [(name: String, value: String)] = []
    var headers: [HTTPField.Name: String] = [:]
    var json: String?
    /// The body that stands instead, with what is looked for in it found in advance, as the service has it of a large
    /// one.
    var known: JSONValue?

    func pathParameter(_ index: Int) -> String { path[index] }
    func queryValues(_ name: String) -> [String] { query.filter { $0.name == name }.map(\.value) }
    func header(_ name: HTTPField.Name) -> String? { headers[name] }
    var body: JSONValue? { known ?? json.map { JSONValue(validated: Array($0.utf8)) } }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

func fallback(_ json: String) -> Fallback { .json(bytes(json)) }
