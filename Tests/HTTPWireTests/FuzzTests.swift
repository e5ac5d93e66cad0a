import Testing

@testable import HTTPWire

@Suite struct FuzzTests {
    /// Pieces from which nearly valid requests are made; purely random bytes fail at the first.
    private let pieces = [
        "GET ", "POST ", "/", "a", "%41", "%", "?", "*", "http://", " ", "HTTP/1.1", "HTTP/1.0", "\r\n", "\r", "\n",
        ":",
        "Host: a\r\n", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\n",
        "Connection: close\r\n", "\r\n\r\n", "3\r\nabc\r\n", "0\r\n\r\n", ";x=\"y\"", "\t", "\0", "[::1]", ",",
    ]

    private func input(_ generator: inout SeededGenerator) -> [UInt8] {
        var input = bytes(Bool.random(using: &generator) ? "GET / HTTP/1.1\r\nHost: a\r\n" : "")
        for _ in 0..<Int.random(in: 0..<20, using: &generator) {
            if Int.random(in: 0..<8, using: &generator) == 0 {
                input.append(.random(in: 0...255, using: &generator))
            } else if let piece = pieces.randomElement(using: &generator) {
                input += bytes(piece)
            }
        }
        return input
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `any bytes are a head, an error or the start of one, and cutting them changes nothing`(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        for _ in 0..<5000 {
            let input = input(&generator)
            let whole = parse(input)
            if case .head(let consumed, _) = whole { #expect(consumed <= input.count) }
            let cut = Int.random(in: 0...input.count, using: &generator)
            #expect(parse(input, cuts: [cut]) == whole, "\(text(input)) cut at \(cut)")
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `any bytes are a body, an error or the start of one`(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        for _ in 0..<5000 {
            var input = bytes(Bool.random(using: &generator) ? "3;a=b\r\nabc\r\n" : "0\r\n") + input(&generator)
            input.removeFirst(Int.random(in: 0...2, using: &generator))
            guard var reader = try? BodyReader(.chunked, limits: WireLimits()) else { continue }
            var body: [UInt8] = []
            guard let progress = try? reader.read(input.span, into: &body) else { continue }
            #expect(progress.consumed <= input.count)
            #expect(progress.isComplete || progress.consumed == input.count)
            #expect(body.count <= input.count)
        }
    }
}
