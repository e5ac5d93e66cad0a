import Glibc

/// The address of a stream socket: an IP address with a port, or a path.
public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    enum Host: Hashable {
        /// In network order, as the kernel has them.
        case ipv4(in_addr_t)
        case ipv6(UInt64, UInt64)
        case path(String)
    }

    let host: Host
    /// The TCP port; nil for a path. Port 0 lets the kernel choose when it is listened on.
    public let port: UInt16?

    /// How many bytes a path may have: `sun_path` ends with a NUL.
    private static let pathLimit = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// An IPv4 or IPv6 address as text, without brackets, and a port.
    public init(host: String, port: UInt16) throws(SocketAddressError) {
        var (v4, v6) = (in_addr(), in6_addr())
        // inet_pton writes one structure of the family that it is given.
        if unsafe inet_pton(AF_INET, host, &v4) == 1 {
            self.host = .ipv4(v4.s_addr)
        } else if unsafe inet_pton(AF_INET6, host, &v6) == 1 {
            self.host = unsafe withUnsafeBytes(of: v6) { bytes in
                unsafe .ipv6(bytes.load(as: UInt64.self), bytes.load(fromByteOffset: 8, as: UInt64.self))
            }
        } else {
            throw .notLiteral(host)
        }
        self.port = port
    }

    /// The path of a Unix socket.
    public init(path: String) throws(SocketAddressError) {
        guard (1...Self.pathLimit).contains(path.utf8.count), !path.utf8.contains(0) else { throw .badPath(path) }
        host = .path(path)
        port = nil
    }

    /// Reads `127.0.0.1:8080`, `[::1]:8080` or `unix:/path`. Host names are for ``resolve(_:)``.
    public init(_ text: String) throws(SocketAddressError) {
        switch try Self.parse(text) {
        case .path(let path): try self.init(path: path)
        case .host(let host, let port): try self.init(host: host, port: port)
        }
    }

    /// The address with another port; a path has none.
    func with(port: UInt16) -> SocketAddress {
        if case .path = host { self } else { SocketAddress(host: host, port: port) }
    }

    init(host: Host, port: UInt16?) {
        self.host = host
        self.port = port
    }

    public var description: String {
        let port = port ?? 0
        switch host {
        case .path(let path): return "unix:\(path)"
        case .ipv4(let address): return "\(Self.text(AF_INET, in_addr(s_addr: address))):\(port)"
        case .ipv6(let high, let low): return "[\(Self.text(AF_INET6, (high, low)))]:\(port)"
        }
    }

    private static func text<Address>(_ family: CInt, _ address: Address) -> String {
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        // The buffer holds the longest text of an address, with its NUL.
        unsafe withUnsafeBytes(of: address) { bytes in
            _ = unsafe inet_ntop(family, bytes.baseAddress, &buffer, socklen_t(buffer.count))
        }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    // MARK: Text

    enum Parts {
        case host(String, UInt16)
        case path(String)
    }

    /// Takes an address apart; the host may be a name.
    static func parse(_ text: String) throws(SocketAddressError) -> Parts {
        if text.hasPrefix("unix:") { return .path(String(text.dropFirst(5))) }
        guard let colon = text.lastIndex(of: ":") else { throw .noPort(text) }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }), let port = UInt16(digits) else {
            throw .badPort(text)
        }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        // Without brackets it is unclear where an IPv6 address ends and its port begins.
        guard host.contains(":") == isBracketed else { throw .badBrackets(text) }
        return .host(String(host), port)
    }
}

/// What is wrong with the text of a socket address.
public enum SocketAddressError: Error, Hashable, Sendable, CustomStringConvertible {
    case noPort(String)
    case badPort(String)
    case badBrackets(String)
    case badPath(String)
    case notLiteral(String)
    /// A name that could not be resolved, with the resolver's code (EAI_…).
    case unresolved(String, code: CInt)

    public var description: String {
        switch self {
        case .noPort(let text): "'\(text)' has no port: write host:port, [v6]:port or unix:/path"
        case .badPort(let text): "the port of '\(text)' is not a number from 0 to 65535"
        case .badBrackets(let text): "'\(text)': only an IPv6 address goes in brackets: write [::1]:80"
        case .badPath(let path): "'\(path)' is not a path for a Unix socket, which has 1 to 107 bytes, none of them NUL"
        case .notLiteral(let host): "'\(host)' is neither an IPv4 nor an IPv6 address: a name has to be resolved first"
        case .unresolved(let host, let code):
            "'\(host)' does not resolve: \(unsafe String(cString: gai_strerror(code)))"
        }
    }
}
