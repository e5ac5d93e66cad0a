import DemoUpstream
import EventLoop
import Fetch
import Foundation
import Gather
import GatherConfig
import HTTPServer
import HTTPTypes
import HTTPWire
import Logging
import Synchronization
import TestSupport
import Testing

@testable import GatherService

/// The service of one configuration with its upstream, on one loop, while a test asks it.
final class RunningService {
    let port: UInt16
    let adminPort: UInt16
    let drain: Latch
    let upstream: ScriptedUpstream
    let shop: ShopCounters
    let log: RecordedLog
    let served: ServiceLoop
    private var generation: Generation
    private let ports: Ports
    /// Where an upstream listens that the test serves by hand, byte by byte.
    let raw: SocketListener

    /// How many gathers run.
    var gathersInFlight: Int { served.group.gathers.count }

    fileprivate init(
        port: UInt16, adminPort: UInt16, drain: Latch, upstream: ScriptedUpstream, shop: ShopCounters,
        log: RecordedLog, served: ServiceLoop, generation: Generation, ports: Ports, raw: SocketListener
    ) {
        self.raw = raw
        (self.port, self.adminPort, self.drain, self.upstream) = (port, adminPort, drain, upstream)
        (self.shop, self.log, self.served) = (shop, log, served)
        (self.generation, self.ports) = (generation, ports)
    }

    /// Serves another configuration from now on.
    func reload(_ configure: (Ports) throws -> Configuration, on loop: isolated EventLoop) async throws {
        var configuration = try configure(ports)
        configuration.server.limits.allowSlowMachine()
        let next = Generation(configuration, loops: 1, address: "127.0.0.1:\(port)", after: generation)
        try await served.group.swap(to: next, on: loop)
        generation = next
    }

    /// What a configuration may name: the embedded shop and an upstream with a script.
    struct Ports: Sendable {
        var shop: UInt16
        var scripted: UInt16
        var raw: UInt16 = 0
    }

    /// Serves while `body` runs; then drains.
    /// - Parameters:
    ///   - configure: makes the configuration, once the ports of its upstreams are known.
    ///   - answers: what the upstream answers from the start.
    static func run<Value: Sendable>(
        _ configure: @escaping @Sendable (Ports) throws -> Configuration,
        answers: [String: ScriptedUpstream.Script] = [:],
        _ body: @escaping @Sendable (RunningService, isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try TestLoop.runOnSystem(limit: .seconds(60)) { loop in
            let listeners = try (0..<4).map { _ in try Listener("127.0.0.1:0") }
            let raw = try SocketListener(on: loop)
            defer { raw.close() }
            let ports = Ports(shop: listeners[2].port, scripted: listeners[3].port, raw: raw.port)
            var configuration = try configure(ports)
            configuration.server.limits.allowSlowMachine()
            let log = RecordedLog()
            let logger = Logger(label: "test") { _ in log.handler }
            let ended = Latch()
            let generation = Generation(configuration, loops: 1, address: listeners[0].address)
            let group = LoopGroup(1, serving: generation, logger: logger)
            let clients = Listening(
                .clients, at: configuration.server.listen,
                ServerGroup(listeners[0], options: ServerOptions(configuration.server)))
            let drain = clients.drain
            let served = try ServiceLoop(0, of: group, serving: generation, to: clients, on: loop)
            let scripted = ScriptedUpstream()
            scripted.answers = answers
            let shop = Shop(ShopOptions(latency: configuration.demo?.shop?.latency ?? [:]))
            let handlers: [any Handler] = [
                AdminResponder(group: group, drain: drain, end: ended, settings: { configuration.server }) {
                    _ = loop  // What captures the loop is the loop's.
                    return MetricsPage(
                        ServiceSnapshot(
                            generation: 1, connections: served.snapshot().connections, mostConnections: 10_000,
                            gathers: group.gathers.count, mostGathers: group.gathers.limit,
                            loops: [served.snapshot()], loopCount: 1),
                        droppedLogLines: 3)
                },
                shop, scripted,
            ]
            let observers: [(any ExchangeObserver)?] = [nil, shop, scripted]
            let servers = handlers.indices.map {
                Server(listeners[$0 + 1], handler: handlers[$0], observer: observers[$0], on: loop)
            }
            let service = RunningService(
                port: listeners[0].port, adminPort: listeners[1].port, drain: drain, upstream: scripted,
                shop: shop.counters, log: log, served: served, generation: generation,
                ports: ports, raw: raw)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                for server in servers {
                    group.addImmediateTask { await server.run(drain: ended, abort: ended, on: loop) }
                }
                defer { ended.open() }
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addImmediateTask { await served.run(abort: ended, on: loop) }
                    defer { drain.open() }
                    return try await body(service, loop)
                }
            }
        }
    }

    func get(_ target: String, _ fields: String..., on loop: isolated EventLoop) async throws -> Reply {
        try await send("GET", target, fields, on: loop)
    }

    func send(
        _ method: String, _ target: String, _ fields: [String] = [], body: String? = nil, on loop: isolated EventLoop
    ) async throws -> Reply {
        let client = try SocketEnd(port: port, on: loop)
        try client.send(Self.request(method, target, fields, body: body))
        return try await client.reply(on: loop)
    }

    func admin(
        _ method: String, _ target: String, _ fields: String..., on loop: isolated EventLoop
    ) async throws -> Reply {
        let client = try SocketEnd(port: adminPort, on: loop)
        try client.send(Self.request(method, target, fields, host: "localhost"))
        return try await client.reply(on: loop)
    }

    static func request(
        _ method: String, _ target: String, _ fields: [String] = [], body: String? = nil, host: String = "gatherd"
    ) -> String {
        let length = body.map { ["Content-Length: \($0.utf8.count)"] } ?? []
        let lines = ["\(method) \(target) HTTP/1.1", "Host: \(host)", "Connection: close"] + length + fields
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")
    }
}

