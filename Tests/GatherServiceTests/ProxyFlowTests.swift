import EventLoop
import Foundation
import TestSupport
import Testing

/// How what is passed through flows, and what ends it.
@Suite(.blocking) struct ProxyFlowTests {
    private static let whole =
        "- { path: \"/{rest...}\", method: any, proxy: \"raw:/{path.rest}\", max_body: 1GB, timeout: 20s, stall: 20s }"
    /// More than the kernel holds for a connection that is not read, at both of its ends.
    private static let large = 16 << 20

    private static func content(_ count: Int) -> [UInt8] {
        let pattern = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 9) }
        var content: [UInt8] = []
        content.reserveCapacity(count)
        // Shifted, so that no two pieces are equal.
        for number in 0..<count / pattern.count { content += pattern[number...] + pattern[..<number] }
        return content
    }

    @Test(
        "A slow client makes the upstream wait, and no other client",
        arguments: ["Content-Length: \(large)", "Transfer-Encoding: chunked", "X: 1"])
    func slowClient(_ framing: String) throws {
        try RunningService.run(proxied(Self.whole)) { service, loop in
            let content = Self.content(Self.large)
            let client = try SocketEnd(port: service.port, receiveBuffer: 4096, on: loop)
            try client.send(RunningService.request("GET", "/a"))
            let upstream = try await service.raw.accept(on: loop)
            _ = try await upstream.requestHead(on: loop)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let progress = Progress()
                group.addImmediateTask {
                    try upstream.send("HTTP/1.1 200 OK\r\n\(framing)\r\n\r\n")
                    let isChunked = framing.hasPrefix("T")
                    for start in stride(from: 0, to: content.count, by: 1 << 20) {
                        let piece = Array(content[start..<min(content.count, start + 1 << 20)])
                        if isChunked { try upstream.send(String(piece.count, radix: 16) + "\r\n") }
                        try await upstream.send(piece + (isChunked ? Array("\r\n".utf8) : []), on: loop)
                        progress.count += piece.count
                    }
                    if isChunked { try upstream.send("0\r\n\r\n") }
                    upstream.finishSending()
                }
                // It gets stuck where the kernel takes no more, and others are served.
                while case let before = progress.count, try await service.get("/of-up", on: loop).status == 200 {
                    for _ in 1...5 { try await loop.sleep(for: .milliseconds(2)) }
                    if before > 0, progress.count == before { break }
                }
                #expect(progress.count < content.count)
                let answer = try RawAnswer(try await client.rest(on: loop))
                #expect(answer.isWhole && Data(answer.content) == Data(content))
                #expect(answer.isChunked == !framing.hasPrefix("C"))
                try await group.waitForAll()
            }
        }
    }

    private final class Progress { var count = 0 }

    @Test("A slow upstream makes the client wait, and no other client", arguments: [false, true])
    func slowUpstream(_ isChunked: Bool) throws {
        try RunningService.run(proxied(Self.whole)) { service, loop in
            let content = Self.content(Self.large)
            let client = try SocketEnd(port: service.port, on: loop)
            let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(content.count)"
            try client.send("PUT /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\(framing)\r\n\r\n")
            try await withThrowingTaskGroup(of: Void.self) { group in
                let progress = Progress()
                group.addImmediateTask {
                    for start in stride(from: 0, to: content.count, by: 1 << 20) {
                        let piece = Array(content[start..<min(content.count, start + 1 << 20)])
                        if isChunked { try client.send(String(piece.count, radix: 16) + "\r\n") }
                        try await client.send(piece + (isChunked ? Array("\r\n".utf8) : []), on: loop)
                        progress.count += piece.count
                    }
                    if isChunked { try client.send("0\r\n\r\n") }
                }
                let upstream = try await service.raw.accept(on: loop)
                while case let before = progress.count, try await service.get("/of-up", on: loop).status == 200 {
                    for _ in 1...5 { try await loop.sleep(for: .milliseconds(2)) }
                    if before > 0, progress.count == before { break }
                }
                #expect(progress.count < content.count)
                var got = try await upstream.requestHead(on: loop).rest
                if isChunked {
                    while !got.suffix(5).elementsEqual("0\r\n\r\n".utf8) { got += try await upstream.receive(on: loop) }
                    got = try RawAnswer(Array("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n".utf8) + got).content
                } else {
                    while got.count < content.count { got += try await upstream.receive(on: loop) }
                }
                #expect(Data(got) == Data(content))
                try upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                #expect(try await client.reply(on: loop).body == "ok")
                try await group.waitForAll()
            }
        }
    }

    @Test("What an upstream sends reaches the client at once, the head alone as well")
    func atOnce() throws {
        try RunningService.run(proxied(Self.whole)) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
            let upstream = try await service.raw.accept(on: loop)
            _ = try await upstream.requestHead(on: loop)
            try upstream.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            let answer = try await client.chunkedMessage(on: loop)
            for event in ["data: 1\n\n", "data: 2\n\n"] {
                try upstream.send(String(event.utf8.count, radix: 16) + "\r\n" + event + "\r\n")
                #expect(try await answer.next(on: loop) == event)
            }
            try upstream.send("0\r\n\r\n")
            #expect(try await answer.next(on: loop) == nil)
            // Both connections go on.
            try client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await upstream.requestHead(on: loop).head.hasPrefix("GET /next "))
            try upstream.send("HTTP/1.1 204 No Content\r\n\r\n")
            #expect(try await client.message(on: loop).status == 204)
        }
    }

    @Test(
        "A client that leaves ends the exchange with the upstream",
        arguments: ["before the head", "in the content", "in its body"])
    func clientLeaves(_ moment: String) throws {
        try RunningService.run(proxied(Self.whole, upstream: "max_in_flight: 1")) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            let body = moment == "in its body" ? "Content-Length: 100000\r\n" : ""
            try client.send("PUT /a HTTP/1.1\r\nHost: a\r\n\(body)\r\n")
            let upstream = try await service.raw.accept(on: loop)
            _ = try await upstream.requestHead(on: loop)
            if moment == "in the content" {
                try upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
                _ = try await client.receive(on: loop)
            }
            client.close()
            _ = try await upstream.end(on: loop)
            // Its place is free again.
            let next = try SocketEnd(port: service.port, on: loop)
            try next.send(RunningService.request("GET", "/next"))
            let other = try await service.raw.accept(on: loop)
            _ = try await other.requestHead(on: loop)
            try other.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            #expect(try await next.reply(on: loop).body == "ok")
            #expect(service.log.accesses.map { $0["status"] } == ["499", "200"])
        }
    }

    @Test(
        "An upstream that is too slow is given up",
        arguments: [
            // The head, from the end of the request on.
            ("", "", 504), ("Content-Length: 5\r\n\r\nhello", "", 504),
            // It takes no more of the body, or gives no more of the content: the answer is cut short.
            ("", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 200),
            ("", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 200),
        ])
    func tooSlow(_ request: String, _ answer: String, _ status: Int) throws {
        // Only the one that is to be over: the upstream's answer comes late on a busy machine.
        let times = status == 504 ? "timeout: 50ms" : "timeout: 20s, stall: 50ms"
        try RunningService.run(proxied("- { path: /a, method: POST, proxy: \"raw:/a\", \(times) }")) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send("POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\(request.isEmpty ? "\r\n" : request)")
            let upstream = try await service.raw.accept(on: loop)
            _ = try await upstream.requestHead(on: loop)
            try upstream.send(answer)
            let got = try RawAnswer(try await client.rest(on: loop))
            #expect(got.status == status)
            #expect(got.isWhole == (status == 504))
            _ = try await upstream.end(on: loop)
            let phase = status == 504 ? "waiting for the head of the response" : "reading the body of the response"
            #expect(service.log.accesses.first?["failed"] == "raw: timeout (\(phase))")
        }
    }

    @Test func `an upstream that takes nothing of a body is given up`() throws {
        let endpoint = "- { path: /a, method: PUT, proxy: \"raw:/a\", max_body: 1GB, timeout: 20s, stall: 50ms }"
        try RunningService.run(proxied(endpoint)) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: \(Self.large)\r\n\r\n")
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask { try? await client.send(Self.content(Self.large), on: loop) }
                let upstream = try await service.raw.accept(on: loop)
                let answer = try await client.message(on: loop)
                #expect(answer.status == 504)
                _ = upstream
                client.close()
                group.cancelAll()
            }
        }
    }

    @Test(
        "An upstream that refuses a body is heard at once, and gets no more of it",
        arguments: ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
    func refused(_ framing: String) throws {
        try RunningService.run(proxied(Self.whole)) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send("PUT /a HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n")
            try client.send(framing.hasPrefix("C") ? "beginning" : "9\r\nbeginning\r\n")
            let upstream = try await service.raw.accept(on: loop)
            _ = try await upstream.requestHead(on: loop)
            try upstream.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
            let answer = try await client.message(on: loop)
            #expect(answer.status == 401 && answer.body == "no")
            #expect(answer.field("Connection") == "close")
            #expect(try await upstream.end(on: loop) == .closed)
        }
    }

    @Test func `an upstream may answer while it still reads, and gets all`() throws {
        try RunningService.run(proxied(Self.whole)) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send("PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            let upstream = try await service.raw.accept(on: loop)
            _ = try await upstream.requestHead(on: loop)
            try upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            let answer = try await client.chunkedMessage(on: loop)
            for letter in ["a", "b", "c"] {
                try client.send("1\r\n\(letter)\r\n")
                #expect(try await upstream.receive(on: loop) == Array("1\r\n\(letter)\r\n".utf8))
                try upstream.send("1\r\n\(letter)\r\n")
                #expect(try await answer.next(on: loop) == letter)
            }
            try client.send("0\r\n\r\n")
            #expect(try await upstream.receive(on: loop) == Array("0\r\n\r\n".utf8))
            try upstream.send("0\r\n\r\n")
            #expect(try await answer.next(on: loop) == nil)
        }
    }

    @Test(
        "An answer that breaks off is cut short, and never looks whole",
        arguments: [
            ("Content-Length: 10\r\n\r\nhello", ""), ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", ""),
            ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "nonsense"),
        ])
    func brokenOff(_ beginning: String, _ rest: String) throws {
        try RunningService.run(proxied(Self.whole)) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            let upstream = try await service.raw.accept(on: loop)
            _ = try await upstream.requestHead(on: loop)
            try upstream.send("HTTP/1.1 200 OK\r\n" + beginning)
            var bytes = try await client.receive(on: loop)
            try upstream.send(rest)
            upstream.finishSending()
            bytes += try await client.rest(on: loop)
            let got = try RawAnswer(bytes)
            #expect(got.status == 200 && !got.isWhole && got.content == Array("hello".utf8))
            #expect(service.log.accesses.first?["failed"] != nil)
        }
    }

    @Test func `bytes behind an answer are not the next one's`() throws {
        try RunningService.run(proxied(Self.whole)) { service, loop in
            let smuggled =
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
            for answer in [smuggled, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"] {
                let client = try SocketEnd(port: service.port, on: loop)
                try client.send(RunningService.request("GET", "/a"))
                let upstream = try await service.raw.accept(on: loop)
                _ = try await upstream.requestHead(on: loop)
                try upstream.send(answer)
                #expect(try await client.reply(on: loop).body == "hello")
            }
        }
    }

    @Test("Only a request of which nothing was sent goes to another host", arguments: [false, true])
    func anotherHost(_ isUnsent: Bool) throws {
        let closed = try SocketPort.closed()
        let endpoint = "- { path: /two, method: POST, proxy: \"raw:/a\" }"
        try RunningService.run({ ports in
            var configuration = try proxied(endpoint, upstream: "retry: { attempts: 3, backoff: 1ms }")(ports)
            let dead = "http://127.0.0.1:\(isUnsent ? closed : ports.raw)"
            configuration.plan.upstreams[0].hosts = [try .init(dead), try .init("http://localhost:\(ports.raw)")]
            return configuration
        }) { service, loop in
            for _ in 1...(isUnsent ? 8 : 2) {
                let client = try SocketEnd(port: service.port, on: loop)
                try client.send(RunningService.request("POST", "/two", body: "hello"))
                let upstream = try await service.raw.accept(on: loop)
                #expect(try await upstream.requestHead(on: loop).head.contains("Host: localhost") || !isUnsent)
                if !isUnsent {
                    // It may have done what it was asked for.
                    upstream.close()
                    #expect(try await client.reply(on: loop).status == 502)
                    continue
                }
                try upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                #expect(try await client.reply(on: loop).body == "ok")
            }
            #expect(service.raw.acceptNow() == nil)
        }
    }

    @Test func `what was read of a body for a host that is not there goes to the next`() throws {
        let closed = try SocketPort.closed()
        let content = String(repeating: "0123456789", count: 5000)
        try RunningService.run({ ports in
            var configuration = try proxied(
                "- { path: /a, method: PUT, proxy: \"raw:/a\" }", upstream: "retry: { attempts: 2, backoff: 1ms }")(
                    ports)
            let hosts = ["http://127.0.0.1:\(closed)", "http://127.0.0.1:\(ports.raw)"]
            configuration.plan.upstreams[0].hosts = try hosts.map { try .init($0) }
            return configuration
        }) { service, loop in
            // Each time another host may be the first.
            for _ in 1...8 {
                let client = try SocketEnd(port: service.port, on: loop)
                try client.send(RunningService.request("PUT", "/a", body: content))
                let upstream = try await service.raw.accept(on: loop)
                var (_, got) = try await upstream.requestHead(on: loop)
                while got.count < content.utf8.count { got += try await upstream.receive(on: loop) }
                #expect(Data(got) == Data(content.utf8))
                try upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                #expect(try await client.reply(on: loop).body == "ok")
            }
        }
    }

    @Test func `an upstream that fails is left alone, and so is one that is full`() throws {
        let upstream = "breaker: { min_calls: 2, failure_ratio: 1 }, max_in_flight: 1, queue: { max: 0 }"
        try RunningService.run(proxied(Self.whole, upstream: upstream)) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(RunningService.request("GET", "/a"))
            let first = try await service.raw.accept(on: loop)
            _ = try await first.requestHead(on: loop)
            let full = try await service.get("/b", on: loop)
            #expect(full.status == 503 && full["Retry-After"] == "1" && full.body.contains("shed"))
            try first.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            #expect(try await client.reply(on: loop).status == 503)

            let next = try SocketEnd(port: service.port, on: loop)
            try next.send(RunningService.request("GET", "/a"))
            let second = try await service.raw.accept(on: loop)
            _ = try await second.requestHead(on: loop)
            second.close()
            #expect(try await next.reply(on: loop).status == 502)
            let refused = try await service.get("/a", on: loop)
            #expect(refused.status == 503 && refused["Retry-After"] == "1" && refused.body.contains("refused"))
            #expect(service.raw.acceptNow() == nil)
        }
    }

    @Test func `what is passed through ends by the configuration that it began with`() throws {
        try RunningService.run(proxied(Self.whole)) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(RunningService.request("GET", "/a"))
            let upstream = try await service.raw.accept(on: loop)
            _ = try await upstream.requestHead(on: loop)
            try upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            var bytes = try await client.receive(on: loop)
            // Another upstream of that name, and no such path.
            try await service.reload(
                { ports in
                    try scripted("- { path: /other, proxy: \"up:/a\" }")(ports)
                }, on: loop)
            #expect(try await service.get("/a", on: loop).status == 404)
            #expect(try await service.get("/other", on: loop).status == 200)
            try upstream.send("world")
            bytes += try await client.rest(on: loop)
            let answer = try RawAnswer(bytes)
            #expect(answer.isWhole && answer.content == Array("helloworld".utf8))
        }
    }

    @Test func `an upstream that wants to know is told how long the head of its answer may take`() throws {
        let endpoint = "- { path: /a, proxy: \"raw:/a\", timeout: 1500ms }"
        try RunningService.run(proxied(endpoint, upstream: "deadline_header: X-Deadline")) { service, loop in
            let client = try SocketEnd(port: service.port, on: loop)
            try client.send(RunningService.request("GET", "/a", ["x-deadline: 1"]))
            let upstream = try await service.raw.accept(on: loop)
            let head = try await upstream.requestHead(on: loop).head
            #expect(head.contains("X-Deadline: 1500\r\n") && !head.contains("x-deadline"))
            try upstream.send("HTTP/1.1 204 No Content\r\n\r\n")
            #expect(try await client.reply(on: loop).status == 204)
        }
    }

    @Test("trailing_slash says whether a slash at the end of a path makes a difference", arguments: [false, true])
    func lastSlash(_ isSame: Bool) throws {
        let endpoints = """
            - { path: /with/, proxy: "up:/a" }
            - { path: "/without/{id}", proxy: "up:/b/{path.id}" }
            """
        try RunningService.run(proxied(endpoints, server: isSame ? "trailing_slash: same" : "")) { service, loop in
            for (path, isWritten) in [("/with/", true), ("/with", false), ("/without/1", true), ("/without/1/", false)]
            {
                let status = try await service.get(path, on: loop).status
                #expect(status == (isWritten || isSame ? 200 : 404), "\(path)")
            }
            #expect(try await service.get("/with//", on: loop).status == 404)
            // The log knows each by the name that it has in the file.
            guard isSame else { return }
            #expect(Set(service.log.accesses.prefix(4).compactMap { $0["route"] }) == ["/with/", "/without/{id}"])
        }
    }
}

enum SocketPort {
    /// A port of the loopback without a listener.
    static func closed() throws -> UInt16 {
        try TestLoop.runOnSystem { loop in
            let listener = try SocketListener(on: loop)
            defer { listener.close() }
            return listener.port
        }
    }
}
