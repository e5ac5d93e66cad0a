import EventLoop
import Fetch
import HTTPWire
import Glibc
import TestSupport
import Testing

/// Connections that cannot be made, break, or are given up, and what that leaves on the loop.
@Suite(.blocking) struct ConnectionTests {
    // MARK: Connecting

    private func outcome(of base: String) throws -> ScriptedUpstream.Outcome {
        try TestLoop.runOnSystem { loop in
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            var options = FetchOptions()
            options.connectTimeout = .seconds(5)
            let origin = try fetcher.origin(base: base, options: options)
            do throws(FetchError) {
                let deadline = loop.now.advanced(by: .seconds(5))
                return .success(
                    try await fetcher.fetch(.get("/"), from: origin, until: deadline, on: loop))
            } catch {
                return .failure(error)
            }
        }
    }

    @Test func `a port without a listener refuses`() throws {
        #expect(try outcome(of: "http://\(FreeAddress())").failure == .connect(.refused))
    }

    @Test func `a Unix socket that is not there is not one that refuses`() throws {
        let failures = try TestLoop.runOnSystem { loop in
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            var failures: [FetchError] = []
            for path in ["/tmp/gatherd-no-such-socket", "/dev/null/socket"] {
                let origin = try fetcher.origin(base: "http://shop", socketPath: path)
                do throws(FetchError) {
                    let deadline = loop.now.advanced(by: .seconds(5))
                    _ = try await fetcher.fetch(.get("/"), from: origin, until: deadline, on: loop)
                } catch {
                    failures.append(error)
                }
            }
            return failures
        }
        #expect(failures == [.connect(.noSocket), .connect(.noSocket)])
    }

    @Test("What is asked for after the end fails at once", arguments: ["fetcher", "origin"], [false, true])
    func closed(_ what: String, _ isHTTP2: Bool) throws {
        var options = FetchOptions()
        if isHTTP2 { options.version = .http2 }
        try ScriptedUpstream.run(options: options) { upstream, loop in
            let fetcher = upstream.fetcher
            if what == "fetcher" { fetcher.close() } else { fetcher.remove(upstream.origin) }
            #expect(await upstream.outcome(within: .seconds(60), on: loop).failure == .closed)
            #expect(fetcher.requestsInFlight == 0 && upstream.listener.acceptNow() == nil)
            if !isHTTP2 {
                let streamed = try fetcher.stream(.get("/"), from: upstream.origin)
                let wake = await loop.reactor.suspend(streamed.wait, until: loop.now.advanced(by: .seconds(60)))
                #expect(throws: FetchError.closed) { try streamed.head(wake) }
            }
            if what == "fetcher" {
                #expect(throws: FetchError.closed) { try fetcher.origin(base: "http://127.0.0.1:1") }
            }
        }
    }

    @Test(
        "What failed is said in the words of the place where it failed",
        arguments: [
            (.connect(.refused), "connection refused"), (.connect(.noSocket), "there is no socket at this path"),
            (.tls(.late), "the TLS handshake failed: it was not complete within the connect timeout"),
            (.resolve(.temporary), "the host's name could not be looked up: no name server answers"),
            (.timeout(.lookup), "no answer in time, looking up the host's name"),
            (.timeout(.body), "no answer in time, reading the body of the response"),
        ] as [(FetchError, String)])
    func words(_ error: FetchError, _ text: String) { #expect(error.description == text) }

    @Test func `an unknown name does not resolve`() throws {
        #expect(try outcome(of: "http://does-not-exist.invalid").failure == .resolve(.unknownName))
    }

    @Test func `connecting has a time of its own`() throws {
        let elapsed = try TestLoop.runOnSystem { loop in
            // One connection fills the queue; the kernel drops the handshakes behind it.
            let listener = try SocketListener(backlog: 0, on: loop)
            let first = try SocketEnd(port: listener.port, on: loop)
            defer { first.close() }
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            var options = FetchOptions()
            // The usual time would not be over by the deadline.
            let timeout = options.connectTimeout - .milliseconds(1)
            options.connectTimeout = .milliseconds(50)
            let origin = try fetcher.origin(base: "http://127.0.0.1:\(listener.port)", options: options)
            let start = loop.now
            await #expect(throws: FetchError.connect(.late)) {
                try await fetcher.fetch(
                    .get("/"), from: origin, until: start.advanced(by: timeout), on: loop)
            }
            return start.duration(to: loop.now)
        }
        #expect(elapsed >= .milliseconds(49))
    }

