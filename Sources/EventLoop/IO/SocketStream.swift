import CPlatform
import Glibc

/// A connection over TCP or a Unix socket. Confined to its loop; closes with the object.
public final class SocketStream: ByteStream {
    private let descriptor: StreamDescriptor

    init(_ fd: CInt, on reactor: Reactor) { descriptor = StreamDescriptor(fd, on: reactor) }

    /// Takes over a connected socket, which becomes non-blocking.
    /// - Throws: ``StreamError/system(_:)`` if the descriptor is not valid; it then still belongs to the caller.
    public convenience init(adopting fd: CInt, on loop: isolated EventLoop) throws(StreamError) {
        let flags = fcntl(fd, F_GETFL)
        guard flags >= 0, fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 else { throw StreamError("fcntl") }
        self.init(fd, on: loop.reactor)
    }

    deinit { close() }

    /// The peer's address; nil for a peer without a path of its own, and once the connection is over.
    public var peer: SocketAddress? { descriptor.isOpen ? SocketAddress(cp_peer(descriptor.fd)) : nil }

    /// Connects to an address. Over TCP, writes are sent at once (TCP_NODELAY).
    /// - Throws: ``StreamError``; a peer that does not listen is ``StreamError/system(_:)`` with ECONNREFUSED, or
    ///   ENOENT for a Unix socket.
    public static func connect(
        to address: SocketAddress, until deadline: LoopInstant? = nil, on loop: isolated EventLoop
    ) async throws(StreamError) -> SocketStream {
        if Task.isCancelled { throw .cancelled }
        let fd: CInt
        do throws(SystemError) {
            fd = try address.openSocket()
        } catch {
            throw StreamError(error.call, code: error.code)
        }
        let stream = SocketStream(fd, on: loop.reactor)
        if address.connect(fd) != 0 {
            // A signal interrupts the call, not the connecting.
            guard errno == EINPROGRESS || errno == EINTR else { throw StreamError("connect") }
            try await stream.connected(until: deadline, on: loop)
        }
        return stream
    }

    private func connected(until deadline: LoopInstant?, on loop: isolated EventLoop) async throws(StreamError) {
        let fd = descriptor.fd
        var isFirst = true
        let code = try await descriptor.perform(.writing, until: deadline, on: loop) {
            // A socket is writable when it has connected or failed, and also before it begins; so wait before asking.
            defer { isFirst = false }
            return isFirst ? nil : cp_socket_error(fd)
        }
        guard code == 0 else { throw StreamError("connect", code: code) }
    }

    public func read(
        atMost limit: Int, until deadline: LoopInstant?, on loop: isolated EventLoop
    ) async throws(StreamError) -> [UInt8] {
        try await descriptor.read(atMost: limit, until: deadline, on: loop)
    }

    public func write(
        _ bytes: [UInt8], until deadline: LoopInstant?, on loop: isolated EventLoop
    ) async throws(StreamError) {
        try await descriptor.write(bytes, until: deadline, on: loop) { piece throws(StreamError) in try tryWrite(piece)
        }
    }

    /// Writes as many bytes as the kernel has room for, without waiting, and returns how many.
    public func tryWrite(_ bytes: ArraySlice<UInt8>) throws(StreamError) -> Int {
        guard descriptor.isOpen else { throw .closed }
        return unsafe try descriptor.tryWrite(bytes) { fd, bytes in
            unsafe send(fd, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
        }
    }

    public func finishWriting() {
        if descriptor.isOpen { shutdown(descriptor.fd, CInt(SHUT_WR)) }
    }

    public func close() { descriptor.close() }

    /// Closes so that the peer's next call fails, and drops what has not been sent yet.
    public func reset() {
        guard descriptor.isOpen else { return }
        var option = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(descriptor.fd, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }
}
