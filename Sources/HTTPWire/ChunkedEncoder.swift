/// Frames content for `Transfer-Encoding: chunked` (RFC 9112 §7.1).
///
/// A chunk is its size line, its data and ``dataEnd``. After the last one comes ``lastChunk``; without that the
/// content is cut short, which the client sees (RFC 9112 §8).
public enum ChunkedEncoder {
    /// What follows the data of a chunk.
    public static let dataEnd: [UInt8] = Array("\r\n".utf8)

    /// What ends the content: a chunk of size 0, and no trailers.
    public static let lastChunk: [UInt8] = Array("0\r\n\r\n".utf8)

    /// Appends the line before the data of a chunk, whose size must be above 0: one of 0 would end the content.
    public static func appendSizeLine(_ size: Int, to output: inout [UInt8]) {
        precondition(size > 0, "a chunk without data ends the content")
        output.append(contentsOf: String(size, radix: 16).utf8)
        output.append(literal: "\r\n")
    }
}
