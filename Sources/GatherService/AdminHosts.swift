import EventLoop
import GatherConfig

/// The names under which the admin listener answers browsers.
///
/// A foreign page whose name resolves to this machine (DNS rebinding) has the same origin as the listener, and could
/// read what a browser here may read. Its name cannot be an address, or localhost.
struct AdminHosts {
    private let names: Set<String>

    init(_ server: ServerSettings) {
        names = Set((server.adminHosts + (server.admin.map { [$0.host] } ?? [])).map { $0.lowercased() })
    }

    /// Whether a request's Host is one of the names; one without (HTTP/1.0) comes from no browser.
    func admits(_ authority: ArraySlice<UInt8>?) -> Bool {
        guard let authority = authority.map({ String(decoding: $0, as: UTF8.self).lowercased() }) else { return true }
        let host = authority.hasPrefix("[") ? authority : String(authority.prefix { $0 != ":" })
        return host == "localhost" || host.hasPrefix("[") || names.contains(host)
            || (try? SocketAddress(host: host, port: 0)) != nil
    }
}
