import GatherConfig
import HTTPServer
import Logging
import Synchronization
import TestSupport
import Testing

@testable import EventLoop
@testable import GatherService

/// The service as the command line starts it, from the text of its configuration, on threads of its own while a test
/// asks it.
final class WholeService {
    let service: Service
    let upstream: ScriptedUpstream
    let log: RecordedLog
    let file: ServedFile

    private init(_ service: Service, _ upstream: ScriptedUpstream, _ log: RecordedLog, _ file: ServedFile) {
        (self.service, self.upstream, self.log, self.file) = (service, upstream, log, file)
    }

    /// The file of a service, which a test changes for a reload.
    final class ServedFile: Sendable {
        private let state: Mutex<String>

        init(_ text: String) { state = Mutex(text) }

        var text: String {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }

        func configuration() throws -> Configuration {
            var configuration = try Configuration.read(text: text, file: "test.yaml", checksFiles: true)
            configuration.server.limits.allowSlowMachine()
            return configuration
        }
    }

    /// Endpoints with calls to the upstream `up`, which has a script.
    private static let rest = """
        upstreams: { up: { hosts: ["http://127.0.0.1:PORT"], timeout: 20s KEYS }, OTHERS }
        endpoints:
          - { path: /a, deadline: 20s, calls: { a: { get: "up:/a" } } }
          - { path: /kept, deadline: 20s, calls: { a: { get: "up:/a", stale_for: 1h } } }
          - { path: /body, method: POST, deadline: 20s, calls: { a: { post: "up:/a", body: "{body}" } } }
        """

    /// Serves while `body` runs, on free ports and one loop unless `server` says otherwise; then ends it and waits for
    /// all threads.
    /// - Parameters:
    ///   - upstream: more keys of `up`, behind a comma.
    ///   - others: more upstreams.
    ///   - environment: what who starts it says to it.
    ///   - writer: what writes the log, in place of what records it.
    static func run<Value: Sendable>(
        server: String = "", loops: Int = 1, demo: String = "{}", upstream: String = "", others: String = "",
        environment: [String: String] = [:], writer: LogWriter? = nil,
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
        let file = ServedFile(text + upstreams)
        let log = RecordedLog()
        var surroundings = Service.Surroundings()
        surroundings.environment = environment
        surroundings.log = writer
        let logger = Logger(label: "test") { _ in writer.map { LineLogHandler($0) as any LogHandler } ?? log.handler }
        surroundings.source = { try file.configuration() }
        let service = try Service(
            file.configuration(), logger: logger, surroundings: surroundings)
        let value = try service.running {
            try EventLoop.run { loop in
                log.wake(loop)
                let upstream = ScriptedUpstream()
                let server = Server(listener, handler: upstream, observer: upstream, on: loop)
                return try await server.serving(on: loop) {
                    try await body(WholeService(service, upstream, log, file), loop)
                }
            }
        }
        return (value, log)
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
    func admin(_ target: String, method: String = "GET", on loop: isolated EventLoop) async throws -> Reply {
        let client = try SocketEnd(port: try Self.port(service.adminAddress), on: loop)
        try client.send(RunningService.request(method, target, host: "localhost"))
        return try await client.reply(on: loop)
    }

    /// Has the service read its file again after a change of it.
    func reload(_ old: String, to new: String, on loop: isolated EventLoop) async throws -> Reply {
        try #require(file.text.contains(old))
        file.text = file.text.replacing(old, with: new)
        return try await admin("/-/reload", method: "POST", on: loop)
    }

    static func port(_ address: String?) throws -> UInt16 {
        try #require((address?.split(separator: ":").last).flatMap { UInt16($0) })
    }
}

extension Service {
    /// Runs on threads of its own while `body` runs; then ends, and has been waited for.
    func running<Value>(_ body: () throws -> Value) throws -> Value {
        let thread = LoopThread { try self.run() }
        let value = Swift.Result { try body() }
        drain.open()
        abort.open()
        try thread.join().get()
        return try value.get()
    }
}
