import EventLoop
import HTTPWire
import TestSupport
import Testing

@testable import Fetch

/// Connections that are kept between requests: which serve the next one, and which must not.
@Suite(.blocking) struct KeptConnectionTests {
    private static let timedOut = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

    private static let endings = ["408", "reset", "close", "a byte", "a second answer"]

    private func end(_ connection: SocketEnd, _ how: String) throws {
        switch how {
        case "408":
            try connection.send(Self.timedOut)
            connection.close()
        case "reset": connection.reset()
        case "close": connection.close()
        case "a byte": try connection.send("\n")
        default: try connection.send(okResponse.replacing("ok", with: "no"))
        }
    }

    @Test(
        "Idle connections that the upstream ends or speaks on are not used, whether that was reported or not",
        arguments: endings, ["GET", "POST"])
    func endedWhileIdle(_ how: String, _ method: String) throws {
        for isReported in [false, true] {
            try ScriptedUpstream.run { upstream, loop in
                let idle = try await upstream.warmUp(8, on: loop)
                for connection in idle { try self.end(connection, how) }
                for fd in upstream.idleDescriptors { waitForArrival(on: fd) }
                if isReported { await loop.settle() }
                let sightings = Sightings()
                let texts = try await upstream.listener.serving(
                    by: { connection, loop in
                        while true {
                            sightings.note(try await connection.message(on: loop))
                            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew")
                        }
                    }, on: loop
                ) {
                    var texts: [String] = []
                    for number in 0..<6 {
                        let request = ClientRequest.request(method, "/\(number)", body: method == "POST" ? [0x31] : nil)
                        texts.append(await upstream.outcome(of: request, on: loop).text)
                    }
                    return texts
                }
                #expect(texts == Array(repeating: "200 new", count: 6))
                #expect(sightings.counts.count == 6 && sightings.counts.values.allSatisfy { $0 == 1 })
            }
        }
    }

    /// Sends a byte on a connection between a poll and what is done after it.
    private final class Interruption: PollHandler {
        let connection: SocketEnd
        let receiver: CInt
        private(set) var failure: (any Error)?
        init(_ connection: SocketEnd, to receiver: CInt) { (self.connection, self.receiver) = (connection, receiver) }

        func polled() {
            do { try connection.send("x") } catch { failure = error }
            waitForArrival(on: receiver)
        }
    }

    @Test func `at most eight requests are written before the kernel is asked again what has come`() throws {
        try ScriptedUpstream.run { upstream, loop in
            let idle = try await upstream.warmUp(12, on: loop)
            // The oldest is used last.
            let interruption = Interruption(idle[0], to: try #require(upstream.idleDescriptors.last))
            loop.reactor.callAfterPoll(interruption)
            let texts = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<12 {
                    group.addImmediateTask { await upstream.outcome(of: .get("/\(number)"), on: loop).text }
                }
                for connection in idle[1...] {
                    _ = try await connection.message(on: loop)
                    try connection.send(okResponse)
                }
                // The last request goes to a new connection.
                let replacement = try await upstream.listener.accept(on: loop)
                #expect(try await replacement.message(on: loop).start == "GET /11 HTTP/1.1")
                try replacement.send(okResponse)
                var texts: [String] = []
                for try await text in group { texts.append(text) }
                return texts
            }
            #expect(interruption.failure == nil)
            #expect(texts == Array(repeating: "200 ok", count: 12))
            _ = try await idle[0].end(on: loop)
        }
    }

