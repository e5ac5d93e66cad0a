import EventLoop
import Gather
import HTTPServer
import HTTPTypes
import HTTPWire

extension ProxyEndpoint {
    /// The request to the upstream that a client's becomes.
    /// - Parameters:
    ///   - origin: for whom it is made, if the upstream is told.
    ///   - body: the whole body, if it is short; a longer one follows the head.
    /// - Throws: what is wrong with the client's request.
    func request(
        _ head: RequestHead, _ parameters: [String], for origin: TrustedProxies.Origin?,
        of identity: Identity? = nil, attributes: [RequestAttribute: String] = [:], body: [UInt8]?
    ) throws(RequestFault) -> ClientRequest {
        let (path, set) = try render(
            RequestInput(
                head: head, parameters: parameters, body: nil, identity: identity, attributes: attributes))
        var target = path
        if let query = head.query {
            let forwarded = forwardedQuery.of(forwardedQuery.isAll ? query.without(identity?.keyParameter) : query)
            if !forwarded.isEmpty {
                target += target.utf8.contains(UInt8(ascii: "?")) ? "&" : "?"
                target += String(decoding: forwarded, as: UTF8.self)
            }
        }
        var replaced = set.map { Array($0.name.canonicalName.utf8) }
        // A key is ours, unless the file says that the upstream is to have it.
        if let key = identity?.keyField,
            !ForwardedNames(forwardedFields.names).contains(field: key.rawName.utf8Span.span)
        {
            replaced.append(Array(key.canonicalName.utf8))
        }
        var fields = FieldSection(forwarding: head) { name in
            !replaced.contains { name.isSame(as: $0.span) } && forwardedFields.contains(field: name)
                && (origin == nil || !Self.ofOrigins.contains(field: name))
        }
        do {
            for (name, value) in set { try fields.append(name, value) }
            if let origin {
                try fields.append(.xForwardedFor, origin.addresses)
                try fields.append(.xForwardedHost, origin.host)
                try fields.append(.xForwardedProto, origin.scheme)
                if let forwarded = origin.forwarded { try fields.append(.forwarded, forwarded) }
            }
            var request = try ClientRequest(head.method, target: target, fields: fields, body: body)
            request.keptFields = .always
            if body == nil { request.streamed = head.framing }
            return request
        } catch {
            throw RequestFault(description: "the request cannot be passed on: \(error)")
        }
    }
}

extension ProxyEndpoint {
    /// What a client says about that itself is part of ours, if it is trusted. To upstreams that follow CGI (RFC 3875
    /// §4.1.18) a name with `_` is the same.
    fileprivate static let ofOrigins = ForwardedNames(
        ["forwarded"], prefixes: ["x-forwarded-", "x_forwarded_", "x_forwarded-", "x-forwarded_"])
}

extension ForwardedNames {
    /// The parameters of a query that are sent on, as the client wrote them.
    fileprivate func of(_ query: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        if isAll { return query }
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
