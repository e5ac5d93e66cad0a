import CPlatform
import EventLoop
import Glibc

/// A listening socket whose connections a test serves by hand, byte by byte if it likes.
public final class SocketListener: ReadinessHandler {
    public let port: UInt16
    private let fd: CInt
    private let reactor: Reactor
    private var wait: WaitID?

    /// Listens on a free port of the loopback.
    /// - Parameter backlog: how many connections wait for ``accept(on:)``, less one; SYNs beyond that are dropped.
    public init(backlog: CInt = 4096, on loop: isolated EventLoop) throws {
        fd = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(cp_SOCK_FLAGS), 0)
        reactor = loop.reactor
        guard Self.bind(fd, sockaddr_in(loopback: 0)), listen(fd, backlog) == 0 else { throw SystemError("listen") }
        port = UInt16(cp_bound_port(fd))
    }

    /// Listens on a Unix socket, a file that the test removes.
    public init(path: String, on loop: isolated EventLoop) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        fd = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(cp_SOCK_FLAGS), 0)
        reactor = loop.reactor
        port = 0
        guard Self.bind(fd, address), listen(fd, 16) == 0 else { throw SystemError("listen") }
    }

    private static func bind<Address>(_ fd: CInt, _ address: Address) -> Bool {
        var address = address
        return unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe Glibc.bind(fd, address, socklen_t(MemoryLayout<Address>.size)) == 0
            }
        }
    }

    deinit { close(fd) }

    /// The next connection.
    public func accept(on loop: isolated EventLoop) async throws -> SocketEnd {
        while true {
            if let connection = acceptNow() { return connection }
            let wait = reactor.makeWait()
            self.wait = wait
            try reactor.watch(fd, .readable, .level, self)
            let wake = await loop.suspend(wait)
            self.wait = nil
            reactor.forget(fd)
            guard wake == .signalled else { throw CancellationError() }
        }
    }

    /// A connection that is there already.
    public func acceptNow() -> SocketEnd? {
        let client = cp_accept(fd)
        return client >= 0 ? SocketEnd(fd: client, reactor: reactor) : nil
    }

    public func descriptorReady(_ fd: CInt, _ events: IOEvents) {
        if let wait { reactor.wake(wait) }
    }
}
