import CPlatform
import EventLoop
import Glibc

/// A listening TCP socket, which the servers of several loops may share.
///
/// It is one socket and not one for each loop (SO_REUSEPORT): a second process on the same port is an error that is seen, and
/// no connection is lost with the queue of a loop that stops.
public final class Listener: Sendable {
    let fd: CInt
    /// The port that it got, when it was asked for port 0.
    public let port: UInt16
    /// The address as it was given, with the port that it got.
    public let address: String

    /// Listens on `host:port` or `[host]:port`.
    /// - Throws: `SystemError` if the name does not resolve or the address cannot be bound.
    public init(_ address: String) throws(SystemError) {
        guard let colon = address.lastIndex(of: ":"), let port = UInt16(address[address.index(after: colon)...]) else {
            throw SystemError("listen address", code: EINVAL)
        }
        var host = address[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        fd = try Self.open(String(host), port)
        self.port = try Self.boundPort(fd)
        self.address = "\(address[..<colon]):\(self.port)"
    }

    deinit { close(fd) }

    /// Refuses connections from now on; those that wait in the queue are reset.
    func stop() { shutdown(fd, CInt(SHUT_RDWR)) }

    enum Accepted {
        case connection(CInt)
        case none
        /// No descriptor or memory is left for it, or another error that may pass.
        case exhausted
        /// ``stop()`` was called, by this loop or another.
        case stopped
    }

    func accept() -> Accepted {
        while true {
            let client = cp_accept(fd)
            if client >= 0 { return .connection(client) }
            switch errno {
            case EAGAIN: return .none
            case EINVAL: return .stopped
            case EINTR, ECONNABORTED, EPROTO: continue  // a signal came, or the client gave up between: the next one
            default: return .exhausted
            }
        }
    }

    private static func open(_ host: String, _ port: UInt16) throws(SystemError) -> CInt {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host.isEmpty ? nil : host, String(port), &hints, &found) == 0, let info = unsafe found
        else {
            throw SystemError("getaddrinfo", code: EADDRNOTAVAIL)
        }
        defer { unsafe freeaddrinfo(info) }
        let fd = unsafe socket(info.pointee.ai_family, info.pointee.ai_socktype | CInt(cp_SOCK_FLAGS), 0)
        guard fd >= 0 else { throw SystemError("socket") }
        var on: CInt = 1
        let size = socklen_t(MemoryLayout<CInt>.size)
        // Accepted sockets inherit both.
        _ = unsafe setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, size)
        _ = unsafe setsockopt(fd, CInt(IPPROTO_TCP), TCP_NODELAY, &on, size)
        guard unsafe bind(fd, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0 else { throw failure("bind", fd) }
        guard listen(fd, 4096) == 0 else { throw failure("listen", fd) }
        return fd
    }

    private static func failure(_ call: StaticString, _ fd: CInt) -> SystemError {
        let error = SystemError(call)
        close(fd)
        return error
    }

    private static func boundPort(_ fd: CInt) throws(SystemError) -> UInt16 {
        let port = cp_bound_port(fd)
        guard port >= 0 else { throw failure("getsockname", fd) }
        return UInt16(port)
    }
}
