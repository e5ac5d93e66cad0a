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
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            let secured = try fetcher.origin(base: "https://127.0.0.1:\(upstream.port)", options: options())
            let plain = try fetcher.origin(base: "http://127.0.0.1:\(listener.port)", options: options())
            try await listener.serving(
                by: { connection, loop in
                    while true {
                        _ = try await connection.message(on: loop)
                        try connection.send(okResponse)
                    }
                }, on: loop
            ) {
                for round in 0..<2 {
                    let longest = try await withThrowingTaskGroup(of: Int.self) { group in
                        for _ in 0..<32 {
                            group.addImmediateTask {
                                let deadline = loop.now.advanced(by: .seconds(20))
                                return try await fetcher.fetch(.get("/"), from: secured, until: deadline, on: loop)
                                    .status
                            }
                        }
                        var longest = Duration.zero
                        for _ in 0..<50 {
                            let start = threadTime()
                            let deadline = loop.now.advanced(by: .seconds(20))
                            _ = try await fetcher.fetch(.get("/"), from: plain, until: deadline, on: loop)
                            longest = max(longest, threadTime() - start)
                        }
                        for try await status in group { #expect(status == 200) }
                        return longest
                    }
                    // All at once they are a tenth of a second of computing; libcurl gets two milliseconds of a turn.
                    #expect(longest < .milliseconds(40), "round \(round)")
                }
            }
        }
    }
}
