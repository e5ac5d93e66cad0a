import EventLoop
import EventLoopTesting
import HTTPServer
public import HTTPTypes

/// A server on a free port of the loopback, with clients on the same loop.
public final class ServerUnderTest {
    public let server: Server
    public let handler: ScriptedHandler
    public let port: UInt16
    /// Opened by the test, or when it is over.
    public let drain = Latch()
    public let abort = Latch()
    /// Opens when the server's run has returned.
    public let ended = Latch()

    init(_ options: ServerOptions, _ handler: @escaping ScriptedHandler.Handler, on loop: isolated EventLoop) throws {
        let listener = try Listener("127.0.0.1:0")
        port = listener.port
        self.handler = ScriptedHandler(handler)
        server = Server(listener, handler: self.handler, observer: self.handler, options: options, on: loop)
    }

    /// Serves while `body` runs; what is still under way behind it is cancelled.
    public static func run<Value: Sendable>(
        _ options: ServerOptions = ServerOptions(),
        handler: @escaping ScriptedHandler.Handler = { _, _ in Response(.ok, text: "hello") },
        _ body: @escaping @Sendable (ServerUnderTest, isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try TestLoop.runOnSystem { loop in
            let subject = try ServerUnderTest(options, handler, on: loop)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    await subject.server.run(drain: subject.drain, abort: subject.abort, on: loop)
                    subject.ended.open()
                }
                defer {
                    subject.drain.open()
                    subject.abort.open()
                }
                return try await body(subject, loop)
            }
        }
    }

    public func connect(receiveBuffer: CInt? = nil, on loop: isolated EventLoop) throws -> SocketEnd {
        try SocketEnd(port: port, receiveBuffer: receiveBuffer, on: loop)
    }

    /// Sends a request on a connection of its own, and reads the answer.
    public func exchange(_ request: String, on loop: isolated EventLoop) async throws -> Message {
        let client = try connect(on: loop)
        try client.send(request)
        return try await client.message(for: String(request.prefix { $0 != " " }), on: loop)
    }
}

extension Server {
    /// Serves while `body` runs; what is still under way behind it is cancelled.
    public func serving<Value: Sendable>(
        on loop: isolated EventLoop, _ body: () async throws -> Value
    ) async throws -> Value {
        let stop = Latch()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addImmediateTask { await self.run(drain: stop, abort: stop, on: loop) }
            defer { stop.open() }
            return try await body()
        }
    }
}

/// A handler whose answers are a function, and which remembers how its exchanges ended.
public final class ScriptedHandler: Handler, ExchangeObserver {
    public typealias Handler = @Sendable (Request, isolated EventLoop) async throws -> Response

    /// The statuses of the exchanges that have ended, in that order.
    public private(set) var endings: [Int] = []
    /// The errors that were not answers.
    public private(set) var failures: [String] = []
    private let handler: ScriptedHandler.Handler
    private var waiting: (reactor: Reactor, wait: WaitID, count: Int)?

    public init(_ handler: @escaping ScriptedHandler.Handler) { self.handler = handler }

    public func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
        .later { try await self.handler(request, loop) }
    }

    public func exchangeEnded(_ record: ExchangeRecord) {
        endings.append(record.status)
        if let waiting, endings.count >= waiting.count { waiting.reactor.wake(waiting.wait) }
    }

    public func handlerFailed(_ error: any Error, _ request: Request) { failures.append("\(error)") }

    /// Waits until so many exchanges have ended, and returns their statuses.
    public func endings(_ count: Int, on loop: isolated EventLoop) async -> [Int] {
        guard endings.count < count else { return endings }
        let wait = loop.reactor.makeWait()
        waiting = (loop.reactor, wait, count)
        _ = await loop.reactor.suspend(wait)
        waiting = nil
        return endings
    }
}