    @Test func `without descriptors it is told what ran out, and the next request has one again`() async {
        await #expect(processExitsWith: .success) {
            try TestLoop.runOnSystem { loop in
                let listener = try SocketListener(on: loop)
                let fetcher = Fetcher(on: loop)
                let origin = try fetcher.origin(base: "http://127.0.0.1:\(listener.port)")
                var limit = rlimit()
                unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                limit.rlim_cur = 0
                unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                do throws(FetchError) {
                    _ = try await fetcher.fetch(
                        .get("/"), from: origin, until: loop.now.advanced(by: .seconds(5)), on: loop)
                    fatalError("a descriptor came from nowhere")
                } catch {
                    precondition(error == .connect(.noDescriptors), "\(error)")
                    precondition("\(error)".hasSuffix("no file descriptors are left"))
                }
                limit.rlim_cur = limit.rlim_max
                unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addImmediateTask {
                        let connection = try await listener.accept(on: loop)
                        _ = try await connection.message(on: loop)
                        try connection.send(okResponse)
                    }
                    let deadline = loop.now.advanced(by: .seconds(5))
                    _ = try await fetcher.fetch(.get("/"), from: origin, until: deadline, on: loop)
                    try await group.waitForAll()
                }
                fetcher.close()
            }
        }
    }

    @Test func `an upstream that speaks no TLS fails the handshake`() throws {
        try ScriptedUpstream.run(scheme: "https") { upstream, loop in
            let outcome = try await upstream.fetch(on: loop) { connection, loop in
                _ = try await connection.receive(on: loop)
                try connection.send("HTTP/1.1 400 Bad Request\r\n\r\n")
            }
            #expect(outcome.failure == .tls(.notTLS))
        }
    }

    private static let openssl = "/usr/bin/openssl"

    @Test(.enabled(if: unsafe access(openssl, X_OK) == 0))
    func `a certificate without a trusted issuer is refused`() throws {
        let script = """
            exec 2>/dev/null; dir=$(mktemp -d) && cd "$dir" &&
            \(Self.openssl) req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key -out cert \
                -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 &&
            \(Self.openssl) s_server -accept 127.0.0.1:0 -key key -cert cert -naccept 1 -www </dev/null
            rm -r "$dir"
            """
        guard let server = unsafe popen(script, "r") else { throw SystemError("popen") }
        defer { unsafe pclose(server) }
        var line = [CChar](repeating: 0, count: 100)
        var port: Int?
        while port == nil, unsafe fgets(&line, CInt(line.count), server) != nil {
            // "ACCEPT 127.0.0.1:40000"
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if text.hasPrefix("ACCEPT"), let colon = text.lastIndex(of: ":") {
                port = Int(text[text.index(after: colon)...].prefix { $0.isNumber })
            }
        }
        #expect(try outcome(of: "https://127.0.0.1:\(#require(port))").failure == .tls(.unknownAuthority))
    }

    // MARK: Giving up

    @Test("A response that is not complete by the deadline is given up", arguments: ["", "HTTP/1.1 200 OK\r\n\r\nhel"])
    func deadline(_ bytes: String) throws {
        let elapsed = try ScriptedUpstream.run { upstream, loop in
            let start = loop.now
            let outcome = try await upstream.fetch(within: .milliseconds(250), on: loop) { connection, loop in
                _ = try await connection.message(on: loop)
                try connection.send(bytes)
                _ = try await connection.end(on: loop)
            }
            #expect(outcome.failure == .timeout(bytes.isEmpty ? .head : .body))
            #expect(upstream.fetcher.requestsInFlight == 0)
            return start.duration(to: loop.now)
        }
        #expect(elapsed >= .milliseconds(250))
    }

    @Test func `a response that trickles in does not get more time for it`() throws {
        let elapsed = try ScriptedUpstream.run { upstream, loop in
            let start = loop.now
            let outcome = try await upstream.fetch(within: .milliseconds(250), on: loop) { connection, loop in
                _ = try await connection.message(on: loop)
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                // With more time all would be there after two seconds, and it would be no failure.
                for _ in 0..<1000 {
                    guard (try? connection.send("x")) != nil else { break }
                    try await loop.sleep(for: .milliseconds(2))
                }
            }
            #expect(outcome.failure == .timeout(.body))
            return start.duration(to: loop.now)
        }
        #expect(elapsed >= .milliseconds(250))
    }

    @Test func `a deadline that has passed is noticed before anything is waited for`() throws {
        try ScriptedUpstream.run { upstream, loop in
            for timeout in [Duration.zero, .seconds(-1)] {
                // The second may find the connection that the first has left.
                let failure = await upstream.outcome(within: timeout, on: loop).failure
                #expect(failure == .timeout(.connect) || failure == .timeout(.head))
            }
        }
    }

    @Test("A cancelled fetch disconnects at once", arguments: ["", "HTTP/1.1 200 OK\r\n\r\nhel"])
    func cancelled(_ bytes: String) throws {
        try ScriptedUpstream.run { upstream, loop in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask { #expect(await upstream.outcome(on: loop).failure == .cancelled) }
                let connection = try await upstream.listener.accept(on: loop)
                _ = try await connection.message(on: loop)
                try connection.send(bytes)
                try await loop.sleep(for: .zero)
                #expect(upstream.fetcher.requestsInFlight == 1)
                group.cancelAll()
                _ = try await connection.end(on: loop)
                #expect(upstream.fetcher.requestsInFlight == 0)
            }
        }
    }

    @Test func `a task that is cancelled already sends nothing`() throws {
        try ScriptedUpstream.run { upstream, loop in
            await withTaskGroup(of: Void.self) { group in
                group.cancelAll()
                group.addImmediateTask { #expect(await upstream.outcome(on: loop).failure == .cancelled) }
            }
            #expect(upstream.listener.acceptNow() == nil)
        }
    }

    @Test func `closing the fetcher ends what is in flight`() throws {
        try TestLoop.runOnSystem { loop in
            let listener = try SocketListener(on: loop)
            let fetcher = Fetcher(on: loop)
            let origin = try fetcher.origin(base: "http://127.0.0.1:\(listener.port)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<5 {
                    group.addImmediateTask {
                        let deadline = loop.now.advanced(by: .seconds(5))
                        await #expect(throws: FetchError.cancelled) {
                            try await fetcher.fetch(.get("/"), from: origin, until: deadline, on: loop)
                        }
                    }
                }
                // Two have sent, one has a part of its answer, and two are still connecting or about to send.
                let connections = [try await listener.accept(on: loop), try await listener.accept(on: loop)]
                for connection in connections { _ = try await connection.message(on: loop) }
                try connections[0].send("HTTP/1.1 200 OK\r\n\r\nhel")
                try await loop.sleep(for: .zero)
                #expect(fetcher.requestsInFlight == 5)
                fetcher.close()
                #expect(fetcher.requestsInFlight == 0)
                for connection in connections {
                    _ = try await connection.end(on: loop)
                    connection.close()
                }
                listener.close()
                #expect(loop.reactor.watchedDescriptors == 0)
                try await group.waitForAll()
            }
        }
    }

    // MARK: Kept connections

    /// Counts the turns of a loop.
    private final class TurnCounter: TurnHandler {
        var turns = 0
        func turnEnds() { turns += 1 }
    }

    @Test(
        "A kept connection that breaks is replaced, and is no work until then", arguments: ["close", "reset", "send"])
    func keptConnection(_ how: String) throws {
        try ScriptedUpstream.run { upstream, loop in
            var kept: SocketEnd?
            for _ in 1...3 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addImmediateTask { #expect(await upstream.outcome(on: loop).text == "200 ok") }
                    let connection = try await upstream.listener.accept(on: loop)
                    _ = try await connection.message(on: loop)
                    try connection.send(okResponse)
                    kept = connection
                    try await group.waitForAll()
                }
                switch how {
                case "close": kept?.close()
                case "reset": kept?.reset()
                default: try kept?.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
                }
                let counter = TurnCounter()
                loop.reactor.addTurnHandler(counter)
                // Time in which nothing is to happen.
                try await loop.sleep(for: .milliseconds(20))
                loop.reactor.removeTurnHandler(counter)
                #expect(counter.turns < 10)
            }
        }
    }

    @Test func `a GET whose kept connection breaks under it is sent again`() throws {
        try ScriptedUpstream.run { upstream, loop in
            try await expectRetry(of: .get("/2"), from: upstream, on: loop)
        }
    }

    /// Keeps a connection, breaks it when a request has come, and answers the next.
    private func expectRetry(
        of request: ClientRequest, from upstream: ScriptedUpstream, on loop: isolated EventLoop
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addImmediateTask {
                let kept = try await upstream.listener.accept(on: loop)
                _ = try await kept.message(on: loop)
                try kept.send(okResponse)
                _ = try await kept.message(on: loop)
                kept.close()
                let next = try await upstream.listener.accept(on: loop)
                _ = try await next.message(on: loop)
                try next.send(okResponse)
            }
            #expect(await upstream.outcome(on: loop).text == "200 ok")
            #expect(await upstream.outcome(of: request, on: loop).text == "200 ok")
            try await group.waitForAll()
        }
    }

    @Test(
        "A request that may have had its effect is not sent again behind its sender's back",
        arguments: [
            ClientRequest.request("POST", "/2", body: Array("{}".utf8)),
            ClientRequest.request("POST", "/2"), ClientRequest.request("PATCH", "/2", body: [0x20]),
        ])
    func noRetry(_ request: ClientRequest) throws {
        try ScriptedUpstream.run { upstream, loop in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    let kept = try await upstream.listener.accept(on: loop)
                    _ = try await kept.message(on: loop)
                    try kept.send(okResponse)
                    #expect(try await kept.message(on: loop).start == "\(request.method) /2 HTTP/1.1")
                    kept.close()
                }
                #expect(await upstream.outcome(on: loop).text == "200 ok")
                #expect(await upstream.outcome(of: request, on: loop).failure == .reset)
                try await group.waitForAll()
            }
            // A connection may have been opened for it, but nothing was sent there.
            if let second = upstream.listener.acceptNow() { #expect(try await second.rest(on: loop).isEmpty) }
            #expect(upstream.fetcher.requestsInFlight == 0)
        }
    }

    // MARK: Many

    @Test("More transfers at once than a poll reports", arguments: ["answer", "close", "cancel"])
    func many(_ how: String) throws {
        let count = 1100
        allowDescriptors(2 * count + 200)
        try ScriptedUpstream.run { upstream, loop in
            let texts = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<count {
                    group.addImmediateTask { await upstream.outcome(within: .seconds(20), on: loop).text }
                }
                var connections: [SocketEnd] = []
                while connections.count < count { connections.append(try await upstream.listener.accept(on: loop)) }
                for connection in connections { _ = try await connection.message(on: loop) }
                #expect(upstream.fetcher.requestsInFlight == count)
                if how == "cancel" { group.cancelAll() }
                if how == "answer" { for connection in connections { try connection.send(okResponse) } }
                if how == "close" { for connection in connections { connection.close() } }
                var texts: Set<String> = []
                for try await text in group { texts.insert(text) }
                return texts
            }
            let expected = [
                "answer": "200 ok", "close": FetchError.reset.description, "cancel": FetchError.cancelled.description,
            ]
            #expect(texts == Set([expected[how]]))
            #expect(upstream.fetcher.requestsInFlight == 0)
        }
    }
}
