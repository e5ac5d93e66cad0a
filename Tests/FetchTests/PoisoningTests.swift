import EventLoop
import Fetch
import HTTPWire
import TestSupport
import Testing

/// That no response reaches another's request, whatever is given up when.
@Suite(.blocking) struct PoisoningTests {
    @Test("10,000 exchanges under random cancellation get their own bodies or none", arguments: [1] as [UInt64])
    func tagged(_ seed: UInt64) throws {
        try ScriptedUpstream.run { upstream, loop in
            let (own, foreign) = try await upstream.listener.serving(
                by: { connection, loop in
                    var random = SplitMix64(seed: seed)
                    while true {
                        let tag = String(try await connection.message(on: loop).start.split(separator: " ")[1])
                        let body = String(repeating: tag, count: Int.random(in: 1...40, using: &random))
                        let answer = "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                        let cut = answer.utf8.index(
                            answer.startIndex, offsetBy: Int.random(in: 0...answer.utf8.count, using: &random))
                        try connection.send(String(answer[..<cut]))
                        // A timer of no exchange: other jobs run, and may give this exchange up.
                        if Bool.random(using: &random) { await loop.settle() }
                        try connection.send(String(answer[cut...]))
                        if Int.random(in: 0..<20, using: &random) == 0 { return }
                    }
                }, on: loop
            ) {
                await withTaskGroup(of: (own: Int, foreign: Int).self) { group in
                    for client in 0..<20 {
                        group.addImmediateTask {
                            await self.ask(500, as: client, seed: seed, upstream, on: loop)
                        }
                    }
                    var (own, foreign) = (0, 0)
                    for await counts in group { (own, foreign) = (own + counts.own, foreign + counts.foreign) }
                    return (own, foreign)
                }
            }
            #expect(foreign == 0)
            #expect(own > 5000)
            #expect(upstream.fetcher.requestsInFlight == 0)
        }
    }

    /// Makes requests one after the other, and gives a third of them up at some moment or other.
    private func ask(
        _ count: Int, as client: Int, seed: UInt64, _ upstream: ScriptedUpstream, on loop: isolated EventLoop
    ) async -> (own: Int, foreign: Int) {
        var random = SplitMix64(seed: seed &+ UInt64(client) &* 1000)
        var (own, foreign) = (0, 0)
        for number in 0..<count {
            let tag = "/\(client)-\(number)."
            let turns = Int.random(in: 0..<3, using: &random) == 0 ? Int.random(in: 0..<5, using: &random) : nil
            let outcome = await withTaskGroup(of: ScriptedUpstream.Outcome?.self) { group in
                group.addImmediateTask { await upstream.outcome(of: .get(tag), within: .seconds(20), on: loop) }
                if let turns {
                    for _ in 0..<turns { await loop.settle() }
                    group.cancelAll()
                }
                return await group.next() ?? nil
            }
            guard case .success(let response) = outcome else { continue }
            let text = String(decoding: response.body, as: UTF8.self)
            let isOwn = text.utf8.count % tag.utf8.count == 0 && text.hasPrefix(tag) && text.hasSuffix(tag)
            if isOwn { own += 1 } else { foreign += 1 }
        }
        return (own, foreign)
    }
}
