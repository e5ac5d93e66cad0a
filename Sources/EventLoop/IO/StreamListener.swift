import CPlatform
import Glibc

/// A listening socket, over TCP or a Unix path, whose connections are ``SocketStream``s. Confined to its loop; closes
/// with the object.
public final class StreamListener {
    /// The address that it listens on, with the port that the kernel chose if port 0 was requested.
    public let address: SocketAddress
    private let descriptor: StreamDescriptor
    private let reactor: Reactor
    /// No further connection is tried before this, since there was no descriptor for one.
    private var pauseEnd: LoopInstant?

    /// How long a lack of descriptors is left alone.
    private static let pause = Duration.milliseconds(100)

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
    /// Connections that have already been lost are skipped. Without descriptors it throws
    /// ``StreamError/exhausted(_:)``, and the next call waits for a tenth of a second before it tries: a caller that
    /// retries at once does not spin.
    public func accept(
        until deadline: LoopInstant? = nil, on loop: isolated EventLoop
    ) async throws(StreamError) -> SocketStream {
        if let pauseEnd {
            try await descriptor.pause(.reading, until: min(pauseEnd, deadline ?? pauseEnd), on: loop)
            self.pauseEnd = nil
        }
        do throws(StreamError) {
            return try await descriptor.perform(.reading, until: deadline, on: loop) { () throws(StreamError) in
                try tryAccept()
            }
        } catch {
            if case .exhausted = error { pauseEnd = loop.time.advanced(by: Self.pause) }
            throw error
        }
    }

    /// A connection that is already waiting, or nil.
    public func tryAccept() throws(StreamError) -> SocketStream? {
        guard descriptor.isOpen else { throw .closed }
        switch Acceptance({ cp_accept(descriptor.fd) }) {
        case .connection(let fd): return SocketStream(fd, on: reactor)
        case .none: return nil
        case .failed(let code): throw StreamError("accept4", code: code)
        }
    }

    /// Refuses connections from now on, and resets those that were not accepted.
    public func close() { descriptor.close() }
}

/// What accepting from a listening socket's queue gave.
package enum Acceptance: Equatable {
    case connection(CInt)
    /// The queue is empty.
    case none
    /// accept4(2) failed with this code, and would again at once.
    case failed(CInt)

    /// Calls `accept` until it says more than that a connection was lost.
    ///
    /// Such a connection has left the queue, and another may be queued after it: accept(2) says that a connection's
    /// network error is reported in its place, and that the call should then be repeated.
    /// - Parameter accept: accept4(2): a descriptor, or -1 with errno.
    package init(_ accept: () -> CInt) {
        while true {
            let fd = accept()
            guard fd < 0 else {
                self = .connection(fd)
                return
            }
            switch errno {
            case EAGAIN:
                self = .none
                return
            case EINTR: continue
            case ECONNABORTED, EPROTO, ENETDOWN, ENETUNREACH, ENONET, EHOSTDOWN, EHOSTUNREACH, ENOPROTOOPT, EOPNOTSUPP:
                continue
            case let code:
                self = .failed(code)
                return
            }
        }
    }
}
