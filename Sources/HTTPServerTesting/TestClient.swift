import EventLoop
import HTTPServer
import HTTPTypes
import HTTPWire

/// Asks a handler without a socket, on the loop that a test runs: one on virtual time as well as any other.
///
/// ```swift
/// @Test func `the greeting comes after a second`() throws {
///     try TestLoop.run { loop in
///         let response = try await TestClient(Greeting()).send("GET", "/", on: loop)
///         #expect(response.text == "hello\n")
///         #expect(loop.now == LoopInstant(nanoseconds: 1_000_000_000))
///     }
/// }
/// ```
public struct TestClient {
    private let handler: any Handler

    public init(_ handler: any Handler) { self.handler = handler }

    /// Sends a request to the handler and produces the whole body of its answer.
    /// - Parameter fields: in addition to `Host` and the length of the body.
    /// - Throws: `RequestError` for a request that the server would refuse before its handler, and what the handler
    ///   throws unless it is an answer.
    public func send(
        _ method: String, _ target: String, fields: [(name: String, value: String)] = [], body: String = "",
        from peer: SocketAddress? = nil, on loop: isolated EventLoop
    ) async throws -> TestResponse {
        let stream = MemoryStream(Array(body.utf8))
        let response = try await answer(method, target, fields, over: stream, from: peer, on: loop)
        guard let produce = response.stream else {
            return TestResponse(response, body: response.body, isCutShort: false)
        }
        var isCutShort = false
        do {
            try await produce(BodyWriter(stream, framing: .untilClose, head: []))
        } catch {
            isCutShort = true
        }
        return TestResponse(response, body: stream.sent, isCutShort: isCutShort)
    }

    /// Has a request answered, and reads its body as it is produced. The client leaves when `read` returns.
    ///
    /// ```swift
    /// try await client.follow("GET", "/events", on: loop) { response, body in
    ///     let line = try await StreamReader(body).readLine(atMost: 100, on: loop)
    ///     #expect(line == "data: 1")
    /// }
    /// ```
    /// - Parameters:
    ///   - fields: besides `Host` and the length of the request's body.
    ///   - window: how many bytes may be sent before `read` takes them. Then the handler waits, as it does for a slow
    ///     client, and for no longer than a server's write timeout.
    ///   - read: gets the answer without its body, and the body.
    /// - Throws: as ``send(_:_:fields:body:from:on:)`` does, what `read` throws, and what producing the body throws while
    ///   the client is there.
    public func follow<Value>(
        _ method: String, _ target: String, fields: [(name: String, value: String)] = [], body: String = "",
        from peer: SocketAddress? = nil, window: Int = 65536, on loop: isolated EventLoop,
        _ read: @escaping (TestResponse, any ByteStream) async throws -> Value
    ) async throws -> Value {
        let conditions = LinkConditions(segment: window...window, window: window, readsPartially: false)
        let (server, client) = SimulatedStream.pair(conditions, on: loop)
        defer { client.close() }
        let stream = MemoryStream(Array(body.utf8), to: server)
        let response = try await answer(method, target, fields, over: stream, from: peer, on: loop)
        return try await loop.withTaskScope(atEnd: .cancel) { scope in
            loop.spawn("body", in: scope) {
                defer { server.close() }
                let writer = BodyWriter(stream, framing: .untilClose, head: [])
                do {
                    if let produce = response.stream {
                        try await produce(writer)
                    } else {
                        try await writer.write(response.body, on: loop)
                    }
                } catch  where error as? StreamFailure == .clientGone || Task.isCancelled {
                    // The client has left, or took nothing for too long.
                }
            }
            return try await read(TestResponse(response, body: [], isCutShort: false), client)
        }
    }

    private func answer(
        _ method: String, _ target: String, _ fields: [(name: String, value: String)], over stream: MemoryStream,
        from peer: SocketAddress?, on loop: isolated EventLoop
    ) async throws -> Response {
        var text = "\(method) \(target) HTTP/1.1\r\nHost: test\r\n"
        for (name, value) in fields { text += "\(name): \(value)\r\n" }
        if stream.bodySize > 0 { text += "Content-Length: \(stream.bodySize)\r\n" }
        var parser = RequestHeadParser()
        guard case .complete(let head, _) = try parser.parse(Array((text + "\r\n").utf8).span, limits: WireLimits())
        else { throw RequestError.badRequest(.invalidRequestLine) }
        let request = Request(head, from: peer, at: loop.now, over: stream)
        do {
            switch try handler.answer(request, on: loop) {
            case .now(let made): return made
            case .later(let work): return try await work()
            }
        } catch {
            guard let answer = Response(to: error) else { throw error }
            return answer
        }
    }
}

/// An answer, as a test looks at it.
public struct TestResponse: Sendable {
    public let status: Int
    /// Those that the handler set, in their order; those of the connection are the server's.
    public let fields: [(name: String, value: String)]
    public let body: [UInt8]
    /// Whether what produced the body has failed.
    public let isCutShort: Bool

    init(_ response: Response, body: [UInt8], isCutShort: Bool) {
        status = response.status.code
        var fields = response.lines.map {
            (name: String(decoding: $0.name, as: UTF8.self), value: String(decoding: $0.value, as: UTF8.self))
        }
        for field in response.fields { fields.append((field.name.rawName, field.value)) }
        self.fields = fields
        self.body = body
        self.isCutShort = isCutShort
    }

    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The value of the first field with a name, in any letter case.
    public subscript(name: String) -> String? {
        fields.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// An exchange in memory: its client has sent its body, and takes what it is sent at once, or reads it from a stream.
private final class MemoryStream: ExchangeStream {
    private var body: [UInt8]
    private let output: SimulatedStream?
    private(set) var sent: [UInt8] = []

    init(_ body: [UInt8], to output: SimulatedStream? = nil) {
        self.body = body
        self.output = output
    }

    var bodySize: Int { body.count }

    func readBody(on loop: isolated EventLoop) async throws(Refusal) -> [UInt8] {
        defer { body = [] }
        return body
    }

    func readPiece(upTo limit: Int?, on loop: isolated EventLoop) async throws(Refusal) -> [UInt8]? {
        defer { body = [] }
        return body.isEmpty ? nil : body
    }

    func send(_ first: [UInt8], _ second: [UInt8], on loop: isolated EventLoop) async -> Bool {
        guard !Task.isCancelled else { return false }
        guard let output else {
            sent += first + second
            return true
        }
        do throws(StreamError) {
            let deadline = loop.now.advanced(by: ServerOptions().writeTimeout)
            try await output.write(first + second, until: deadline, on: loop)
            return true
        } catch {
            return false
        }
    }

    func hold(_ bytes: Int) {}
    func release(_ bytes: Int) {}
}
