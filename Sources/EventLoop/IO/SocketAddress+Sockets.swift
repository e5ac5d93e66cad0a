import CPlatform
import Glibc

extension SocketAddress {
    /// The addresses for a text as ``init(_:)`` reads it, except that the host may be a name; in the resolver's order.
    ///
    /// It blocks while a name is resolved: on a loop, call it in ``EventLoop/runBlocking(on:_:)``.
    public static func resolve(_ text: String) throws(SocketAddressError) -> [SocketAddress] {
        guard case .host(let name, let port) = try parse(text) else { return [try SocketAddress(text)] }
        if let literal = try? SocketAddress(host: name, port: port) { return [literal] }
        guard !name.isEmpty else { throw .unresolved(name, code: EAI_NONAME) }
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(name, nil, &hints, &found)
        guard code == 0 else { throw .unresolved(name, code: code) }
        // The list is the caller's until it is freed.
        defer { unsafe freeaddrinfo(found) }
        var addresses: [SocketAddress] = []
        var next = unsafe found
        while let info = unsafe next {
            var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            if unsafe getnameinfo(
                info.pointee.ai_addr, info.pointee.ai_addrlen, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST)
                == 0
            {
                let literal = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                if let address = try? SocketAddress(host: literal, port: port) { addresses.append(address) }
            }
            unsafe next = info.pointee.ai_next
        }
        guard !addresses.isEmpty else { throw .unresolved(name, code: EAI_NONAME) }
        return addresses
    }

    // MARK: System calls

    private var family: CInt {
        switch host {
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        case .path: AF_UNIX
        }
    }

    /// A non-blocking socket of the address's family.
    func openSocket() throws(SystemError) -> CInt {
        let fd = socket(family, CInt(SOCK_STREAM.rawValue) | CInt(cp_SOCK_FLAGS), 0)
        guard fd >= 0 else { throw SystemError("socket") }
        if port != nil { Self.set(fd, CInt(IPPROTO_TCP), TCP_NODELAY) }
        return fd
    }

    /// A socket that listens here, and the address with the port that it got; accepted sockets inherit TCP_NODELAY.
    package func listen(backlog: CInt) throws(SystemError) -> (fd: CInt, bound: SocketAddress) {
        let fd = try openSocket()
        do throws(SystemError) {
            Self.set(fd, SOL_SOCKET, SO_REUSEADDR)
            guard bind(fd) == 0 else { throw SystemError("bind") }
            guard Glibc.listen(fd, backlog) == 0 else { throw SystemError("listen") }
            guard port != nil else { return (fd, self) }
            let port = cp_bound_port(fd)
            guard port >= 0 else { throw SystemError("getsockname") }
            return (fd, with(port: UInt16(port)))
        } catch {
            close(fd)
            throw error
        }
    }

    /// connect(2): 0, or -1 with errno.
    package func connect(_ fd: CInt) -> CInt { unsafe withSockaddr { unsafe Glibc.connect(fd, $0, $1) } }

    private func bind(_ fd: CInt) -> CInt { unsafe withSockaddr { unsafe Glibc.bind(fd, $0, $1) } }

    private static func set(_ fd: CInt, _ level: CInt, _ option: CInt) {
        var on: CInt = 1
        _ = unsafe setsockopt(fd, level, option, &on, socklen_t(MemoryLayout<CInt>.size))
    }

    /// The address in what the kernel has filled in; nil for a family that is neither IP nor a path's, and for a peer
    /// without a path.
    package init?(_ storage: sockaddr_storage) {
        // The kernel has written the structure of the family that it names, and storage is as large as any.
        switch CInt(storage.ss_family) {
        case AF_INET:
            self = unsafe withUnsafeBytes(of: storage) { bytes in
                let address = unsafe bytes.load(as: sockaddr_in.self)
                return SocketAddress(host: .ipv4(address.sin_addr.s_addr), port: UInt16(bigEndian: address.sin_port))
            }
        case AF_INET6:
            self = unsafe withUnsafeBytes(of: storage) { bytes in
                let address = unsafe bytes.load(as: sockaddr_in6.self)
                let host = unsafe withUnsafeBytes(of: address.sin6_addr) { bytes in
                    unsafe Host.ipv6(bytes.load(as: UInt64.self), bytes.load(fromByteOffset: 8, as: UInt64.self))
                }
                return SocketAddress(host: host, port: UInt16(bigEndian: address.sin6_port))
            }
        default: return nil
        }
    }

    /// What stands for one client among many: an IPv4 address, or the 64 bits of an IPv6 address that one customer of a
    /// network gets (RFC 6177). An IPv4 address on a socket for both families (RFC 4291 §2.5.5.2) is what it is on one for
    /// its own. The port is 0.
    package var client: SocketAddress {
        switch host {
        case .ipv6(let high, let low):
            let end = UInt64(bigEndian: low)
            guard high == 0, end >> 32 == 0xFFFF else { return SocketAddress(host: .ipv6(high, 0), port: 0) }
            return SocketAddress(host: .ipv4(UInt32(truncatingIfNeeded: end).bigEndian), port: 0)
        case .ipv4, .path: return with(port: 0)
        }
    }

    /// Adds ``client`` to a hash, without making it.
    package func hashClient(into hasher: inout Hasher) {
        switch host {
        case .ipv4(let bytes): hasher.combine(bytes)
        case .ipv6(0, let low) where UInt64(bigEndian: low) >> 32 == 0xFFFF:
            hasher.combine(UInt32(truncatingIfNeeded: UInt64(bigEndian: low)).bigEndian)
        case .ipv6(let high, _): hasher.combine(high)
        case .path(let path): hasher.combine(path)
        }
    }

    private func withSockaddr(_ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
        let port = (port ?? 0).bigEndian
        switch host {
        case .ipv4(let bytes):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port
            address.sin_addr.s_addr = bytes
            return unsafe Self.rebound(address, body)
        case .ipv6(let high, let low):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { bytes in
                unsafe bytes.storeBytes(of: high, as: UInt64.self)
                unsafe bytes.storeBytes(of: low, toByteOffset: 8, as: UInt64.self)
            }
            return unsafe Self.rebound(address, body)
        case .path(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            // Shorter than `sun_path`, whose last byte stays NUL: `init(path:)` saw to it.
            unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
            return unsafe Self.rebound(address, body)
        }
    }

    private static func rebound<Address>(
        _ address: Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) -> CInt {
        // Every sockaddr_… begins as sockaddr does, and the size says how much of it is there.
        unsafe withUnsafePointer(to: address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe body(pointer, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }
}