    @Test func `what came before a request is no answer to it, though a read that was put off comes between`() throws {
        try ScriptedUpstream.run { upstream, loop in
            let kept = try await upstream.warmUp(1, on: loop)[0]
            try await withThrowingTaskGroup(of: Void.self) { group in
                // The loop has more to do, so that the request is written after the next poll.
                group.addImmediateTask { await loop.settle() }
                let exchange = upstream.fetcher.start(.get("/"), from: upstream.origin)
                let connection = try #require(exchange.connection)
                try kept.send(okResponse.replacing("ok", with: "no"))
                waitForArrival(on: connection.fd)
                // What the fetcher does for connections that the turn before had no time for.
                connection.receive()
                let response = try await upstream.listener.serving(
                    by: { connection, loop in
                        _ = try await connection.message(on: loop)
                        try connection.send(okResponse)
                    }, on: loop
                ) {
                    let wake = await loop.reactor.suspend(exchange.wait, until: loop.now.advanced(by: .seconds(10)))
                    return try exchange.take(wake)
                }
                #expect(response.body == Array("ok".utf8))
                _ = try await kept.end(on: loop)
                try await group.waitForAll()
            }
        }
    }

    @Test(
        "A request is written at once if the loop has nothing else to do, and after the next poll if it has",
        arguments: [false, true])
    func writing(hasMoreToDo: Bool) throws {
        try ScriptedUpstream.run { upstream, loop in
            let kept = try await upstream.warmUp(2, on: loop)
            try await withThrowingTaskGroup(of: Void.self) { group in
                if hasMoreToDo { group.addImmediateTask { await loop.settle() } }
                for number in 0..<2 {
                    let exchange = upstream.fetcher.start(.get("/\(number)"), from: upstream.origin)
                    let connection = try #require(exchange.connection)
                    #expect(connection.isSent != hasMoreToDo)
                    group.addImmediateTask {
                        let wake = await loop.reactor.suspend(exchange.wait, until: loop.now.advanced(by: .seconds(10)))
                        let body = try exchange.take(wake).body
                        #expect(body == Array("ok".utf8))
                    }
                }
                for connection in kept {
                    _ = try await connection.message(on: loop)
                    try connection.send(okResponse)
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `what has come when a request is about to be written at once is no answer to it`() throws {
        try ScriptedUpstream.run { upstream, loop in
            let kept = try await upstream.warmUp(2, on: loop)
            for (connection, fd) in zip(kept.reversed(), upstream.idleDescriptors) {
                try connection.send(okResponse.replacing("ok", with: "no"))
                waitForArrival(on: fd)
            }
            let texts = try await upstream.listener.serving(
                by: { connection, loop in
                    _ = try await connection.message(on: loop)
                    try connection.send(okResponse)
                }, on: loop
            ) {
                let exchanges = (0..<2).map { _ in upstream.fetcher.start(.get("/"), from: upstream.origin) }
                var bodies: [[UInt8]] = []
                for exchange in exchanges {
                    let wake = await loop.reactor.suspend(exchange.wait, until: loop.now.advanced(by: .seconds(10)))
                    bodies.append(try exchange.take(wake).body)
                }
                return bodies
            }
            #expect(texts == Array(repeating: Array("ok".utf8), count: 2))
        }
    }

    @Test(
        "A 408 that crosses a request is the end of an idle connection, if the request may be sent again",
        arguments: [("GET", "200 new"), ("POST", "408 ")])
    func crossing408(_ method: String, _ expected: String) throws {
        try ScriptedUpstream.run { upstream, loop in
            let connection = try await upstream.warmUp(1, on: loop)[0]
            let text = try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    _ = try await connection.message(on: loop)
                    try connection.send(Self.timedOut)
                    connection.close()
                    if method == "GET" {
                        let next = try await upstream.listener.accept(on: loop)
                        _ = try await next.message(on: loop)
                        try next.send(okResponse.replacing("ok", with: "new").replacing(": 2", with: ": 3"))
                    }
                }
                let request = ClientRequest.request(method, "/", body: method == "POST" ? [0x31] : nil)
                let text = await upstream.outcome(of: request, on: loop).text
                try await group.waitForAll()
                return text
            }
            #expect(text == expected)
        }
    }

    @Test func `an upstream that resets after each complete answer fails no request`() throws {
        try ScriptedUpstream.run { upstream, loop in
            let failures = try await upstream.listener.serving(
                by: { connection, loop in
                    _ = try await connection.message(on: loop)
                    try connection.send(okResponse)
                    connection.reset()
                }, on: loop
            ) {
                await withTaskGroup(of: Int.self) { group in
                    for _ in 0..<10 {
                        group.addImmediateTask {
                            var failures = 0
                            for _ in 0..<300 where await upstream.outcome(on: loop).text != "200 ok" { failures += 1 }
                            return failures
                        }
                    }
                    var failures = 0
                    for await failed in group { failures += failed }
                    return failures
                }
            }
            #expect(failures == 0)
        }
    }

    @Test(
        "A response with a second one behind it is taken, and the second never",
        arguments: ["at once", "a turn later", "in two pieces"])
    func secondAnswer(_ how: String) throws {
        try ScriptedUpstream.run { upstream, loop in
            let texts = try await upstream.listener.serving(
                by: { connection, loop in
                    while true {
                        let number = try await connection.message(on: loop).start.split(separator: "/")[1].prefix(2)
                        let answer = { (mark: String) in
                            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\(mark)\(number)"
                        }
                        switch how {
                        case "at once": try connection.send(answer("a ") + answer("b "))
                        case "in two pieces":
                            try connection.send(answer("a ") + "HTTP/1.1 ")
                            await loop.settle()
                            try connection.send("200 OK\r\n\r\n")
                        default:
                            try connection.send(answer("a "))
                            try connection.send(answer("b "))
                        }
                    }
                }, on: loop
            ) {
                var texts: [String] = []
                for number in 10..<60 { texts.append(await upstream.outcome(of: .get("/\(number)"), on: loop).text) }
                return texts
            }
            #expect(texts == (10..<60).map { "200 a \($0)" })
        }
    }

    @Test("A request that a kept connection breaks under is seen twice at most", arguments: ["GET", "PUT", "POST"])
    func staleRetry(_ method: String) throws {
        try ScriptedUpstream.run { upstream, loop in
            let idle = try await upstream.warmUp(8, on: loop)
            let sightings = Sightings()
            let outcome = try await withThrowingTaskGroup(of: Void.self) { group in
                // Every connection, kept or new, breaks when it has the request.
                for connection in idle {
                    group.addImmediateTask {
                        if let message = try? await connection.message(on: loop) { sightings.note(message) }
                        connection.reset()
                    }
                }
                let request = ClientRequest.request(method, "/", body: method == "GET" ? nil : [0x31])
                let outcome = try await upstream.listener.serving(
                    by: { connection, loop in
                        sightings.note(try await connection.message(on: loop))
                        connection.reset()
                    }, on: loop
                ) { await upstream.outcome(of: request, on: loop) }
                group.cancelAll()
                return outcome
            }
            #expect(outcome.failure == .reset)
            #expect(sightings.counts == ["\(method) / HTTP/1.1": method == "POST" ? 1 : 2])
        }
    }

    @Test("A call may say that its request must not arrive twice, or may", arguments: [("GET", false), ("POST", true)])
    func repeatable(_ method: String, _ isRepeatable: Bool) throws {
        try ScriptedUpstream.run { upstream, loop in
            let idle = try await upstream.warmUp(1, on: loop)
            let sightings = Sightings()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    sightings.note(try await idle[0].message(on: loop))
                    idle[0].reset()
                    guard isRepeatable else { return }
                    let next = try await upstream.listener.accept(on: loop)
                    sightings.note(try await next.message(on: loop))
                    try next.send(okResponse)
                }
                var request = ClientRequest.request(method, "/", body: [0x31])
                request.isRepeatable = isRepeatable
                let exchange = upstream.fetcher.start(request, from: upstream.origin)
                let wake = await loop.reactor.suspend(exchange.wait, until: loop.now.advanced(by: .seconds(5)))
                let response = try? exchange.take(wake)
                #expect(response?.status == (isRepeatable ? 200 : nil))
                try await group.waitForAll()
            }
            #expect(sightings.counts == ["\(method) / HTTP/1.1": isRepeatable ? 2 : 1])
        }
    }

