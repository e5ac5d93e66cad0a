import EventLoop
import Glibc

/// One end of a connection, as a test drives it on the loop of what it talks to; closed when nothing holds it any more.
///
/// Its descriptor is watched only while a task waits for it, one at a time, so that a loop whose sockets are closed
/// watches nothing.
public final class SocketEnd: ReadinessHandler {
    public let fd: CInt
    private let reactor: Reactor
    private var isOpen = true
    private var wait: WaitID?
    /// What came in behind the message that was asked for.
    private var unread: [UInt8] = []

    /// What a test asked for cannot come any more.
    public struct Ended: Error {}

    init(fd: CInt, reactor: Reactor) {
        (self.fd, self.reactor) = (fd, reactor)
    }

    /// Connects to a port of the loopback, which takes no longer than a call as long as its accept queue has room.
    public convenience init(port: UInt16, receiveBuffer: CInt? = nil, on loop: isolated EventLoop) throws {
        // Not for a program that another test starts: it would keep the connection open.
        let fd = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        self.init(fd: fd, reactor: loop.reactor)
        guard fd >= 0 else { throw SystemError("socket") }
        if var size = receiveBuffer {
            _ = unsafe setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        }
        var address = sockaddr_in(loopback: port)
        let code = unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe Glibc.connect(fd, address, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { throw SystemError("connect") }
    }

    deinit { close() }

    // MARK: Sending

    /// Hands a piece to the kernel that is small enough for its buffer.
    public func send(_ text: String) throws {
        guard sendSome(Array(text.utf8)[...]) == text.utf8.count else { throw SystemError("send") }
    }

    /// Sends all, and waits where the peer reads slowly.
    public func send(_ bytes: [UInt8], on loop: isolated EventLoop) async throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = sendSome(rest)
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                try await ready(.writable, on: loop)
            } else {
                throw SystemError("send")
            }
        }
    }

    /// Sends bytes one by one, and lets the peer read each before the next.
    public func sendBytewise(_ text: String, on loop: isolated EventLoop) async throws {
        for byte in text.utf8 {
            try send(String(UnicodeScalar(byte)))
            // Nothing else is runnable then: the zero wait polls the loop's descriptors, the peer's among them.
            try await loop.sleep(for: .zero)
        }
    }

    private func sendSome(_ bytes: ArraySlice<UInt8>) -> Int {
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe Glibc.send(fd, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT))
        }
    }

    // MARK: Receiving

    /// The next bytes, of which there is none at the end.
    public func receive(atMost limit: Int = 65536, on loop: isolated EventLoop) async throws -> [UInt8] {
        if !unread.isEmpty {
            defer { unread = [] }
            return unread
        }
        var buffer = [UInt8](repeating: 0, count: limit)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { buffer in
                unsafe recv(fd, buffer.baseAddress, buffer.count, CInt(MSG_DONTWAIT))
            }
            if count >= 0 { return Array(buffer[..<count]) }
            guard errno == EAGAIN else { throw SystemError("recv") }
            try await ready(.readable, on: loop)
        }
    }

    /// All bytes until the peer closes.
    public func rest(on loop: isolated EventLoop) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while case let piece = try await receive(on: loop), !piece.isEmpty { bytes += piece }
        return bytes
    }

    /// All bytes until the peer closes, as text.
    public func text(on loop: isolated EventLoop) async throws -> String {
        String(decoding: try await rest(on: loop), as: UTF8.self)
    }

    /// Waits until the peer has closed or reset the connection, and says which; what it still sends is passed over.
    public func end(on loop: isolated EventLoop) async throws -> Ending {
        do {
            _ = try await rest(on: loop)
            return .closed
        } catch let error as SystemError where error.code == ECONNRESET {
            return .reset
        }
    }

    public enum Ending: Sendable { case closed, reset }

    /// Reads a request, or an answer to one with the method.
    public func message(for method: String = "GET", on loop: isolated EventLoop) async throws -> Message {
        var bytes: [UInt8] = []
        while true {
            if let message = Message(&bytes, for: method, isWhole: false) {
                unread = bytes
                return message
            }
            let piece = try await receive(on: loop)
            if piece.isEmpty {
                guard let message = Message(&bytes, for: method, isWhole: true) else { throw Ended() }
                return message
            }
            bytes += piece
        }
    }

    /// Reads the head of an answer whose body comes in chunks.
    public func chunkedMessage(on loop: isolated EventLoop) async throws -> ChunkedMessage {
        var bytes: [UInt8] = []
        while true {
            if let head = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                var start = Array(bytes[..<head.upperBound])
                guard let message = Message(&start, for: "HEAD", isWhole: true),
                    message.field("Transfer-Encoding") == "chunked"
                else { throw Message.Malformed() }
                return ChunkedMessage(head: message, bytes: Array(bytes[head.upperBound...]), on: self)
            }
            let piece = try await receive(on: loop)
            guard !piece.isEmpty else { throw Ended() }
            bytes += piece
        }
    }

    // MARK: Ending

    /// Sends no more, and goes on receiving.
    public func finishSending() { shutdown(fd, CInt(SHUT_WR)) }

    public func close() {
        if isOpen { Glibc.close(fd) }
        isOpen = false
    }

    /// Closes so that the peer's next call fails with ECONNRESET.
    public func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(fd, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    // MARK: Readiness

    private func ready(_ events: IOEvents, on loop: isolated EventLoop) async throws {
        try reactor.watch(fd, events, .level, self)
        let wait = reactor.makeWait()
        self.wait = wait
        let wake = await loop.suspend(wait)
        self.wait = nil
        reactor.forget(fd)
        guard wake == .signalled else { throw CancellationError() }
    }

    public func descriptorReady(_ fd: CInt, _ events: IOEvents) {
        if let wait { reactor.wake(wait) }
    }
}

extension sockaddr_in {
    init(loopback port: UInt16) {
        self.init()
        sin_family = sa_family_t(AF_INET)
        sin_port = port.bigEndian
        sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    }
}