extension ServerSettings.Limits {
    /// Has nothing shed because the loop is behind, which it may be at any time under a sanitizer, unless the limit is
    /// what is tested.
    mutating func allowSlowMachine() {
        if lag == Self().lag { lag = .seconds(60) }
    }
}

/// Waits for something that other tasks of the loop will bring about, or a line of its ``RecordedLog``; false if it
/// does not come within a minute. The condition is looked at whenever the loop has done something.
///
/// A closure has all of its waits inside `#expect`, or none: Swift 6.3 may run the condition inside the macro for one
/// of the same type outside, so that the second wait returns at once.
func eventually(on loop: isolated EventLoop, _ condition: @escaping () -> Bool) async throws -> Bool {
    if condition() { return true }
    let watch = ConditionWatch(condition, on: loop.reactor)
    loop.reactor.addTurnHandler(watch)
    defer { loop.reactor.removeTurnHandler(watch) }
    return await loop.reactor.suspend(watch.wait, until: loop.now.advanced(by: .seconds(60))) == .signalled
}

private final class ConditionWatch: TurnHandler {
    let wait: WaitID
    private let condition: () -> Bool
    private let reactor: Reactor

    init(_ condition: @escaping () -> Bool, on reactor: Reactor) {
        (self.condition, self.reactor, wait) = (condition, reactor, reactor.makeWait())
    }

    func turnEnds() { if condition() { reactor.wake(wait) } }
}

/// An upstream that remembers what it was sent, and answers what a test tells it to.
final class ScriptedUpstream: Handler, ExchangeObserver {
    indirect enum Script: Sendable {
        case json(String)
        /// After some milliseconds, which a report shows.
        case late(String)
        case status(Int)
        case answer(Int, HTTPFields, String)
        /// What is no JSON.
        case garbage
        /// With a content coding that was not asked for.
        case encoded(String)
        /// With a header field of so many bytes.
        case field(Int)
        /// 503 with `Retry-After`.
        case busy(retryAfter: Int)
        /// Another at each request; the last for all that follow.
        case inTurn([Script])
        /// Once the test releases it.
        case held
        /// None while the client is there.
        case never
    }

    /// Request lines as they came, and their fields.
    private(set) var requests: [(line: String, fields: [String], body: String)] = []
    /// How many clients left before their answer.
    private(set) var left = 0
    private(set) var waiting = 0
    /// Where requests came from: each connection has a port of its own.
    private var peers: Set<SocketAddress> = []
    /// On how many connections something was asked, those that are closed included.
    var connections: Int { peers.count }
    private let released = Latch()
    /// By the first segment of the path.
    var answers: [String: Script] = [:]

    func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
        .later { try await self.respond(to: request, on: loop) }
    }

    private func respond(to request: Request, on loop: isolated EventLoop) async throws(Refusal) -> Response {
        let head = request.head
        if let peer = request.peer { peers.insert(peer) }
        let target = String(decoding: head.target, as: UTF8.self)
        let fields = head.fieldLines.map {
            "\(String(decoding: $0.name, as: UTF8.self)): \(String(decoding: $0.value, as: UTF8.self))"
        }
        let body = String(decoding: try await request.readBody(on: loop), as: UTF8.self)
        requests.append(("\(head.method.rawValue) \(target)", fields, body))
        switch takeAnswer(for: String(target.dropFirst().prefix { $0 != "/" && $0 != "?" })) {
        case .busy(let seconds): return Response(.serviceUnavailable, fields: [.retryAfter: "\(seconds)"])
        case .inTurn: preconditionFailure("one of them was taken")
        case .json(let text): return Response(.ok, text: text, type: "application/json")
        case .late(let text):
            do throws(CancellationError) { try await loop.sleep(for: .milliseconds(5)) } catch { throw .clientGone }
            return Response(.ok, text: text, type: "application/json")
        case .garbage: return Response(.ok, text: "<html>")
        case .encoded(let coding):
            return Response(
                .ok, fields: [.contentType: "application/json", .contentEncoding: coding], body: [31, 139])
        case .field(let count):
            return Response(.ok, fields: [.userAgent: String(repeating: "x", count: count)], body: Array("{}".utf8))
        case .answer(let code, let fields, let text):
            return Response(HTTPResponse.Status(code: code), fields: fields, body: Array(text.utf8))
        case .status(let code): return Response(HTTPResponse.Status(code: code), text: "{}")
        case .held:
            waiting += 1
            defer { waiting -= 1 }
            await released.wait(on: loop)
            return Response(.ok, text: "{}", type: "application/json")
        case .never:
            waiting += 1
            defer { waiting -= 1 }
            do throws(CancellationError) { try await loop.sleep(for: .seconds(60)) } catch { throw .clientGone }
            return Response(.ok)
        }
    }

    /// Answers what is held.
    func release() { released.open() }

    private func takeAnswer(for name: String) -> Script {
        let answer = answers[name] ?? .json("{}")
        guard case .inTurn(let all) = answer else { return answer }
        if all.count > 1 { answers[name] = .inTurn(Array(all.dropFirst())) }
        return all[0]
    }

    func exchangeEnded(_ record: ExchangeRecord) {
        if record.isClientGone { left += 1 }
    }
}

