import Glibc

/// An IP address as text, which is how libcurl takes it.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// `192.0.2.1`, `2001:db8::1` or `fe80::1%eth0`.
    public let text: String

    public init(_ text: String) { self.text = text }

    public var isIPv6: Bool { text.utf8.contains(UInt8(ascii: ":")) }

    public var description: String { text }

    /// The address that a URL's host is, if it is one: an IPv6 address stands in brackets there (RFC 3986 §3.2.2).
    init?(literal host: String) {
        let inner = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        var (v4, v6) = (in_addr(), in6_addr())
        // inet_pton writes one structure of the family that it is given.
        guard unsafe inet_pton(AF_INET, inner, &v4) == 1 || inet_pton(AF_INET6, inner, &v6) == 1 else { return nil }
        text = inner
    }

    /// In the order in which they are tried: as given, but the families alternate (RFC 8305 §4), so that a network
    /// without one of them costs one attempt.
    static func interleaved(_ addresses: [IPAddress]) -> [IPAddress] {
        guard let first = addresses.first else { return [] }
        let leading = addresses.filter { $0.isIPv6 == first.isIPv6 }
        let others = addresses.filter { $0.isIPv6 != first.isIPv6 }
        var order: [IPAddress] = []
        for index in 0..<max(leading.count, others.count) {
            if index < leading.count { order.append(leading[index]) }
            if index < others.count { order.append(others[index]) }
        }
        return order
    }
}
