import CPlatform
import Glibc

/// A listening socket, over TCP or a Unix path, whose connections are ``SocketStream``s. Confined to its loop; closes with the
/// object.
public final class StreamListener {
    /// The address that it listens on, with the port that the kernel chose if port 0 was asked for.
    public let address: SocketAddress
    private let descriptor: StreamDescriptor
    private let reactor: Reactor

    /// Listens on an address; a Unix path must not exist yet, and stays when the listener closes.
    /// - Parameter backlog: how many connections the kernel keeps for ``accept(until:on:)``.
    /// - Throws: ``StreamError/system(_:)`` if the address cannot be listened on.
    public init(_ address: SocketAddress, backlog: CInt = 4096, on loop: isolated EventLoop) throws(StreamError) {
        do throws(SystemError) {
            let (fd, bound) = try address.listen(backlog: backlog)
            self.address = bound
            descriptor = StreamDescriptor(fd, reading: "two tasks accept from one listener at once", on: loop.reactor)
        } catch {
            throw StreamError(error.call, code: error.code)
        }
        reactor = loop.reactor
    }

    deinit { close() }

    /// Waits for the next connection.
    ///
    /// Without descriptors it throws ``StreamError/exhausted(_:)`` at once, and again as long as that lasts: sleep before the next
    /// try.
    public func accept(
        until deadline: LoopInstant? = nil, on loop: isolated EventLoop
    ) async throws(StreamError) -> SocketStream {
        try await descriptor.perform(.reading, until: deadline, on: loop) { () throws(StreamError) in try tryAccept() }
    }

    /// A connection that is there already, or nil.
    public func tryAccept() throws(StreamError) -> SocketStream? {
        guard descriptor.isOpen else { throw .closed }
        while true {
            let fd = cp_accept(descriptor.fd)
            if fd >= 0 { return SocketStream(fd, on: reactor) }
            switch errno {
            case EAGAIN: return nil
            case EINTR, ECONNABORTED, EPROTO: continue  // a signal came, or the peer gave up between: the next one
            default: throw StreamError("accept4")
            }
        }
    }

    /// Refuses connections from now on, and resets those that nobody has accepted.
    public func close() { descriptor.close() }
}