    @Test func `the newest connection is used first, and those beyond the limit are closed`() throws {
        var options = FetchOptions()
        options.idleConnections = 3
        try ScriptedUpstream.run(options: options) { upstream, loop in
            let idle = try await upstream.warmUp(5, on: loop)
            for connection in idle[3...] { #expect(try await connection.end(on: loop) == .closed) }
            for _ in 0..<2 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addImmediateTask { #expect(await upstream.outcome(on: loop).text == "200 ok") }
                    #expect(try await idle[2].message(on: loop).start == "GET / HTTP/1.1")
                    try idle[2].send(okResponse)
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func `idle connections close after their time, and old ones before their next request`() throws {
        var options = FetchOptions()
        options.idleTime = .milliseconds(30)
        try ScriptedUpstream.run(options: options) { upstream, loop in
            for connection in try await upstream.warmUp(3, on: loop) {
                #expect(try await connection.end(on: loop) == .closed)
            }
        }
        options.idleTime = .seconds(60)
        options.maxConnectionAge = .nanoseconds(1)
        try ScriptedUpstream.run(options: options) { upstream, loop in
            for connection in try await upstream.warmUp(3, on: loop) {
                #expect(try await connection.end(on: loop) == .closed)
            }
        }
    }

    /// By how many descriptors a loop watched fewer at the end of a turn than at that of the one before.
    private final class Drops: TurnHandler {
        private let reactor: Reactor
        private var last: Int
        private(set) var most = 0
        init(_ reactor: Reactor) { (self.reactor, last) = (reactor, reactor.watchedDescriptors) }

        func turnEnds() {
            most = max(most, last - reactor.watchedDescriptors)
            last = reactor.watchedDescriptors
        }
    }

    @Test("Of thousands of connections that are to be closed a part is closed in each turn", arguments: [false, true])
    func closing(_ isRemoved: Bool) throws {
        allowDescriptors(1500)
        var options = FetchOptions()
        // All are too old when the first has been idle for its time.
        options.idleTime = .seconds(isRemoved ? 3600 : 3)
        options.maxConnectionAge = .seconds(isRemoved ? 3600 : 2)
        options.idleConnections = 600
        try ScriptedUpstream.run(options: options) { upstream, loop in
            let idle = try await upstream.warmUp(600, on: loop)
            let drops = Drops(loop.reactor)
            loop.reactor.addTurnHandler(drops)
            if isRemoved { upstream.fetcher.remove(upstream.origin) }
            for connection in idle { #expect(try await connection.end(on: loop) == .closed) }
            loop.reactor.removeTurnHandler(drops)
            #expect((1...256).contains(drops.most))
        }
    }

    @Test(
        "A response after which the connection may not be used again closes it",
        arguments: [
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokX",
        ])
    func lastResponse(_ bytes: String) throws {
        try ScriptedUpstream.run { upstream, loop in
            let outcome = try await upstream.fetch(on: loop) { connection, loop in
                _ = try await connection.message(on: loop)
                try connection.send(bytes)
                #expect(try await connection.rest(on: loop).isEmpty)
            }
            #expect(outcome.text == "200 ok")
        }
    }

    @Test func `a response that comes before the request is sent is taken, and its connection closed`() throws {
        try ScriptedUpstream.run { upstream, loop in
            let request = ClientRequest.request("POST", "/", body: [UInt8](repeating: 0x61, count: 30_000_000))
            let outcome = try await upstream.fetch(request, on: loop) { connection, loop in
                _ = try await connection.receive(atMost: 100, on: loop)
                try connection.send("HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno")
                _ = try await connection.end(on: loop)
            }
            #expect(outcome.text == "413 no")
        }
    }
}

extension UpstreamExchange {
    /// The kept connection that it has.
    fileprivate var connection: UpstreamConnection? {
        if case .onConnection(let connection) = state { connection } else { nil }
    }
}
