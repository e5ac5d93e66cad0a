import Gather
import HTTPTypes
import HTTPWire
import JSONText

/// A client's request as the references of an endpoint see it.
struct RequestInput: GatherInput {
    let head: RequestHead
    let parameters: [String]
    let body: JSONValue?
    var identity: Identity?
    /// What else is known of it, if that is asked for.
    var attributes: [RequestAttribute: String] = [:]

    func pathParameter(_ index: Int) -> String { parameters[index] }

    func queryValues(_ name: String) -> [String] {
        guard head.query != nil else { return [] }
        return QueryItems(head.query).compactMap { $0.isNamed(name) ? $0.value : nil }
    }

    func fields(where isWanted: (Span<UInt8>) -> Bool) -> FieldSection {
        guard let field = identity?.keyField else { return FieldSection(forwarding: head, where: isWanted) }
        let key = ForwardedNames([field.rawName])
        return FieldSection(forwarding: head) { isWanted($0) && !key.contains(alias: $0) }
    }

    var queryText: String {
        guard let query = head.query else { return "" }
        return String(decoding: query.without(identity?.keyParameter), as: UTF8.self)
    }

    func attribute(_ name: RequestAttribute) -> String? { name == .key ? identity?.key : attributes[name] }

    func header(_ name: HTTPField.Name) -> String? { head[name] }
}

extension ArraySlice<UInt8> {
    /// A query without the parameters of a name, if one is given.
    func without(_ name: String?) -> ArraySlice<UInt8> { name.map { name in parameters { !$0.isNamed(name) } } ?? self }

    /// A query with some of its parameters, as they were written.
    func parameters(where isKept: (QueryItem) -> Bool) -> ArraySlice<UInt8> {
        var kept: [UInt8] = []
        for item in QueryItems(self) where isKept(item) {
            if !kept.isEmpty { kept.append(UInt8(ascii: "&")) }
            kept += self[item.encodedName.startIndex..<item.encodedValue.endIndex]
        }
        return kept[...]
    }
}

extension RequestHead {
    /// Says which value that an endpoint takes is not text once it is decoded; nil if none is.
    ///
    /// Such a value must not be taken for one that is missing: a filter would be gone.
    func undecodable(of taken: ClientValues) -> String? {
        if let query, !taken.query.isEmpty, query.contains(where: { $0 == UInt8(ascii: "%") || $0 >= 0x80 }) {
            for item in QueryItems(query) where item.value == nil {
                guard let name = taken.query.first(where: item.isNamed) else { continue }
                return "query.\(name) is not percent-encoded UTF-8"
            }
        }
        guard !taken.headers.isEmpty else { return nil }
        for (name, value) in fieldLines where value.contains(where: { $0 >= 0x80 }) {
            guard String(validating: value, as: UTF8.self) == nil,
                let sent = HTTPField.Name(String(decoding: name, as: UTF8.self)),
                let taken = taken.headers.first(where: { $0 == sent })
            else { continue }
            return "header.\(taken.rawName) is not UTF-8"
        }
        return nil
    }

    /// How the request's body is encoded, if it is (RFC 9110 §8.4).
    var contentCoding: String? {
        guard let coding = self[.contentEncoding], !coding.isEmpty, coding.lowercased() != "identity" else {
            return nil
        }
        return coding
    }
}
