import EventLoop
public import HTTPWire

/// An object that answers requests. Each loop has its own, confined to it.
///
/// Handlers can wrap one another: one that limits, logs or adds a field calls the next and changes its answer.
///
/// ```swift
/// final class Greeting: Handler {
///     func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
///         guard request.head.method == .get else { return .now(.problem(.methodNotAllowed, "only GET")) }
///         return .later {
///             try await loop.sleep(for: .milliseconds(10))
///             return Response(.ok, text: "hello\n")
///         }
///     }
/// }
/// ```
public protocol Handler: AnyObject {
    /// Answers a request at once, or returns the work that will answer it.
    ///
    /// - Throws: anything. A ``Refusal`` from reading the body and a ``Problem`` become the answers that they describe.
    ///   Any other error is answered with 500, and reported to the server's ``ExchangeObserver``.
    func answer(_ request: Request, on loop: isolated EventLoop) throws -> Answer

    /// How many bytes the body of a request may have, if that is more than the server's limit; asked only if a request
    /// announces more. Nil by default.
    func bodyLimit(of head: RequestHead) -> Int?
}

extension Handler {
    public func bodyLimit(of head: RequestHead) -> Int? { nil }
}

/// What a handler returns for a request.
public enum Answer {
    /// The response. The server sends it in the same step in which it read the request.
    case now(Response)
    /// The work that makes the response. It runs in the connection's task, which is cancelled when the client
    /// disconnects. It captures the loop, and may throw what ``Handler/answer(_:on:)`` may.
    case later(() async throws -> Response)
}

extension Answer {
    /// This answer with its response changed, for handlers that wrap others.
    public func map(_ change: @escaping (Response) -> Response) -> Answer {
        switch self {
        case .now(let response): .now(change(response))
        case .later(let work): .later { change(try await work()) }
        }
    }
}

/// A handler that is a function without state of its own, so that it may be made anywhere and serve any loop.
public final class HandlerFunction: Handler, Sendable {
    private let body: @Sendable (Request, isolated EventLoop) async throws -> Response

    public init(_ body: @escaping @Sendable (Request, isolated EventLoop) async throws -> Response) {
        self.body = body
    }

    public func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
        .later { try await self.body(request, loop) }
    }
}
