import Testing

@testable import HTTPWire

@Suite struct ChunkedEncoderTests {
    @Test(arguments: [(1, "1"), (9, "9"), (10, "a"), (15, "f"), (16, "10"), (255, "ff"), (65_536, "10000")])
    func `a size is hexadecimal`(size: Int, digits: String) {
        var output = bytes("x")
        ChunkedEncoder.appendSizeLine(size, to: &output)
        #expect(text(output) == "x\(digits)\r\n")
    }

    @Test func `what it frames is what the decoder finds`() throws {
        let pieces = ["a", String(repeating: "b", count: 300), "\r\n", "0\r\n\r\n"]
        var encoded: [UInt8] = []
        for piece in pieces {
            ChunkedEncoder.appendSizeLine(piece.utf8.count, to: &encoded)
            encoded += bytes(piece) + ChunkedEncoder.dataEnd
        }
        encoded += ChunkedEncoder.lastChunk
        var decoder = ChunkedDecoder(limits: ContentLimits(WireLimits()))
        var (index, content) = (0, [UInt8]())
        loop: while true {
            switch try decoder.next(in: encoded.span, from: &index) {
            case .content(let range): content += encoded[range]
            case .end: break loop
            case .needMore: Issue.record("the content does not end"); break loop
            }
        }
        #expect(text(content) == pieces.joined())
        #expect(index == encoded.count)
    }

    @Test func `a chunk without data stops the program`() async {
        await #expect(processExitsWith: .failure) {
            var output: [UInt8] = []
            ChunkedEncoder.appendSizeLine(0, to: &output)
        }
    }
}
