import EventLoop
import Fetch
import TestSupport

/// An upstream whose connections a test serves by hand, and a fetcher that asks it, on one loop.
final class ScriptedUpstream {
    let listener: SocketListener
    let fetcher: Fetcher
    private(set) var origin: FetchOrigin

    typealias Script = @Sendable (SocketEnd, isolated EventLoop) async throws -> Void
    typealias Outcome = Result<FetchResponse, FetchError>

    private init(_ scheme: String, _ prefix: String, _ limits: FetchLimits, on loop: isolated EventLoop) throws {
        // A busy machine is no failure to connect.
        var limits = limits
        limits.connectTimeout = .seconds(5)
        listener = try SocketListener(on: loop)
        fetcher = try Fetcher(on: loop, maxConnections: 64)
        origin = try fetcher.origin(base: "\(scheme)://127.0.0.1:\(listener.port)", prefix: prefix, limits: limits)
    }

    static func run<Value: Sendable>(
        scheme: String = "http", prefix: String = "", limits: FetchLimits = FetchLimits(),
        _ body: @escaping @Sendable (ScriptedUpstream, isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try TestLoop.runOnSystem { loop in
            let upstream = try ScriptedUpstream(scheme, prefix, limits, on: loop)
            defer { upstream.fetcher.close() }
            return try await body(upstream, loop)
        }
    }

    /// Fetches while `script` serves the next connection, until both are over.
    func fetch(
        _ request: FetchRequest = FetchRequest(target: "/"), within timeout: Duration = .seconds(5),
        on loop: isolated EventLoop, script: @escaping Script
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
        of request: FetchRequest = FetchRequest(target: "/"), within timeout: Duration = .seconds(5),
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

extension Result where Success == FetchResponse, Failure == FetchError {
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

let okResponse = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
