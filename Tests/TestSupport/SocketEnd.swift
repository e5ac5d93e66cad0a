import EventLoop
import Glibc

/// One end of a connection, as a test drives it on the loop of what it talks to; closed when the last reference goes.
public final class SocketEnd {
    private let stream: SocketStream
    /// What came in behind the message that was asked for.
    private var unread: [UInt8] = []

    /// What a test asked for can no longer come.
    public struct Ended: Error {}

    init(_ stream: SocketStream) { self.stream = stream }

    /// Connects to a port of the loopback, which takes no longer than a call as long as its accept queue has room.
    public convenience init(
        host: String = "127.0.0.1", port: UInt16, receiveBuffer: CInt? = nil, on loop: isolated EventLoop
    ) throws {
        // Not for a program that another test starts: it would keep the connection open.
        let fd = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { throw SystemError("socket") }
        if var size = receiveBuffer {
            _ = unsafe setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        }
        guard try SocketAddress(host: host, port: port).connect(fd) == 0 else {
            let failure = SystemError("connect")
            Glibc.close(fd)
            throw failure
        }
        self.init(try SocketStream(adopting: fd, on: loop))
    }

    // MARK: Sending

    /// Hands a piece to the kernel that is small enough for its buffer.
    public func send(_ text: String) throws {
        guard try stream.tryWrite(Array(text.utf8)[...]) == text.utf8.count else {
            throw SystemError("send", code: EAGAIN)
        }
    }

    /// Sends all, and waits where the peer reads slowly.
    public func send(_ bytes: [UInt8], on loop: isolated EventLoop) async throws {
        try await stream.write(bytes, on: loop)
    }

    /// Sends bytes one by one, and lets the peer read each before the next.
    public func sendBytewise(_ text: String, on loop: isolated EventLoop) async throws {
        for byte in text.utf8 {
            try send(String(UnicodeScalar(byte)))
            // Nothing else is runnable then: the zero wait polls the loop's descriptors, the peer's among them.
            try await loop.sleep(for: .zero)
        }
    }

    // MARK: Receiving

    /// The next bytes; empty at the end.
    public func receive(atMost limit: Int = 65536, on loop: isolated EventLoop) async throws -> [UInt8] {
        if !unread.isEmpty {
            defer { unread = [] }
            return unread
        }
        return try await stream.read(atMost: limit, on: loop)
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
        } catch StreamError.reset {
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
    public func finishSending() { stream.finishWriting() }

    public func close() { stream.close() }

    /// Closes so that the peer's next call fails with ECONNRESET.
    public func reset() { stream.reset() }
}
