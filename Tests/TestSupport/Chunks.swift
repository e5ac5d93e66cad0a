import EventLoop

/// Content in `Transfer-Encoding: chunked`, taken apart as far as tests look: without extensions and trailers.
enum Chunks {
    /// Takes a chunk off the front; nil as long as it is not complete. The last is empty.
    static func next(in bytes: inout [UInt8]) throws -> [UInt8]? {
        guard let line = bytes.firstRange(of: Array("\r\n".utf8)) else { return nil }
        guard let size = Int(String(decoding: bytes[..<line.lowerBound], as: UTF8.self), radix: 16) else {
            throw Message.Malformed()
        }
        let end = line.upperBound + size
        guard bytes.count >= end + 2 else { return nil }
        let data = Array(bytes[line.upperBound..<end])
        bytes.removeFirst(end + 2)
        return data
    }
}

/// A response whose body comes in chunks, which a test reads one by one.
public final class ChunkedMessage {
    public let head: Message
    private let connection: SocketEnd
    private var bytes: [UInt8]

    init(head: Message, bytes: [UInt8], on connection: SocketEnd) {
        (self.head, self.bytes, self.connection) = (head, bytes, connection)
    }

    /// The next chunk; nil behind the last.
    /// - Throws: ``SocketEnd/Ended`` if the peer has closed before.
    public func next(on loop: isolated EventLoop) async throws -> String? {
        while true {
            if let chunk = try Chunks.next(in: &bytes) {
                return chunk.isEmpty ? nil : String(decoding: chunk, as: UTF8.self)
            }
            let piece = try await connection.receive(on: loop)
            guard !piece.isEmpty else { throw SocketEnd.Ended() }
            bytes += piece
        }
    }

    /// All that follows.
    public func rest(on loop: isolated EventLoop) async throws -> String {
        var text = ""
        while let chunk = try await next(on: loop) { text += chunk }
        return text
    }

    public func close() { connection.close() }
}
