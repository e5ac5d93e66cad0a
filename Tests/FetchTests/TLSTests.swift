import EventLoop
import Fetch
import HTTPWire
import TestSupport
import Testing

/// Connections that libcurl secures, to a server with certificates of the test's own.
@Suite(.blocking, .enabled(if: TLSUpstream.isAvailable)) struct TLSTests {
    private static let authority = TLSUpstream.files + "/ca.pem"

    private func options(_ change: (inout TLSOptions) -> Void = { _ in }) -> FetchOptions {
        var options = FetchOptions()
        options.connectTimeout = .seconds(10)
        options.tls.authorities = Self.authority
        change(&options.tls)
        return options
    }

    private func outcome(
        of upstream: TLSUpstream, _ options: FetchOptions, _ target: String = "/"
    ) throws -> ScriptedUpstream.Outcome {
        try TestLoop.runOnSystem { loop in
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            let origin = try fetcher.origin(base: "https://127.0.0.1:\(upstream.port)", options: options)
            do throws(FetchError) {
                let deadline = loop.now.advanced(by: .seconds(20))
                return .success(try await fetcher.fetch(.get(target), from: origin, until: deadline, on: loop))
            } catch {
                return .failure(error)
            }
        }
    }

    @Test func `who is trusted, by what name, and who we are is what the options say`() throws {
        let upstream = try TLSUpstream()
        #expect(try outcome(of: upstream, options()).text == "200 nobody")
        #expect(try outcome(of: upstream, options { $0.serverName = "shop.test" }).text == "200 nobody")
        #expect(try outcome(of: upstream, options { $0.minimumVersion = .tls13 }).text == "200 nobody")
        let asking = try TLSUpstream(asksForCertificate: true)
        let known = options {
            $0.certificate = TLSUpstream.files + "/client.pem"
            $0.key = TLSUpstream.files + "/client.key"
        }
        #expect(try outcome(of: asking, known).text == "200 client")
    }

    @Test func `a handshake that fails says why`() throws {
        let upstream = try TLSUpstream()
        #expect(try outcome(of: upstream, FetchOptions()).failure == .tls(.unknownAuthority))
        #expect(try outcome(of: upstream, options { $0.serverName = "nowhere.test" }).failure == .tls(.wrongName))
        #expect(try outcome(of: try TLSUpstream(.wrong), options()).failure == .tls(.wrongName))
        #expect(try outcome(of: try TLSUpstream(.expired), options()).failure == .tls(.expired))
        let old = try TLSUpstream(highest: "1.2")
        #expect(try outcome(of: old, options { $0.minimumVersion = .tls13 }).failure == .tls(.protocolMismatch))
        #expect(try outcome(of: upstream, options { $0.authorities = "/nonexistent.pem" }).failure == .tls(.localFiles))
        // TLS 1.3 lets a client finish before the server has looked at its certificate.
        let refused = try outcome(of: TLSUpstream(asksForCertificate: true), options())
        #expect(refused.failure == .tls(.clientCertificate), "\(refused)")
        let asking = try TLSUpstream(highest: "1.2", asksForCertificate: true)
        #expect(try outcome(of: asking, options()).failure == .tls(.refused))
    }

    @Test func `a handshake that stalls is not a connection that is late`() throws {
        try TestLoop.runOnSystem { loop in
            let listener = try SocketListener(on: loop)
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            var hasty = options()
            hasty.connectTimeout = .milliseconds(100)
            let origin = try fetcher.origin(base: "https://127.0.0.1:\(listener.port)", options: hasty)
            let patient = try fetcher.origin(base: "https://127.0.0.1:\(listener.port)", options: options())
            let now = loop.now
            await #expect(throws: FetchError.tls(.late)) {
                try await fetcher.fetch(.get("/"), from: origin, until: now.advanced(by: .seconds(20)), on: loop)
            }
            await #expect(throws: FetchError.timeout(.handshake)) {
                try await fetcher.fetch(
                    .get("/"), from: patient, until: loop.now.advanced(by: .milliseconds(100)), on: loop)
            }
        }
    }

    @Test func `a body that ends with its connection ends with what TLS says at an end, and is cut short without it`()
        throws
    {
        let upstream = try TLSUpstream()
        #expect(try outcome(of: upstream, options(), "/ended").text == "200 whole")
        #expect(try outcome(of: upstream, options(), "/cut").failure == .reset)
    }

    @Test func `a secured response that is passed on when its origin goes is cut short, and nothing is left of it`()
        throws
    {
        let upstream = try TLSUpstream()
        try TestLoop.runOnSystem { loop in
            let before = (loop.reactor.watchedDescriptors, loop.reactor.pendingTimers)
            let fetcher = Fetcher(on: loop)
            let origin = try fetcher.origin(base: "https://127.0.0.1:\(upstream.port)", options: options())
            let streamed = try fetcher.stream(.get("/held"), from: origin)
            let deadline = loop.now.advanced(by: .seconds(20))
            #expect(try streamed.head(await loop.reactor.suspend(streamed.wait, until: deadline)).status == 200)
            fetcher.remove(origin)
            await #expect(throws: FetchError.reset) { try await streamed.read(within: .seconds(20), on: loop) }
            streamed.close()
            await loop.settle()
            fetcher.close()
            #expect((loop.reactor.watchedDescriptors, loop.reactor.pendingTimers) == before)
        }
    }

    @Test func `32 connections that are secured at once do not hold the loop, and each is used again`() throws {
        let upstream = try TLSUpstream()
        try TestLoop.runOnSystem { loop in
            let listener = try SocketListener(on: loop)
            try await listener.serving(
                by: { connection, loop in
                    while true {
                        _ = try await connection.message(on: loop)
                        try connection.send(okResponse)
                    }
                }, on: loop
            ) {
                // The best of three, for a busy machine brings what it has held together.
                var counts: [Int] = []
                for _ in 1...3 {
                    let fetcher = Fetcher(on: loop)
                    defer { fetcher.close() }
                    let secured = try fetcher.origin(base: "https://127.0.0.1:\(upstream.port)", options: options())
                    let plain = try fetcher.origin(base: "http://127.0.0.1:\(listener.port)", options: options())
                    let turns = TurnTimes()
                    loop.reactor.addTurnHandler(turns)
                    try await self.fetchAtOnce(32, from: secured, and: plain, with: fetcher, on: loop)
                    loop.reactor.removeTurnHandler(turns)
                    counts.append(turns.countForHalf)
                    try await self.fetchAtOnce(32, from: secured, and: plain, with: fetcher, on: loop)
                }
                // If libcurl did all that is ready in one turn, three or four would do for half of the work.
                if !isThreadSanitized { #expect((counts.max() ?? 0) > 5, "\(counts)") }
            }
        }
    }

    /// Sends so many requests to one origin, and in the meantime 50 to the other, one after the other.
    private func fetchAtOnce(
        _ count: Int, from origin: FetchOrigin, and other: FetchOrigin, with fetcher: Fetcher,
        on loop: isolated EventLoop
    ) async throws {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<count {
                group.addImmediateTask {
                    let deadline = loop.now.advanced(by: .seconds(20))
                    return try await fetcher.fetch(.get("/"), from: origin, until: deadline, on: loop).status
                }
            }
            for _ in 0..<50 {
                let deadline = loop.now.advanced(by: .seconds(20))
                _ = try await fetcher.fetch(.get("/"), from: other, until: deadline, on: loop)
            }
            for try await status in group { #expect(status == 200) }
        }
    }
}

/// How long the turns of a loop are on the processor.
private final class TurnTimes: TurnHandler {
    private var last = threadTime()
    private var times: [Duration] = []

    /// How many of the longest turns make half of the whole time: one that something else has held makes no difference.
    var countForHalf: Int {
        var left = times.reduce(.zero, +) / 2
        return times.sorted(by: >).prefix { time in
            defer { left -= time }
            return left > .zero
        }.count
    }

    func turnEnds() {
        let now = threadTime()
        times.append(now - last)
        last = now
    }
}
