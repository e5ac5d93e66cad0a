import GatherConfig
import HTTPServer
import Logging
import TestSupport
import Testing

@testable import EventLoop
@testable import GatherService

/// The service as the command line starts it, from the text of its configuration, on threads of its own while a test asks it.
final class WholeService {
    let service: Service
    let upstream: ScriptedUpstream
    let log: RecordedLog

    private init(_ service: Service, _ upstream: ScriptedUpstream, _ log: RecordedLog) {
        (self.service, self.upstream, self.log) = (service, upstream, log)
    }

    /// Endpoints with calls to the upstream `up`, which has a script.
    private static let rest = """
        upstreams: { up: { hosts: ["http://127.0.0.1:PORT"], timeout: 20s KEYS }, OTHERS }
        endpoints:
          - { path: /a, deadline: 20s, calls: { a: { get: "up:/a" } } }
          - { path: /kept, deadline: 20s, calls: { a: { get: "up:/a", stale_for: 1h } } }
          - { path: /body, method: POST, deadline: 20s, calls: { a: { post: "up:/a", body: "{body}" } } }
        """

    /// Serves while `body` runs, on free ports and one loop unless `server` says otherwise; then ends it and waits for all threads.
    /// - Parameters:
    ///   - upstream: more keys of `up`, behind a comma.
    ///   - others: more upstreams.
    static func run<Value: Sendable>(
        server: String = "", loops: Int = 1, demo: String = "{}", upstream: String = "", others: String = "",
        _ body: @escaping @Sendable (WholeService, isolated EventLoop) async throws -> Value
    ) throws -> (value: Value, log: RecordedLog) {
        let listener = try Listener("127.0.0.1:0")
        let addresses = #"listen: "127.0.0.1:0", admin: "127.0.0.1:0", "#
        let text = """
            version: 1
            server: { \(server.contains("listen:") ? "" : addresses)loops: \(loops), \(server) }
            demo: \(demo)

            """
        let upstreams = rest.replacing("PORT", with: "\(listener.port)").replacing("KEYS", with: upstream)
            .replacing("OTHERS", with: others)
        var configuration = try Configuration.read(text: text + upstreams, file: "test.yaml")
        configuration.server.limits.allowSlowMachine()
        let log = RecordedLog()
        let service = try Service(configuration, logger: Logger(label: "test") { _ in log.handler })
        let thread = LoopThread { try service.run() }
        let value = Swift.Result {
            try EventLoop.run { loop in
                log.wake(loop)
                let upstream = ScriptedUpstream()
                let server = Server(listener, handler: upstream, observer: upstream, on: loop)
                let ended = Latch()
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addImmediateTask { await server.run(drain: ended, abort: ended, on: loop) }
                    defer { ended.open() }
                    return try await body(WholeService(service, upstream, log), loop)
                }
            }
        }
        service.drain.open()
        service.abort.open()
        try thread.join().get()
        return (try value.get(), log)
    }

    /// Sends bytes to the service on a connection of their own.
    func connect(_ bytes: String = "", on loop: isolated EventLoop) throws -> SocketEnd {
        let client = try SocketEnd(port: try Self.port(service.address), on: loop)
        try client.send(bytes)
        return client
    }

    /// Connects a client whose kernel takes little of an answer before the client reads.
    func connectSlowly(on loop: isolated EventLoop) throws -> SocketEnd {
        try SocketEnd(port: try Self.port(service.address), receiveBuffer: 4096, on: loop)
    }

    func get(_ target: String, _ fields: String..., on loop: isolated EventLoop) async throws -> Reply {
        try await connect(RunningService.request("GET", target, fields), on: loop).reply(on: loop)
    }

    /// What the admin listener answers; the first loop has then gone round.
    func admin(_ target: String, on loop: isolated EventLoop) async throws -> Reply {
        let client = try SocketEnd(port: try Self.port(service.adminAddress), on: loop)
        try client.send(RunningService.request("GET", target))
        return try await client.reply(on: loop)
    }

    private static func port(_ address: String?) throws -> UInt16 {
        try #require((address?.split(separator: ":").last).flatMap { UInt16($0) })
    }
}
