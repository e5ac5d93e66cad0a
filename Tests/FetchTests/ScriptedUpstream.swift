import EventLoop
import Fetch
import HTTPTypes
import HTTPWire
import TestSupport
import Testing

/// An upstream whose connections a test serves by hand, and a fetcher that asks it, on one loop.
final class ScriptedUpstream {
    let listener: SocketListener
    let fetcher: Fetcher
    private(set) var origin: FetchOrigin

    typealias Outcome = Result<ClientResponse, FetchError>

    private init(_ scheme: String, _ prefix: String, _ options: FetchOptions, on loop: isolated EventLoop) throws {
        // A busy machine is no failure to connect.
        var options = options
        options.connectTimeout = .seconds(5)
        listener = try SocketListener(on: loop)
        fetcher = Fetcher(on: loop)
        origin = try fetcher.origin(base: "\(scheme)://127.0.0.1:\(listener.port)", prefix: prefix, options: options)
    }

    static func run<Value: Sendable>(
        scheme: String = "http", prefix: String = "", options: FetchOptions = FetchOptions(),
        _ body: @escaping @Sendable (ScriptedUpstream, isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try TestLoop.runOnSystem { loop in
            let upstream = try ScriptedUpstream(scheme, prefix, options, on: loop)
            defer { upstream.fetcher.close() }
            return try await body(upstream, loop)
        }
    }

    /// Fetches while `script` serves the next connection, until both are over.
    func fetch(
        _ request: ClientRequest = .get("/"), within timeout: Duration = .seconds(5),
        on loop: isolated EventLoop, script: @escaping SocketListener.Script
    ) async throws -> Outcome {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addImmediateTask {
                let connection = try await self.listener.accept(on: loop)
                try await script(connection, loop)
            }
            let outcome = await self.outcome(of: request, within: timeout, on: loop)
            try await group.waitForAll()
            return outcome
        }
    }

    /// Fetches from a connection that is served by someone else, or from none.
    func outcome(
        of request: ClientRequest = .get("/"), within timeout: Duration = .seconds(5),
        on loop: isolated EventLoop
    ) async -> Outcome {
        do throws(FetchError) {
            return .success(
                try await fetcher.fetch(request, from: origin, until: loop.now.advanced(by: timeout), on: loop))
        } catch {
            return .failure(error)
        }
    }
}

extension Result where Success == ClientResponse, Failure == FetchError {
    /// Status and body in one line, or the failure.
    var text: String {
        switch self {
        case .success(let response): "\(response.status) \(String(decoding: response.body, as: UTF8.self))"
        case .failure(let error): "\(error)"
        }
    }

    var failure: FetchError? {
        if case .failure(let error) = self { error } else { nil }
    }
}

extension FetchError {
    /// Which fault it is, whatever it says of the reason.
    var kind: String {
        switch self {
        case .reset: "reset"
        case .malformed: "malformed"
        case .tooLarge: "tooLarge"
        default: "\(self)"
        }
    }
}

let okResponse = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

extension ClientRequest {
    static func get(_ target: String) -> ClientRequest { request("GET", target) }

    /// A request that a test is sure of.
    static func request(
        _ method: String, _ target: String, _ fields: [(String, String)] = [], body: [UInt8]? = nil
    ) -> ClientRequest {
        do {
            var section = FieldSection()
            for (name, value) in fields { try section.append(#require(HTTPField.Name(name)), value) }
            return try ClientRequest(#require(HTTPRequest.Method(method)), target: target, fields: section, body: body)
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
