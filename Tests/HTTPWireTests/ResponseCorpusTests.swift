import ResponseCorpus
import Testing

@testable import HTTPWire

@Suite struct ResponseCorpusTests {
    /// What a reader makes of a case whose bytes come in the pieces between `cuts`, and whether the connection goes on.
    private func verdict(_ response: ResponseCase, cuts: [Int]) -> (Verdict, persists: Bool) {
        var reader = ResponseReader(isHEAD: response.isHEAD, keeping: .always, limits: ResponseLimits())
        let input = response.bytes
        var start = 0
        do throws(MessageError) {
            for end in cuts + [input.count] {
                let progress = try reader.read(input.span.extracting(start..<end))
                start += progress.consumed
                if progress.isComplete { break }
            }
        } catch {
            if case .tooLarge = error { return (.tooLarge, false) }
            return (.malformed, false)
        }
        guard reader.isComplete || reader.inputEnded() else { return (.cutShort, false) }
        let persists = reader.head?.persistence == .keepAlive && start == input.count
        let taken = reader.takeResponse()
        return (.response(status: taken.status, body: text(taken.body)), persists)
    }

    @Test func `the corpus is large, and its names tell its cases apart`() {
        #expect(ResponseCorpus.all.count >= 300)
        #expect(Set(ResponseCorpus.all.map(\.name)).count == ResponseCorpus.all.count)
    }

    @Test(arguments: ResponseCorpus.all)
    func `each response is what it is to be, whole, cut anywhere, and byte by byte`(_ response: ResponseCase) {
        let count = response.bytes.count
        // Every cut of most, and some of the long ones.
        let step = count < 1000 ? 1 : count / 20
        let cuts = Array(stride(from: 0, to: count, by: step))
        for cuts in [[]] + cuts.map({ [$0] }) + [cuts] {
            let (verdict, persists) = verdict(response, cuts: cuts)
            // `#expect` itself would be most of the time.
            if verdict == response.verdict, persists == response.persists { continue }
            Issue.record("\(verdict), persists: \(persists), cut at \(cuts.prefix(3))")
        }
    }

    @Test(arguments: [1, 2] as [UInt64])
    func `whatever is changed in a response, cutting it changes nothing`(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        let pieces = [
            "\r\n", "\r", "\n", " ", "\t", ":", "0", "5", ",", ";", "\0", "chunked", "Content-Length: 5\r\n",
            "HTTP/1.1 ",
        ]
        .map { bytes($0) }
        let short = ResponseCorpus.all.filter { $0.bytes.count < 1000 && !$0.bytes.isEmpty }
        for _ in 0..<2500 {
            guard let response = short.randomElement(using: &generator) else { continue }
            var input = response.bytes
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<input.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: input[place] = .random(in: 0...255, using: &generator)
                case 1: input.insert(contentsOf: pieces.randomElement(using: &generator) ?? [], at: place)
                case 2 where input.count > 1: input.remove(at: place)
                default: input.insert(contentsOf: input[place..<min(input.count, place + 8)], at: place)
                }
            }
            let whole = readResponse(input, isHEAD: response.isHEAD)
            let cut = Int.random(in: 0...input.count, using: &generator)
            if readResponse(input, cuts: [cut], isHEAD: response.isHEAD) != whole {
                Issue.record("\(text(input)) cut at \(cut)")
            }
            if readResponse(input, cuts: Array(0..<input.count), isHEAD: response.isHEAD) != whole {
                Issue.record("\(text(input)) byte by byte")
            }
        }
    }
}
