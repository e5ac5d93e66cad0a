import Dispatch
import EventLoop
import Glibc
import HTTPServer
import TestSupport
import Testing

@testable import GatherService

/// A service that takes over what its file says now, over real sockets.
@Suite(.blocking) struct ReloadTests {
    private static let endpoint = #"- { path: /a, deadline: 20s, calls: { a: { get: "up:/a" } } }"#
    private static let other = #"- { path: /b, deadline: 20s, calls: { a: { get: "up:/b" } } }"#

    @Test("What the file says is served on every loop, and the answer says what has changed", arguments: [1, 3])
    func change(loops: Int) throws {
        let (reply, statuses, snapshot, log) = try WholeService.run(loops: loops) { whole, loop in
            let reply = try await whole.reload(Self.endpoint, to: Self.other, on: loop)
            var statuses: [Int] = []
            // More than there are loops, so that each gets some.
            for _ in 0..<(2 * loops) {
                statuses.append(try await whole.get("/a", on: loop).status)
                statuses.append(try await whole.get("/b", on: loop).status)
            }
            return (reply, statuses, await whole.service.snapshot(on: loop), whole.log)
        }.value
        #expect(reply.status == 200)
        #expect(reply.body == "serving configuration 2\n- endpoint GET /a\n+ endpoint GET /b\n")
        #expect(statuses == Array(repeating: [404, 200], count: 2 * loops).flatMap(\.self))
        #expect((snapshot.generation, snapshot.loopCount, snapshot.loops.count) == (2, loops, loops))
        #expect(snapshot.loops.allSatisfy { $0.generation == 2 && $0.generations == 1 })
        #expect((snapshot.reloads.changed, snapshot.reloads.unchanged, snapshot.reloads.failed) == (1, 0, 0))
        #expect(
            log.metadata(of: "the configuration was reloaded") == [
                [
                    "cause": "POST /-/reload", "generation": "2",
                    "changes": "- endpoint GET /a, + endpoint GET /b",
                ]
            ])
    }

    @Test func `a file that says the same changes nothing`() throws {
        let (reply, snapshot) = try WholeService.run { whole, loop in
            let reply = try await whole.admin("/-/reload", method: "POST", on: loop)
            return (reply, await whole.service.snapshot(on: loop))
        }.value
        #expect((reply.status, reply.body) == (200, "nothing has changed\n"))
        #expect((snapshot.generation, snapshot.reloads.changed, snapshot.reloads.unchanged) == (1, 0, 1))
    }

    @Test func `a bad file changes nothing, and the answer, the log and the metrics say so`() throws {
        let (reply, status, snapshot, metrics, log) = try WholeService.run { whole, loop in
            let reply = try await whole.reload("/kept, deadline", to: "/kept, dedline", on: loop)
            return (
                reply, try await whole.get("/a", on: loop).status, await whole.service.snapshot(on: loop),
                try await whole.admin("/metrics", on: loop).body, whole.log
            )
        }.value
        #expect(reply.status == 422)
        #expect(reply.body.contains("unknown key 'dedline'; did you mean 'deadline'?"))
        #expect(status == 200)
        #expect((snapshot.generation, snapshot.reloads.failed) == (1, 1))
        #expect(snapshot.reloads.failure?.contains("dedline") ?? false)
        #expect(metrics.contains("\ngatherd_configuration_reloads_total{result=\"failed\"} 1\n"))
        #expect(metrics.contains("\ngatherd_configuration_last_reload_successful 0\n"))
        let lines = log.metadata(of: "the configuration was not reloaded")
        #expect(lines.count == 1)
        #expect(lines.first?["error"]?.contains("dedline") ?? false)
    }

    @Test func `a file that is right again is a success, even if what is served has not changed`() throws {
        let (metrics, log) = try WholeService.run { whole, loop in
            _ = try await whole.reload("/kept, deadline", to: "/kept, dedline", on: loop)
            let again = try await whole.reload("/kept, dedline", to: "/kept, deadline", on: loop)
            #expect(again.body == "nothing has changed\n")
            return (try await whole.admin("/metrics", on: loop).body, whole.log)
        }.value
        #expect(metrics.contains("\ngatherd_configuration_reloads_total{result=\"unchanged\"} 1\n"))
        #expect(metrics.contains("\ngatherd_configuration_last_reload_successful 1\n"))
        #expect(log.metadata(of: "the configuration was reloaded, and has not changed").count == 1)
    }

    @Test func `a listener that moves is there before the old one goes, and no client is refused or reset`() throws {
        let (replies, refused) = try WholeService.run(loops: 2) { whole, loop in
            let before = whole.service.address
            let idle = try whole.connect(on: loop)
            let request = RunningService.request("GET", "/a").replacing("Connection: close\r\n", with: "")
            try idle.send(request)
            var replies = [try await idle.message(on: loop)]
            let reload = try await whole.reload(#"listen: "127.0.0.1:0""#, to: #"listen: "127.0.0.2:0""#, on: loop)
            #expect(reload.status == 200)
            #expect(whole.service.address.hasPrefix("127.0.0.2:"))
            // The old connection may ask once more, and is told that it was the last time.
            try idle.send(request)
            replies.append(try await idle.message(on: loop))
            _ = try await idle.rest(on: loop)
            let address = try SocketAddress(whole.service.address)
            let client = try await SocketStream.connect(to: address, on: loop)
            try await client.write(Array(request.utf8), on: loop)
            let head = String(decoding: try await client.read(atMost: 4096, on: loop), as: UTF8.self)
            #expect(head.hasPrefix("HTTP/1.1 200 "))
            client.close()
            let old = try SocketAddress(before)
            let isRefused = try await eventually(on: loop) { (try? SocketEnd(port: old.port ?? 0, on: loop)) == nil }
            return (replies, isRefused)
        }.value
        #expect(replies.map(\.status) == [200, 200])
        #expect(replies.map { $0.field("Connection") } == [nil, "close"])
        #expect(refused)
    }

    @Test func `an address that is in use is an error, and nothing changes`() throws {
        let taken = try Listener("127.0.0.1:0")
        let (reply, status) = try WholeService.run { whole, loop in
            let reply = try await whole.reload(
                #"listen: "127.0.0.1:0""#, to: #"listen: "127.0.0.1:\#(taken.port)""#, on: loop)
            return (reply, try await whole.get("/a", on: loop).status)
        }.value
        #expect(reply.status == 422)
        #expect(reply.body.hasPrefix("server.listen: cannot listen on 127.0.0.1:\(taken.port): "))
        #expect(status == 200)
    }

    @Test func `the admin listener can move, and be turned off`() throws {
        let (first, second, isOff) = try WholeService.run { whole, loop in
            let first = try await whole.reload(#"admin: "127.0.0.1:0""#, to: #"admin: "127.0.0.2:0""#, on: loop)
            let address = try SocketAddress(try #require(whole.service.adminAddress))
            let client = try await SocketStream.connect(to: address, on: loop)
            whole.file.text = whole.file.text.replacing(#"admin: "127.0.0.2:0""#, with: "admin: off")
            try await client.write(Array(RunningService.request("POST", "/-/reload", host: "localhost").utf8), on: loop)
            var second = ""
            while case let piece = try await client.read(atMost: 4096, on: loop), !piece.isEmpty {
                second += String(decoding: piece, as: UTF8.self)
            }
            return (first, second, whole.service.adminAddress == nil)
        }.value
        #expect(first.status == 200)
        #expect(second.hasPrefix("HTTP/1.1 200 "))
        #expect(isOff)
    }

    @Test func `limits and timeouts of clients change while they are connected`() throws {
        let statuses = try WholeService.run(server: "limits: { head: 1KiB, body: 10B }") { whole, loop in
            let client = try whole.connect(on: loop)
            let small = "POST /body HTTP/1.1\r\nHost: g\r\nContent-Length: 12\r\n\r\n\"0123456789\""
            // Half a head is there while the limit is raised.
            let head = "POST /body HTTP/1.1\r\nHost: g\r\nX: "
            try client.send(head + String(repeating: "x", count: 500))
            #expect(try await whole.get("/a", on: loop).status == 200)
            let reload = try await whole.reload("head: 1KiB, body: 10B", to: "head: 64KiB, body: 1KiB", on: loop)
            #expect(reload.status == 200, "\(reload)")
            try client.send(String(repeating: "x", count: 40_000) + "\r\nContent-Length: 2\r\n\r\n17")
            let large = try await client.message(on: loop).status
            try client.send(small)
            let fits = try await client.message(on: loop).status
            let back = try await whole.reload("head: 64KiB, body: 1KiB", to: "head: 1KiB, body: 10B", on: loop)
            try client.send(small)
            return [large, fits, back.status, try await client.message(on: loop).status]
        }.value
        #expect(statuses == [200, 200, 200, 413])
    }

    @Test func `how many gathers there may be changes at once`() throws {
        let statuses = try WholeService.run(server: "limits: { gathers: 1 }") { whole, loop in
            whole.upstream.answers = ["a": .held]
            let client = try whole.connect(RunningService.request("GET", "/a"), on: loop)
            #expect(try await eventually(on: loop) { whole.upstream.waiting == 1 })
            whole.upstream.answers = [:]
            let full = try await whole.get("/a", on: loop).status
            _ = try await whole.reload("gathers: 1", to: "gathers: 2", on: loop)
            let free = try await whole.get("/a", on: loop).status
            whole.upstream.release()
            return [full, free, try await client.reply(on: loop).status]
        }.value
        #expect(statuses == [503, 200, 200])
    }

    @Test func `what takes a restart is said, and is not done`() throws {
        let (reply, loops, log) = try WholeService.run { whole, loop in
            let reply = try await whole.reload("loops: 1", to: "loops: 2", on: loop)
            return (reply, await whole.service.snapshot(on: loop).loopCount, whole.log)
        }.value
        #expect(reply.body.contains("~ server: loops: 1 → 2 (at the next start)\n"), "\(reply.body)")
        #expect(loops == 1)
        #expect(log.metadata(of: "this takes effect at the next start").count == 1)
    }

    @Test func `two that are asked for at once come one after the other`() throws {
        let snapshot = try WholeService.run { whole, loop in
            whole.file.text = whole.file.text.replacing(Self.endpoint, with: Self.other)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addImmediateTask { try await whole.admin("/-/reload", method: "POST", on: loop).status }
                }
                var statuses: [Int] = []
                for try await status in group { statuses.append(status) }
                return statuses
            }
            #expect(statuses == [200, 200, 200, 200])
            return await whole.service.snapshot(on: loop)
        }.value
        #expect(snapshot.generation == 2)
        #expect((snapshot.reloads.changed, snapshot.reloads.unchanged, snapshot.reloads.failed) == (1, 3, 0))
    }

    @Test("An old body outlives a reload, if neither its call nor its upstream has changed", arguments: [true, false])
    func stale(isSame: Bool) throws {
        let reply = try WholeService.run { whole, loop in
            whole.upstream.answers = ["a": .json(#"{"is":"old"}"#)]
            #expect(try await whole.get("/kept", on: loop).status == 200)
            whole.upstream.answers = ["a": .status(500)]
            let (old, new) = isSame ? (Self.endpoint, Self.other) : ("stale_for: 1h", "stale_for: 2h")
            let reload = try await whole.reload(old, to: new, on: loop)
            #expect(reload.status == 200, "\(reload)")
            return try await whole.get("/kept", on: loop)
        }.value
        #expect(reply.status == (isSame ? 200 : 502))
        #expect(reply.body.contains("old") == isSame)
    }

    @Test func `a service that ends reloads nothing`() throws {
        let status = try WholeService.run(server: "timeouts: { lame_duck: 60s }") { whole, loop in
            whole.service.drain.open()
            return try await whole.reload(Self.endpoint, to: Self.other, on: loop).status
        }.value
        #expect(status == 503)
    }

    @Test func `a loop that is held keeps the watchdog from being fed, whichever loop it is`() throws {
        let manager = try ManagerSocket()
        let environment = ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "30000"]
        let (whileHeld, isMissing) = try WholeService.run(loops: 2, environment: environment) { whole, loop in
            _ = try await manager.message("WATCHDOG=1", on: loop)
            let held = ThreadHold()
            _ = await whole.service.group.onEachLoop(within: .zero, on: loop) { if $0.index == 1 { held.hold() } }
            await held.isHolding.wait(on: loop)
            // What was under way.
            while manager.received() != nil {}
            let snapshot = await whole.service.snapshot(within: .milliseconds(200), on: loop)
            var count = 0
            while let message = manager.received() { count += message.contains("WATCHDOG=1") ? 1 : 0 }
            held.release()
            _ = try await manager.message("WATCHDOG=1", on: loop)
            return (count, snapshot.loops.map(\.loop) == [0])
        }.value
        // An answer of before it was held may have come behind.
        #expect(whileHeld <= 1)
        #expect(isMissing)
    }
}

/// Holds a thread until it is released.
private final class ThreadHold: Sendable {
    let isHolding = Latch()
    private let released = DispatchSemaphore(value: 0)

    func hold() {
        isHolding.open()
        released.wait()
    }

    func release() { released.signal() }
}
