import EventLoop
import TestSupport
import Testing

@testable import GatherService

@Suite(.blocking) struct UpstreamLogTests {
    @Test func `a breaker that opens and closes has a line for each, which names the loop`() throws {
        let breaker = ", breaker: { min_calls: 2, open_for: 20ms }"
        let (_, log) = try WholeService.run(upstream: breaker) { whole, loop in
            whole.upstream.answers = ["a": .status(500)]
            for _ in 0..<6 { _ = try await whole.get("/a", on: loop) }
            whole.upstream.answers = [:]
            let deadline = loop.now.advanced(by: .seconds(10))
            while try await whole.get("/a", on: loop).status != 200, loop.now < deadline {}
        }
        let expected = [["upstream": "up", "loop": "0"]]
        #expect(log.metadata(of: "breaker opened: calls are refused") == expected)
        #expect(log.metadata(of: "breaker closed: calls are sent again") == expected)
    }
}
