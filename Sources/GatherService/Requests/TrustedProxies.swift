import EventLoop
import Gather
import GatherConfig
import HTTPServer
import HTTPTypes
import HTTPWire

/// The proxies in front of the service, which say in `X-Forwarded-…` or in `Forwarded` for whom they ask: what anybody
/// else says there is not believed.
struct TrustedProxies: Sendable, Equatable {
    private let networks: [IPNetwork]
    /// Whether it is `Forwarded` that they write. Only one of the two is read: the other may come from the client.
    private let readsForwarded: Bool

    init(_ networks: [IPNetwork], readsForwarded: Bool = false) {
        (self.networks, self.readsForwarded) = (networks, readsForwarded)
    }

    init(_ server: ServerSettings) { self.init(server.trustedProxies, readsForwarded: server.readsForwarded) }

    /// For whom a request is made, and how it came to the first of the proxies.
    struct Origin: Equatable {
        /// The addresses that it came by, that of the client first.
        var addresses: String
        /// The same as `Forwarded` has it, if the upstream is told in that.
        var forwarded: String?
        var host: String
        var scheme: String
    }

    func trusts(_ peer: SocketAddress?) -> Bool {
        guard !networks.isEmpty, let peer else { return false }
        return networks.contains { $0.contains(peer) }
    }

    func origin(of request: Request) -> Origin {
        let head = request.head
        let peer = request.peer?.hostText ?? "unknown"
        let host = head.authority.map { String(decoding: $0, as: UTF8.self) } ?? ""
        guard trusts(request.peer) else { return Origin(addresses: peer, host: host, scheme: "http") }
        if readsForwarded {
            let elements = head[.forwarded].flatMap(ForwardedField.init)?.elements ?? []
            let way = elements.compactMap { $0.node.map { Self.address($0)?.hostText ?? $0 } } + [peer]
            return Origin(
                addresses: way.joined(separator: ", "), host: elements.first?.host ?? host,
                scheme: elements.first?.scheme ?? "http")
        }
        return Origin(
            addresses: head[.xForwardedFor].map { $0 + ", " + peer } ?? peer,
            host: head[.xForwardedHost] ?? host, scheme: head[.xForwardedProto] ?? "http")
    }

    /// What references may name of a request, apart from its parts.
    func attributes(of request: Request) -> [RequestAttribute: String] {
        let origin = origin(of: request)
        var random = SystemRandomNumberGenerator()
        return [
            .clientAddress: client(of: request)?.hostText ?? "unknown",
            .id: (request.id ?? RequestID(of: request.head, or: &random)).text, .host: origin.host,
            .scheme: origin.scheme,
        ]
    }

    /// The address of the client: the last on the way that is not a trusted proxy's.
    func client(of request: Request) -> SocketAddress? {
        guard trusts(request.peer) else { return request.peer }
        var client = request.peer
        for hop in way(of: request.head).reversed() {
            guard let address = Self.address(hop) else { break }
            client = address
            if !trusts(address) { break }
        }
        return client
    }

    /// What the proxies say of the addresses that a request came by, that of the client first.
    private func way(of head: RequestHead) -> [String] {
        if readsForwarded {
            // A proxy that does not say whom it asks for ends what is known.
            return head[.forwarded].flatMap(ForwardedField.init)?.elements.map { $0.node ?? "unknown" } ?? []
        }
        return (head[.xForwardedFor] ?? "").split(separator: ",").map { hop in
            String(hop.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
    }

    private static func address(_ text: String) -> SocketAddress? {
        if text.hasPrefix("["), text.hasSuffix("]") {
            return try? SocketAddress(host: String(text.dropFirst().dropLast()), port: 0)
        }
        return (try? SocketAddress(host: text, port: 0)) ?? (try? SocketAddress(text))
    }

    /// The value of `Forwarded` for an upstream: what trusted proxies have said in it, and what we have seen.
    func forwarded(of request: Request) -> String {
        let head = request.head
        let own = ForwardedField.element(
            for: request.peer?.hostText ?? "unknown",
            host: head.authority.map { String(decoding: $0, as: UTF8.self) } ?? "", scheme: "http")
        guard readsForwarded, trusts(request.peer), let earlier = head[.forwarded], !earlier.isEmpty else { return own }
        return earlier + ", " + own
    }
}

extension HTTPField.Name {
    static let forwarded = known("Forwarded")
    static let xForwardedFor = known("X-Forwarded-For")
    static let xForwardedHost = known("X-Forwarded-Host")
    static let xForwardedProto = known("X-Forwarded-Proto")
}
