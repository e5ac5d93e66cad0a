import Gather
import HTTPTypes
import HTTPWire

/// Makes a `Location` that points at the upstream point at us (RFC 9110 §10.2.2).
///
/// The upstream's host is dropped. The path becomes ours where it begins as the proxied ones do:
/// with `path: /shop/{rest...}` and `proxy: "shop:/v1/{path.rest}"`, `http://10.0.0.1:9100/v1/orders/5` becomes
/// `/shop/orders/5`. Any other location belongs to someone else, and stays as it is.
struct ProxyLocation: Sendable {
    /// Host and port as a location may have them.
    private let authorities: [String]
    /// What the paths of the upstream begin with, and ours in their place; nil if none of the upstream's has one of
    /// ours.
    private let beginnings: (theirs: [UInt8], ours: [UInt8])?

    /// - Parameter host: one of the upstream's, where the answer came from.
    init(_ proxy: ProxyEndpoint, hosts: [Origin], from host: Origin) {
        authorities = hosts.flatMap(\.authorities)
        beginnings = proxy.correspondingBeginnings.map {
            (Array((host.prefix + $0.upstream).utf8), Array($0.own.utf8))
        }
    }

    /// The location in our terms; nil if it stays as it is.
    func rewritten(_ location: ArraySlice<UInt8>) -> [UInt8]? {
        var path = location
        var isAbsolute = false
        if let authority = Self.authority(of: location) {
            let text = String(decoding: location[authority], as: UTF8.self).lowercased()
            guard authorities.contains(text) else { return nil }
            path = location[authority.upperBound...]
            isAbsolute = true
        }
        // Without a host, only a location that begins with a slash says where it leads; after `//` comes a host.
        guard isAbsolute || path.first == UInt8(ascii: "/") else { return nil }
        if let (theirs, ours) = beginnings, path.starts(with: theirs) {
            let rest = path.dropFirst(theirs.count)
            let isWhole = theirs.last == UInt8(ascii: "/") || rest.isEmpty || "/?#".utf8.contains(rest.first ?? 0)
            if isWhole { return ours + rest }
        }
        guard isAbsolute else { return nil }
        // `//` at its beginning would be another host.
        let rest = path.drop { $0 == UInt8(ascii: "/") }
        return [UInt8(ascii: "/")] + rest
    }

    /// Where host and port are in `http://host:port/path`, or in `//host:port/path`.
    private static func authority(of location: ArraySlice<UInt8>) -> Range<Int>? {
        for scheme in ["http://", "https://", "//"] {
            let prefix = location.prefix(scheme.utf8.count)
            guard prefix.count == scheme.utf8.count,
                zip(prefix, scheme.utf8).allSatisfy({ $0 | 0x20 == $1 | 0x20 })
            else { continue }
            let rest = location.dropFirst(prefix.count)
            return rest.startIndex..<(rest.firstIndex { "/?#".utf8.contains($0) } ?? rest.endIndex)
        }
        return nil
    }
}

extension ProxyEndpoint {
    /// What the upstream's paths begin with, and ours, up to the first parameter if that is the same in both; all of
    /// them if there is no base.
    fileprivate var correspondingBeginnings: (upstream: String, own: String)? {
        guard let first = target.references.first else { return (target.beginning, path) }
        guard case .path(0) = first.source else { return nil }
        return (target.beginning, String(path.prefix { $0 != "{" }))
    }
}
