import EventLoop
import EventLoopTesting
import Gather
import GatherConfig
import GatherFetch
import HTTPTypes
import JSONText
import TestSupport
import Testing

@testable import GatherService

/// What has come in while the loop was held, over real sockets.
@Suite(.blocking) struct ArrivalTests {
    private static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"

    /// Gathers from an upstream that a test serves by hand.
    private func gather(
        _ keys: String, calls: Int = 1, timeout: String = "1s",
        serve: @escaping @Sendable (SocketListener, isolated EventLoop) async throws -> Void
    ) throws -> Gathered {
        try TestLoop.runOnSystem { loop in
            let listener = try SocketListener(on: loop)
            let names = (0..<calls).map { #"c\#($0): { get: "up:/a" }"# }.joined(separator: ", ")
            let configuration = try Configuration.read(
                text: """
                    version: 1
                    upstreams: { up: { hosts: ["http://127.0.0.1:\(listener.port)"], timeout: \(timeout), \(keys) } }
                    endpoints: [{ path: /a, deadline: 20s, gather: settled, calls: { \(names) } }]
                    """, file: "test.yaml")
            let plan = configuration.plan
            let upstreams = try CurlUpstreams(plan.upstreams, on: loop)
            defer { upstreams.close() }
            let engine = GatherEngine(plan, client: upstreams)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask { try await serve(listener, loop) }
                let gathered = await engine.gather(plan.endpoints[0], NoClient(), on: loop)
                try await group.waitForAll()
                return gathered
            }
        }
    }

    @Test("An answer that has arrived beats its timeout", arguments: ["max_in_flight: 9", "retry: {}, breaker: {}"])
    func answer(_ keys: String) throws {
        let gathered = try gather(keys) { listener, loop in
            let connection = try await listener.accept(on: loop)
            _ = try await connection.message(on: loop)
            try connection.send(Self.answer)
            holdLoop(for: .milliseconds(1050))
        }
        #expect(gathered.reports.map(\.outcome) == [.ok])
    }

    @Test func `a place that an answer sets free beats the time of who queues for it`() throws {
        let gathered = try gather("max_in_flight: 1, queue: { timeout: 1s }", calls: 2, timeout: "10s") {
            listener, loop in
            let connection = try await listener.accept(on: loop)
            _ = try await connection.message(on: loop)
            try connection.send(Self.answer)
            holdLoop(for: .milliseconds(1050))
            _ = try await connection.message(on: loop)
            try connection.send(Self.answer)
        }
        #expect(gathered.reports.map(\.outcome) == [.ok, .ok])
    }

    @Test func `a timeout is still one when nothing has arrived`() throws {
        let gathered = try gather("") { listener, loop in
            let connection = try await listener.accept(on: loop)
            _ = try await connection.message(on: loop)
            holdLoop(for: .milliseconds(1050))
            try await loop.sleep(for: .milliseconds(5))
        }
        #expect(gathered.reports.map(\.outcome) == [.timeout])
    }

    @Test func `a call's time is that on the wire, whatever held the loop before it began`() throws {
        let seen = try TestLoop.runOnSystem { loop in
            let listener = try SocketListener(on: loop)
            let configuration = try Configuration.read(
                text: """
                    version: 1
                    upstreams: { up: { hosts: ["http://127.0.0.1:\(listener.port)"], timeout: 10s } }
                    endpoints: [{ path: /a, deadline: 20s, calls: { a: { get: "up:/a" } } }]
                    """, file: "test.yaml")
            let upstreams = try CurlUpstreams(configuration.plan.upstreams, on: loop)
            defer { upstreams.close() }
            let engine = GatherEngine(configuration.plan, client: upstreams)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    let connection = try await listener.accept(on: loop)
                    _ = try await connection.message(on: loop)
                    try await loop.sleep(for: .milliseconds(5))
                    try connection.send(Self.answer)
                }
                try await loop.sleep(for: .zero)
                holdLoop(for: .milliseconds(30))
                let before = loop.time
                let gathered = await engine.gather(configuration.plan.endpoints[0], NoClient(), on: loop)
                let outside = before.duration(to: loop.time)
                try await group.waitForAll()
                return (gathered.reports[0], outside)
            }
        }
        // Nothing is told that an observer outside has not seen: neither the time before, nor less than the exchange
        // took.
        let start = try #require(seen.0.start)
        #expect(seen.0.duration >= .milliseconds(5) && start + seen.0.duration <= seen.1)
    }

    @Test func `a lost SYN is no failure, with the defaults`() throws {
        let (gathered, elapsed) = try TestLoop.runOnSystem { loop in
            // One connection fills the queue; the kernel drops the handshakes behind it.
            let listener = try SocketListener(backlog: 0, on: loop)
            let first = try SocketEnd(port: listener.port, on: loop)
            defer { first.close() }
            let configuration = try Configuration.read(
                text: """
                    version: 1
                    upstreams: { up: { hosts: ["http://127.0.0.1:\(listener.port)"] } }
                    endpoints: [{ path: /a, calls: { a: { get: "up:/a" } } }]
                    """, file: "test.yaml")
            let upstreams = try CurlUpstreams(configuration.plan.upstreams, on: loop)
            defer { upstreams.close() }
            let engine = GatherEngine(configuration.plan, client: upstreams)
            let start = loop.time
            return await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    try await loop.sleep(for: .milliseconds(100))
                    let full = try await listener.accept(on: loop)
                    defer { full.close() }
                    let connection = try await listener.accept(on: loop)
                    _ = try await connection.message(on: loop)
                    try connection.send(Self.answer)
                }
                let gathered = await engine.gather(configuration.plan.endpoints[0], NoClient(), on: loop)
                let elapsed = start.duration(to: loop.time)
                group.cancelAll()
                return (gathered, elapsed)
            }
        }
        #expect(gathered.reports.map(\.outcome) == [.ok], "\(gathered.reports)")
        #expect(elapsed > .milliseconds(900))
    }
}

/// A request that gives nothing to an endpoint.
private struct NoClient: GatherInput {
    var body: JSONValue? { nil }
    func pathParameter(_ index: Int) -> String { "" }
    func queryValues(_ name: String) -> [String] { [] }
    func header(_ name: HTTPField.Name) -> String? { nil }
}
