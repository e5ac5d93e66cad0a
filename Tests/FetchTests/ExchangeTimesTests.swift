import EventLoop
import HTTPWire
import TestSupport
import Testing

@testable import Fetch

/// When exchanges had come how far.
@Suite(.blocking) struct ExchangeTimesTests {
    /// The times of two requests, one after the other on the same connection, each with those of its beginning and end.
    private func times(
        base: String, _ options: FetchOptions = FetchOptions(), on loop: isolated EventLoop
    ) async throws -> [(times: ExchangeTimes, start: Int64, end: Int64)] {
        let fetcher = Fetcher(on: loop, lookup: { _ in .success([IPAddress(literal: "127.0.0.1")].compactMap(\.self)) })
        defer { fetcher.close() }
        let origin = try fetcher.origin(base: base, options: options)
        var all: [(times: ExchangeTimes, start: Int64, end: Int64)] = []
        for _ in 0..<2 {
            let start = loop.time.nanoseconds
            let exchange = fetcher.start(.get("/"), from: origin)
            let wake = await loop.reactor.suspend(exchange.wait, until: loop.now.advanced(by: .seconds(20)))
            let times = exchange.times
            _ = try exchange.take(wake)
            all.append((times, start, loop.time.nanoseconds))
        }
        return all
    }

    @Test func `the first exchange has what its connection took, and one on a kept connection has not`() throws {
        for host in ["upstream.test", "127.0.0.1"] {
            let all = try TestLoop.runOnSystem { loop in
                let listener = try SocketListener(on: loop)
                defer { listener.close() }
                return try await listener.serving(
                    by: { connection, loop in
                        while true {
                            _ = try await connection.message(on: loop)
                            try connection.send(okResponse)
                        }
                    }, on: loop
                ) { try await times(base: "http://\(host):\(listener.port)", on: loop) }
            }
            let (first, second) = (all[0], all[1])
            #expect((first.times.lookedUp > 0) == (host == "upstream.test"))
            #expect(first.times.connected >= max(first.start, first.times.lookedUp) && first.times.secured == 0)
            #expect(first.times.answered >= first.times.connected && first.times.answered <= first.end)
            #expect(second.times.lookedUp == 0 && second.times.connected == 0)
            #expect(second.times.sent > 0 && (second.start...second.end).contains(second.times.answered))
        }
    }

    @Test(.enabled(if: TLSUpstream.isAvailable)) func `a connection that is secured is connected before`() throws {
        let upstream = try TLSUpstream()
        let all = try TestLoop.runOnSystem { loop in
            var options = FetchOptions()
            options.connectTimeout = .seconds(10)
            options.tls.authorities = TLSUpstream.files + "/ca.pem"
            return try await times(base: "https://127.0.0.1:\(upstream.port)", options, on: loop)
        }
        let first = all[0].times
        #expect(all[0].start <= first.connected && first.connected <= first.secured)
        #expect(first.secured <= first.answered && first.answered <= all[0].end)
    }
}
