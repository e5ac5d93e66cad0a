/// A host and a port to listen on.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// A host name or an IP address; an IPv6 address without its brackets.
    public var host: String
    /// 0 lets the kernel choose.
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port`, `[v6]:port`, `:port` (every IPv4 address of the machine) and `port` (127.0.0.1, so that a
    /// service is open to a network only if that is asked for); nil for anything else.
    public init?(_ text: String) {
        let text = text.first == ":" ? "0.0.0.0" + text : text.contains(":") ? text : "127.0.0.1:" + text
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy(\.isDigit), let port = UInt16(digits)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":"), host.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else { return nil }
        } else {
            guard !host.isEmpty, host.utf8.allSatisfy({ Name.isNameByte($0) || $0 == UInt8(ascii: ".") })
            else { return nil }
        }
        self.init(host: String(host), port: port)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
