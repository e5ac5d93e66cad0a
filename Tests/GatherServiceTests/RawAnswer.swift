import EventLoop
import TestSupport

/// An answer as its bytes came, of which nothing is put in order.
struct RawAnswer: Sendable {
    struct Malformed: Error {}

    var status: Int
    /// `name: value` lines, as they were sent.
    var fields: [String]
    /// Without the framing.
    var content: [UInt8]
    /// Whether chunks came, and the last of them.
    var isChunked = false
    /// Whether the content ends where its framing says so.
    var isWhole = true

    init(_ bytes: [UInt8], isHead: Bool = false) throws {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { throw Malformed() }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n").map(String.init)
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw Malformed()
        }
        self.status = status
        fields = Array(lines.dropFirst())
        content = Array(bytes[end.upperBound...])
        if isHead { return }
        if let length = self["Content-Length"].flatMap({ Int($0) }) { isWhole = content.count == length }
        guard self["Transfer-Encoding"] == "chunked" else { return }
        (isChunked, isWhole) = (true, false)
        var rest = content[...]
        content = []
        while let line = rest.firstRange(of: Array("\r\n".utf8)),
            let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16)
        {
            if size == 0 {
                isWhole = true
                break
            }
            let data = rest[line.upperBound...].prefix(size)
            content += data
            rest = rest[line.upperBound...].dropFirst(size + 2)
        }
    }

    subscript(name: String) -> String? {
        fields.first { $0.lowercased().hasPrefix(name.lowercased() + ": ") }.map {
            String($0.dropFirst(name.count + 2))
        }
    }
}

extension SocketEnd {
    /// Reads up to the end of a request's head, and what has come behind it.
    func requestHead(on loop: isolated EventLoop) async throws -> (head: String, rest: [UInt8]) {
        var bytes: [UInt8] = []
        while true {
            if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                return (String(decoding: bytes[..<end.upperBound], as: UTF8.self), Array(bytes[end.upperBound...]))
            }
            let piece = try await receive(on: loop)
            guard !piece.isEmpty else { throw RawAnswer.Malformed() }
            bytes += piece
        }
    }
}
