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
            let forwarded =
                forwardedQuery.isAll
                ? query.without(identity?.keyParameter)
                : query.parameters { item in forwardedQuery.names.contains(where: item.isNamed) }
            if !forwarded.isEmpty {
                target += target.utf8.contains(UInt8(ascii: "?")) ? "&" : "?"
                target += String(decoding: forwarded, as: UTF8.self)
            }
        }
        var replaced = ForwardedNames(set.map(\.name.rawName))
        // A key is ours, unless the file says that the upstream is to have it.
        if let key = identity?.keyField,
            !ForwardedNames(forwardedFields.names).contains(field: key.rawName.utf8Span.span)
        {
            replaced.names.append(key.rawName)
        }
        var fields = FieldSection(forwarding: head) { name in
            forwardedFields.contains(field: name) && !replaced.contains(alias: name)
                && !Self.ofFraming.contains(alias: name)
                && (origin == nil || !Self.ofOrigins.contains(alias: name))
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
    /// What an upstream must not take for the length of the body.
    fileprivate static let ofFraming = ForwardedNames(["content-length", "transfer-encoding"])
    /// What a client says about that itself is part of ours, if it is trusted.
    fileprivate static let ofOrigins = ForwardedNames(["forwarded"], prefixes: ["x-forwarded-"])
}
