import EventLoop
import Gather
import HTTPServer
import HTTPTypes
import HTTPWire

/// The proxies in front of the service, which say in `X-Forwarded-…` for whom they ask: what anybody else says there is not believed.
struct TrustedProxies: Sendable {
    private let networks: [IPNetwork]

    init(_ networks: [IPNetwork]) { self.networks = networks }

    /// For whom a request is made, and how it came to the first of the proxies.
    struct Origin: Equatable {
        /// The addresses that it came by, that of the client first.
        var addresses: String
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
        return Origin(
            addresses: head[.xForwardedFor].map { $0 + ", " + peer } ?? peer,
            host: head[.xForwardedHost] ?? host, scheme: head[.xForwardedProto] ?? "http")
    }

    /// What references may name of a request besides its parts.
    func attributes(of request: Request) -> [RequestAttribute: String] {
        let origin = origin(of: request)
        var random = SystemRandomNumberGenerator()
        return [
            .clientAddress: client(of: request)?.hostText ?? "unknown",
            .id: (request.id ?? RequestID(of: request.head, or: &random)).text, .host: origin.host,
            .scheme: origin.scheme,
        ]
    }

    /// The address of the client: the last on the way that is none of a trusted proxy.
    func client(of request: Request) -> SocketAddress? {
        guard trusts(request.peer), let way = request.head[.xForwardedFor] else { return request.peer }
        var client = request.peer
        for hop in way.split(separator: ",").reversed() {
            let text = String(hop.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            guard let address = (try? SocketAddress(host: text, port: 0)) ?? (try? SocketAddress(text)) else { break }
            client = address
            if !trusts(address) { break }
        }
        return client
    }
}

extension HTTPField.Name {
    static let xForwardedFor = known("X-Forwarded-For")
    static let xForwardedHost = known("X-Forwarded-Host")
    static let xForwardedProto = known("X-Forwarded-Proto")

    private static func known(_ name: String) -> Self {
        guard let name = Self(name) else { preconditionFailure("'\(name)' is no header's name") }
        return name
    }
}
