/// Where a service is reached: a scheme with a host and port, or a Unix socket.
///
/// Written `http://host[:port][/prefix]`, `https://host[:port][/prefix]` or `unix:/path/to/socket`.
public struct Origin: Sendable, Hashable, CustomStringConvertible {
    /// The part of a URL before its path: `http://127.0.0.1:9100`, and `http://localhost` for a Unix socket.
    public let base: String
    /// The prefix of every path on this origin; empty, or a path without a trailing slash.
    public let prefix: String
    /// The Unix socket to connect to in place of the host.
    public let socketPath: String?

    /// Reads an origin from its text form.
    /// - Throws: `TemplateError` that says what is wrong with it.
    public init(_ text: String) throws(TemplateError) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst("unix:".count))
            guard path.hasPrefix("/"), path.utf8.count < 108 else {
                throw TemplateError(column: 6, "a Unix socket is written unix:/absolute/path, of at most 107 bytes")
            }
            (base, prefix, socketPath) = ("http://localhost", "", path)
            return
        }
        guard let scheme = ["http://", "https://"].first(where: text.hasPrefix) else {
            throw TemplateError(column: 1, "a host must begin with http://, https:// or unix:/")
        }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" }
        let path = rest.dropFirst(authority.count)
        guard Self.isAuthority(authority) else {
            throw TemplateError(
                column: scheme.count + 1, "'\(authority)' is not a host with an optional port, such as 127.0.0.1:9100")
        }
        let plain = path.utf8.allSatisfy { URLCharacters.isPath($0) }
        guard plain, !path.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }) else {
            throw TemplateError(
                column: text.count - path.count + 1, "'\(path)' is not a path that can stand before a call's own")
        }
        base = scheme + authority
        prefix = String(path.reversed().drop { $0 == "/" }.reversed())
        socketPath = nil
    }

    public var description: String { socketPath.map { "unix:" + $0 } ?? base + prefix }

    /// The host and port, or the socket's path: for messages about one of an upstream's hosts.
    var shortName: String { socketPath ?? String(base.drop { $0 != "/" }.dropFirst(2)) }

    /// Host and port as a URL may have them: the port that a scheme has by itself may be left out. None for a socket.
    package var authorities: [String] {
        guard socketPath == nil, let scheme = ["http://", "https://"].first(where: base.hasPrefix) else { return [] }
        let authority = String(base.dropFirst(scheme.count)).lowercased()
        let port = scheme == "http://" ? ":80" : ":443"
        if authority.hasSuffix(port) { return [authority, String(authority.dropLast(port.count))] }
        let hasPort = authority.hasSuffix("]") ? false : authority.contains(":")
        return hasPort ? [authority] : [authority, authority + port]
    }

    /// What follows host and port in a URL, if they are this origin's, and so is the scheme if there is one.
    func path(of url: Substring) -> Substring? {
        let scheme = base.hasPrefix("https:") ? "https://" : "http://"
        let start = url.hasPrefix("//") ? "//" : scheme
        guard url.prefix(start.count).lowercased() == start else { return nil }
        let rest = url.dropFirst(start.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        return authorities.contains(authority.lowercased()) ? rest.dropFirst(authority.count) : nil
    }

    private static func isAuthority(_ text: Substring) -> Bool {
        var host = text
        if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
            let digits = text[text.index(after: colon)...]
            // Swift reads a sign as well; a URL's port is digits alone (RFC 3986 §3.2.3).
            guard digits.first?.isNumber == true, let port = UInt16(digits), port > 0 else { return false }
            host = text[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            return host.count > 3 && host.dropFirst().dropLast().allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
        }
        return !host.isEmpty
            && host.utf8.allSatisfy { URLCharacters.isUnreserved($0) && $0 != UInt8(ascii: "~") }
    }
}