/// The records of a logger, as its lines.
final class RecordedLog: Sendable {
    private let records = Mutex<[(message: String, metadata: [String: String])]>([])
    private let reader = Mutex<EventLoop?>(nil)

    /// Has each line of other threads begin a turn of a loop, for who waits there.
    func wake(_ loop: EventLoop) { reader.withLock { $0 = loop } }

    var accesses: [[String: String]] { metadata(of: "access") }

    /// All that was logged.
    var text: String {
        records.withLock { $0.map { "\($0.message) \($0.metadata)" }.joined(separator: "\n") }
    }

    /// What else is said of a message, each time that it was logged.
    func metadata(of message: String) -> [[String: String]] {
        records.withLock { $0.filter { $0.message == message }.map(\.metadata) }
    }

    var handler: any LogHandler { Handler(log: self) }

    private struct Handler: LogHandler {
        let log: RecordedLog
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = (event.metadata ?? [:]).mapValues { "\($0)" }
            log.records.withLock { $0.append(("\(event.message)", metadata)) }
            log.reader.withLock { $0 }?.handOver { _ in }
        }
    }
}

/// The text of one of the project's files.
func projectText(_ path: String) throws -> String {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    return try String(contentsOf: folder.appending(path: "../../" + path), encoding: .utf8)
}

/// The configuration that comes with the project, with its upstream where the test serves it.
func givenConfiguration(_ ports: RunningService.Ports) throws -> Configuration { try given(ports, changing: [:]) }

/// The same with so much time for a call that a busy machine does not run into its timeouts.
func patientConfiguration(_ ports: RunningService.Ports) throws -> Configuration {
    try given(
        ports,
        changing: [
            "timeout: 500ms": "timeout: 20s", "timeout: 80ms": "timeout: 20s", "deadline: 500ms": "deadline: 20s",
            "connect_timeout: 50ms": "connect_timeout: 20s",
        ])
}

/// The same but for the call `offers`, which keeps its 80 ms.
func patientButForOffers(_ ports: RunningService.Ports) throws -> Configuration {
    try given(
        ports,
        changing: [
            "timeout: 500ms": "timeout: 20s", "deadline: 500ms": "deadline: 20s",
            "connect_timeout: 50ms": "connect_timeout: 20s",
        ])
}

private func given(_ ports: RunningService.Ports, changing changes: [String: String]) throws -> Configuration {
    var text = try projectText("config/gatherd.yaml")
    for (old, new) in changes {
        #expect(text.contains(old))
        text = text.replacing(old, with: new)
    }
    var configuration = try Configuration.read(text: text, file: "gatherd.yaml")
    configuration.plan.upstreams[0].hosts = [try Origin("http://127.0.0.1:\(ports.shop)")]
    configuration.plan.upstreams[0].queueTimeout = .seconds(20)
    return configuration
}

/// A configuration with an upstream `up` that has a script, and these endpoints. Clients are told everything unless
/// `server` says otherwise.
func scripted(
    _ endpoints: String, upstream: String = "", server: String = ""
) -> @Sendable (RunningService.Ports) throws -> Configuration {
    { ports in
        let lines = endpoints.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n")
        let text = """
            version: 1
            server: { \(server.contains("disclose:") ? "" : "disclose: everything, ")\(server) }
            upstreams:
              up: { hosts: [http://127.0.0.1:\(ports.scripted)]\(upstream.isEmpty ? "" : ", " + upstream) }
            endpoints:
            \(lines)
            """
        return try Configuration.read(text: text, file: "test.yaml")
    }
}

extension String {
    /// The same without the ports of this machine, which the kernel chose.
    var portless: String { replacing(/127\.0\.0\.1:[0-9]+/, with: "127.0.0.1") }
}
