import EventLoop
import HTTPServer
import TestSupport
import Testing

@testable import GatherService

/// What each key of `server` and `demo` changes, in the service as the command line starts it.
@Suite(.blocking) struct ServerKeyTests {
    @Test func `listen and admin say where it listens`() throws {
        let addresses = try WholeService.run(server: #"listen: "127.0.0.2:0", admin: "127.0.0.3:0""#) { whole, _ in
            [whole.service.address, whole.service.adminAddress]
        }.value
        #expect(addresses[0]?.hasPrefix("127.0.0.2:") ?? false)
        #expect(addresses[1]?.hasPrefix("127.0.0.3:") ?? false)
        let off = try WholeService.run(server: #"listen: "127.0.0.1:0", admin: off"#) { whole, _ in
            whole.service.adminAddress
        }
        #expect(off.value == nil)
    }

    /// Asks for what the upstream holds, on so many connections at once; how many of them are served.
    private func served(_ connections: Int, of expected: Int, server: String, loops: Int) throws -> Int {
        try WholeService.run(server: server, loops: loops) { whole, loop in
            whole.upstream.answers = ["a": .held]
            let clients = try (0..<connections).map { _ in
                try whole.connect(RunningService.request("GET", "/a"), on: loop)
            }
            #expect(try await eventually(on: loop) { whole.upstream.waiting >= expected })
            // By then the others would have been heard as well.
            for _ in 0..<20 { #expect(try await whole.admin("/healthz", on: loop).status == 200) }
            let served = whole.upstream.waiting
            whole.upstream.release()
            // Those that waited are served behind the others.
            for client in clients { #expect(try await client.reply(on: loop).status == 200) }
            return served
        }.value
    }

    @Test func `at the limit of connections the others wait`() throws {
        #expect(try served(4, of: 2, server: "limits: { connections: 2 }", loops: 1) == 2)
        #expect(try served(4, of: 4, server: "", loops: 1) == 4)
    }

    @Test func `the number of loops makes no difference to a limit of connections`() throws {
        #expect(try served(5, of: 1, server: "limits: { connections: 1 }", loops: 3) == 1)
    }

    @Test func `loops is the number of loops, over which connections spread`() throws {
        for loops in [1, 3] {
            let held = try WholeService.run(server: "limits: { gathers: 8 }", loops: loops) { whole, loop in
                whole.upstream.answers = ["a": .held]
                let clients = try (0..<9).map { _ in
                    try whole.connect(RunningService.request("GET", "/a"), on: loop)
                }
                // The limit is that of all loops together: one is refused, on whichever it is.
                #expect(try await eventually(on: loop) { whole.upstream.waiting == 8 && whole.log.accesses.count == 1 })
                whole.upstream.release()
                var statuses: [Int] = []
                for client in clients { statuses.append(try await client.reply(on: loop).status) }
                return statuses.sorted()
            }.value
            #expect(held == [200, 200, 200, 200, 200, 200, 200, 200, 503])
        }
    }

    @Test func `limits.connections_per_client is the number of one client's connections`() throws {
        let ends = try WholeService.run(server: "limits: { connections_per_client: 1 }") { whole, loop in
            whole.upstream.answers = ["a": .held]
            let first = try whole.connect(RunningService.request("GET", "/a"), on: loop)
            #expect(try await eventually(on: loop) { whole.upstream.waiting == 1 })
            let second = try whole.connect(on: loop)
            let end = try await second.rest(on: loop).count
            whole.upstream.release()
            return [try await first.reply(on: loop).status, end]
        }.value
        #expect(ends == [200, 0])
    }

    @Test func `half_close says what becomes of the request of a client that has closed its side`() throws {
        for (server, status) in [("", "499"), ("half_close: cancel", "499"), ("half_close: answer", "200")] {
            let log = try WholeService.run(server: server) { whole, loop in
                whole.upstream.answers = ["a": .held]
                let client = try whole.connect(RunningService.request("GET", "/a"), on: loop)
                #expect(try await eventually(on: loop) { whole.upstream.waiting == 1 })
                client.finishSending()
                for _ in 0..<3 { #expect(try await whole.admin("/healthz", on: loop).status == 200) }
                whole.upstream.release()
                #expect(try await eventually(on: loop) { whole.log.accesses.count == 1 })
                withExtendedLifetime(client) {}
            }.log
            #expect(log.accesses.map { $0["status"] } == [status])
        }
    }

    @Test func `limits.unanswered is the room for requests that wait for their answers`() throws {
        let body = "\"" + String(repeating: "x", count: 900_000) + "\""
        let statuses = try WholeService.run(server: "limits: { unanswered: 1MiB }") { whole, loop in
            whole.upstream.answers = ["a": .held]
            let request = Array(RunningService.request("POST", "/body", body: body).utf8)
            let first = try whole.connect(on: loop)
            try await first.send(request, on: loop)
            #expect(try await eventually(on: loop) { whole.upstream.waiting == 1 })
            let second = try whole.connect(on: loop)
            try await second.send(request, on: loop)
            let refused = try await second.reply(on: loop).status
            whole.upstream.release()
            return [try await first.reply(on: loop).status, refused]
        }.value
        #expect(statuses == [200, 503])
    }

    @Test func `timeouts.lame_duck is how long connections are taken after a stop signal`() throws {
        let (statuses, readiness) = try WholeService.run(server: "timeouts: { lame_duck: 60s }") { whole, loop in
            let admin = try await whole.admin("/readyz", on: loop).status
            whole.service.drain.open()
            let unready = try await whole.admin("/readyz", on: loop).status
            let reply = try await whole.get("/hello", on: loop)
            #expect(reply["Connection"] == "close")
            return ([reply.status], [admin, unready])
        }.value
        #expect(statuses == [200])
        #expect(readiness == [200, 503])
    }

    @Test func `access_log says whether requests are logged`() throws {
        for (isOn, lines) in [(true, 1), (false, 0)] {
            let (status, log) = try WholeService.run(server: "access_log: \(isOn)") { whole, loop in
                try await whole.get("/a", on: loop).status
            }
            #expect(status == 200)
            #expect(log.accesses.count == lines)
        }
    }

    @Test func `client_deadline_header names the field in which clients say how long they wait`() throws {
        let status = { @Sendable (server: String) in
            try WholeService.run(server: server) { whole, loop in
                whole.upstream.answers = ["a": .never]
                let limited = try await whole.get("/a", "X-Patience: 20", on: loop).status
                return [limited, try await whole.get("/a", "X-Patience: soon", on: loop).status]
            }.value
        }
        #expect(try status("client_deadline_header: X-Patience") == [504, 400])
    }

    @Test(
        "A request beyond a limit is refused, and one within it is not",
        arguments: [
            ("head: 1KiB", RunningService.request("GET", "/a", ["X: " + String(repeating: "x", count: 2000)]), 431),
            ("target: 64B", RunningService.request("GET", "/a?" + String(repeating: "x", count: 64)), 414),
            ("fields: 3", RunningService.request("GET", "/a", ["A: 1", "B: 2"]), 431),
            ("body: 8B", RunningService.request("POST", "/body", body: "123456789"), 413),
        ])
    func limits(_ limit: String, _ request: String, _ status: Int) throws {
        for (server, expected) in [("limits: { \(limit) }", status), ("", 200)] {
            let got = try WholeService.run(server: server) { whole, loop in
                try await whole.connect(request, on: loop).reply(on: loop).status
            }.value
            #expect(got == expected)
        }
    }

    @Test func `limits.gathers is the number of gathers in flight`() throws {
        let status = try WholeService.run(server: "limits: { gathers: 1 }") { whole, loop in
            whole.upstream.answers = ["a": .held]
            let first = try whole.connect(RunningService.request("GET", "/a"), on: loop)
            #expect(try await eventually(on: loop) { whole.upstream.waiting == 1 })
            let status = try await whole.get("/a", on: loop).status
            whole.upstream.release()
            #expect(try await first.reply(on: loop).status == 200)
            return status
        }.value
        #expect(status == 503)
    }

    @Test func `limits.stale is the room for old bodies`() throws {
        for (server, status) in [("", 200), ("limits: { stale: 0B }", 502)] {
            let statuses = try WholeService.run(server: server) { whole, loop in
                whole.upstream.answers = ["a": .inTurn([.json("1"), .status(500)])]
                return [try await whole.get("/kept", on: loop).status, try await whole.get("/kept", on: loop).status]
            }.value
            #expect(statuses == [200, status])
        }
    }

    @Test func `limits.unsent is the room for what clients have not taken`() throws {
        let size = 7 << 20
        let log = try WholeService.run(server: "limits: { unsent: 1MiB }") { whole, loop in
            whole.upstream.answers = ["a": .json("\"" + String(repeating: "x", count: size) + "\"")]
            let request = RunningService.request("GET", "/a")
            let first = try whole.connectSlowly(on: loop)
            try first.send(request)
            // It has its head, so that it waits before the other does.
            _ = try await first.receive(on: loop)
            let second = try whole.connectSlowly(on: loop)
            try second.send(request)
            #expect(try await eventually(on: loop) { !whole.log.accesses.isEmpty })
            #expect(try await second.rest(on: loop).count > size)
            withExtendedLifetime(first) {}
        }.log
        #expect(log.accesses.map { $0["status"] } == ["499", "200"])
    }

    @Test func `timeouts.head and timeouts.body are for a request to come`() throws {
        let start = RunningService.request("POST", "/body", body: "{}").dropLast()
        for (timeout, bytes) in [("head: 20ms", "GET /a"), ("body: 20ms", String(start))] {
            let (status, elapsed) = try WholeService.run(server: "timeouts: { \(timeout) }") { whole, loop in
                let start = loop.now
                let status = try await whole.connect(bytes, on: loop).reply(on: loop).status
                return (status, start.duration(to: loop.now))
            }.value
            #expect(status == 408)
            // The defaults are 10 s.
            #expect(elapsed < .seconds(5))
        }
    }

    @Test func `timeouts.idle is for the next request to come`() throws {
        let closed = try WholeService.run(server: "timeouts: { idle: 20ms }") { whole, loop in
            let start = loop.now
            let request = RunningService.request("GET", "/a").replacing("Connection: close\r\n", with: "")
            _ = try await whole.connect(request, on: loop).reply(on: loop)
            return start.duration(to: loop.now)
        }.value
        #expect(closed < .seconds(10))
    }

    @Test func `timeouts.write is for the client to take more`() throws {
        let log = try WholeService.run(server: "timeouts: { write: 20ms }") { whole, loop in
            // More than the sockets between them hold.
            whole.upstream.answers = ["a": .json("\"" + String(repeating: "x", count: 7 << 20) + "\"")]
            let client = try whole.connect(RunningService.request("GET", "/a"), on: loop)
            #expect(try await eventually(on: loop) { whole.log.accesses.count == 1 })
            withExtendedLifetime(client) {}
        }.log
        #expect(log.accesses.count == 1)
    }

    @Test func `timeouts.shutdown is for what runs when a drain begins`() throws {
        let isCancelled = try WholeService.run(server: "timeouts: { shutdown: 20ms }") { whole, loop in
            whole.upstream.answers = ["a": .never]
            let client = try whole.connect(RunningService.request("GET", "/a"), on: loop)
            let isWaiting = try await eventually(on: loop) { whole.upstream.waiting == 1 }
            #expect(isWaiting)
            whole.service.drain.open()
            defer { withExtendedLifetime(client) {} }
            return try await eventually(on: loop) { whole.upstream.left == 1 }
        }.value
        #expect(isCancelled)
    }

    @Test func `demo.endpoints says whether the demonstrations are served`() throws {
        for (demo, status) in [("{}", 200), ("{ endpoints: false }", 404)] {
            let got = try WholeService.run(demo: demo) { whole, loop in try await whole.get("/hello", on: loop).status }
            #expect(got.value == status)
        }
    }

    @Test func `demo.shop listens where it is told to, and waits as long as it is told to`() throws {
        let address = try FreeAddress()
        let demo = "{ shop: { listen: \"\(address)\", latency: { default: 30ms, stock: 60ms } } }"
        let elapsed = try WholeService.run(demo: demo) { whole, loop in
            var elapsed: [Duration] = []
            for target in ["/customers/1", "/stock?skus=sku-1"] {
                let start = loop.now
                let client = try SocketEnd(host: address.host, port: address.port, on: loop)
                try client.send(RunningService.request("GET", target))
                #expect(try await client.reply(on: loop).status == 200)
                elapsed.append(start.duration(to: loop.now))
            }
            return elapsed
        }.value
        #expect(elapsed[0] >= .milliseconds(30))
        #expect(elapsed[1] >= .milliseconds(60))
    }
}
