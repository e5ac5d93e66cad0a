import EventLoop
import Gather
import HTTPServer
import HTTPTypes
import HTTPWire

extension ProxyEndpoint {
    /// The request to the upstream that a client's becomes.
    /// - Parameter body: the whole body, if it is short; a longer one follows the head.
    /// - Throws: what is wrong with the client's request.
    func request(
        _ head: RequestHead, _ parameters: [String], body: [UInt8]?
    ) throws(RequestFault) -> ClientRequest {
        let (path, set) = try render(RequestInput(head: head, parameters: parameters, body: nil))
        var target = path
        if let query = head.query {
            let forwarded = forwardedQuery.of(query)
            if !forwarded.isEmpty {
                target += target.utf8.contains(UInt8(ascii: "?")) ? "&" : "?"
                target += String(decoding: forwarded, as: UTF8.self)
            }
        }
        let replaced = set.map { Array($0.name.canonicalName.utf8) }
        var fields = FieldSection(forwarding: head) { name in
            !replaced.contains { name.isSame(as: $0.span) } && forwardedFields.contains(name)
        }
        do {
            for (name, value) in set { try fields.append(name, value) }
            var request = try ClientRequest(head.method, target: target, fields: fields, body: body)
            request.keptFields = .always
            if body == nil { request.streamed = head.framing }
            return request
        } catch {
            throw RequestFault(description: "the request cannot be passed on: \(error)")
        }
    }
}

extension ForwardedNames {
    /// Whether a field is sent on.
    fileprivate func contains(_ name: Span<UInt8>) -> Bool {
        switch self {
        case .all: true
        case .only(let names): names.contains { name.isSame(as: $0.utf8Span.span) }
        }
    }

    /// The parameters of a query that are sent on, as the client wrote them.
    fileprivate func of(_ query: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard case .only(let names) = self else { return query }
        var kept: [UInt8] = []
        for item in QueryItems(query) where names.contains(where: item.isNamed) {
            if !kept.isEmpty { kept.append(UInt8(ascii: "&")) }
            kept += query[item.encodedName.startIndex..<item.encodedValue.endIndex]
        }
        return kept[...]
    }
}

extension Span<UInt8> {
    /// Whether two names of fields are the same, in any letter case.
    fileprivate func isSame(as other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where Self.lowercased(self[index]) != Self.lowercased(other[index]) { return false }
        return true
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte | 0x20 : byte }
}
