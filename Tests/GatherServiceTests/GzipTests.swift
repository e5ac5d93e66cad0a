import CZlib
import Testing

@testable import GatherService

@Suite struct GzipTests {
    /// What zlib reads of bytes in the gzip format, up to a length.
    private static func read(_ bytes: [UInt8], atMost room: Int) -> [UInt8]? {
        var stream = unsafe z_stream()
        let begun = unsafe inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
        guard begun == Z_OK else { return nil }
        defer { unsafe inflateEnd(&stream) }
        var (bytes, output) = (bytes, [UInt8](repeating: 0, count: room))
        let end = unsafe bytes.withUnsafeMutableBufferPointer { input in
            unsafe output.withUnsafeMutableBufferPointer { output in
                unsafe (stream.next_in, stream.avail_in) = (input.baseAddress, CUnsignedInt(input.count))
                unsafe (stream.next_out, stream.avail_out) = (output.baseAddress, CUnsignedInt(output.count))
                return unsafe inflate(&stream, Z_FINISH)
            }
        }
        return end == Z_STREAM_END ? Array(output.prefix(Int(unsafe stream.total_out))) : nil
    }

    @Test(arguments: [0, 1, 100, 100_000])
    func `what was compressed is read again`(count: Int) throws {
        var generator = SystemRandomNumberGenerator()
        let texts = [
            Array(repeating: UInt8(ascii: "a"), count: count), (0..<count).map { _ in generator.next() as UInt8 },
        ]
        for text in texts {
            let compressed = try #require(Gzip.compressed(text))
            #expect(Self.read(compressed, atMost: count + 1) == text)
        }
        #expect(count < 100 || Gzip.compressed(texts[0])?.count ?? .max < count / 2)
    }
}
