import CPlatform
import EventLoop
import Glibc
import Synchronization

/// A listening socket, which the servers of several loops may share.
///
/// It is one socket, not one for each loop (SO_REUSEPORT), so a second process on the same port fails visibly, and no
/// connection is lost with the queue of a loop that stops.
public final class Listener: Sendable {
    package let fd: CInt
    /// The port, also if port 0 was requested; 0 if it listens on a path.
    public let port: UInt16
    /// The address as it was given, with its actual port.
    public let address: String
    /// Whether another process has the socket as well, which must not be shut down then.
    private let hasHeir: Atomic<Bool>

    /// Listens on `host:port`, `[v6]:port` or `unix:/path`; if the host is a name, on its first address.
    /// - Throws: ``ListenError`` if the name does not resolve or the address cannot be bound.
    public init(_ address: String) throws(ListenError) {
        let (asked, bound): (SocketAddress, SocketAddress)
        do throws(SocketAddressError) {
            asked = try SocketAddress.resolve(address)[0]
        } catch {
            throw .address(error)
        }
        do throws(SystemError) {
            (fd, bound) = try asked.listen(backlog: 4096)
        } catch {
            throw .system(error)
        }
        port = bound.port ?? 0
        let host = address[..<(address.lastIndex(of: ":") ?? address.endIndex)]
        self.address = bound.port.map { "\(host):\($0)" } ?? address
        hasHeir = Atomic(false)
    }

    /// Takes over a listening socket from the process that started this one.
    /// - Parameter isShared: whether another process keeps it, so that it goes on listening when this process ends.
    /// - Throws: ``ListenError`` if the descriptor is not such a socket.
    public init(inheriting fd: CInt, isShared: Bool) throws(ListenError) {
        var storage = sockaddr_storage()
        // The kernel writes at most as much as the structure's size, which goes with it.
        guard unsafe cp_prepare_listener(fd, &storage) == 0 else { throw .system(SystemError("a socket that listens")) }
        self.fd = fd
        if let bound = SocketAddress(storage) {
            (port, address) = (bound.port ?? 0, bound.description)
        } else {
            // The path ends with a NUL.
            (port, address) = (0, "unix:" + (unsafe String(cString: cp_socket_path(&storage))))
        }
        hasHeir = Atomic(isShared)
    }

    deinit { close(fd) }

    /// Leaves the socket to another process; the servers of this process stop accepting when they drain.
    public func leaveToHeir() { hasHeir.store(true, ordering: .releasing) }

    /// Whether another process has the socket as well.
    var isShared: Bool { hasHeir.load(ordering: .acquiring) }

    /// Lets no further connection begin, so that the queue can be emptied; of no effect for a path, and where another
    /// process accepts.
    func closeDoor() { if !isShared { _ = cp_drop_new_connections(fd) } }

    /// Refuses further connections; those that wait in the queue are reset.
    func stop() { if !isShared { shutdown(fd, CInt(SHUT_RDWR)) } }

    enum Accepted {
        case connection(CInt, peer: SocketAddress?)
        case none
        /// No descriptor or memory is left for it, or another error that may pass.
        case exhausted
        /// ``stop()`` was called, by this loop or another.
        case stopped
    }

    func accept() -> Accepted {
        var peer = sockaddr_storage()
        // The kernel writes at most as much as the structure's size, which goes with it.
        return switch Acceptance({ unsafe cp_accept_from(fd, &peer) }) {
        case .connection(let client): .connection(client, peer: SocketAddress(peer))
        case .none: .none
        case .failed(EINVAL): .stopped
        case .failed: .exhausted
        }
    }
}

/// Why a listener could not be made.
public enum ListenError: Error, Equatable, CustomStringConvertible {
    case address(SocketAddressError)
    case system(SystemError)

    public var description: String {
        switch self {
        case .address(let error): error.description
        case .system(let error): error.description
        }
    }
}
