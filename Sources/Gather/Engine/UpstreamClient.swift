import EventLoop
import HTTPTypes

/// The place of an upstream in its plan.
public struct UpstreamIndex: Sendable, Hashable {
    public let number: Int
    public init(_ number: Int) { self.number = number }
}

/// The place of a host in its upstream.
public struct HostIndex: Sendable, Hashable {
    public let number: Int
    public init(_ number: Int) { self.number = number }
}

/// How the engine reaches upstreams: one attempt at a time.
public protocol UpstreamClient: AnyObject {
    /// Begins to send a request to one host of an upstream, and to wait for the whole response.
    ///
    /// The caller suspends on the exchange's ``ClientExchange/wait``, until `deadline` at the latest, and takes what came by
    /// ``ClientExchange/finish(_:)``.
    func start(
        _ request: UpstreamRequest, to upstream: UpstreamIndex, host: HostIndex, until deadline: LoopInstant,
        on reactor: Reactor
    ) throws(UpstreamFailure) -> any ClientExchange
}

/// A request that is under way at an upstream. Confined to its loop.
public protocol ClientExchange: AnyObject {
    /// What is woken when it has ended. Who waits for several at once gives them one wait; it may be changed until it has ended.
    var wait: WaitID { get set }

    /// Whether it has ended, so that its wait was woken.
    var hasEnded: Bool { get }

    /// Takes the response, or gives up an exchange that has not ended: what ended the wait for it says why. Called once.
    func finish(_ wake: Wake) throws(UpstreamFailure) -> UpstreamResponse
}

extension UpstreamClient {
    /// Sends a request and waits for its response: for what is no call.
    package func send(
        _ request: UpstreamRequest, to upstream: UpstreamIndex, host: HostIndex, until deadline: LoopInstant,
        on loop: isolated EventLoop
    ) async throws(UpstreamFailure) -> UpstreamResponse {
        guard !Task.isCancelled else { throw .cancelled }
        let exchange = try start(request, to: upstream, host: host, until: deadline, on: loop.reactor)
        return try exchange.finish(await loop.reactor.suspend(exchange.wait, until: deadline))
    }
}

/// An exchange that ends at a time that was settled before: those of clients that have no network.
public final class TimedExchange: ClientExchange, TimerHandler {
    public typealias Outcome = Result<UpstreamResponse, UpstreamFailure>

    public var wait: WaitID
    public private(set) var hasEnded = false
    private let reactor: Reactor
    private let outcome: Outcome
    private var timer: TimerID?
    private let whenOver: (Wake) -> Void

    /// - Parameters:
    ///   - due: when it ends; nil if it has ended already.
    ///   - whenOver: is told once that it has ended, or why it was given up.
    public init(
        _ outcome: Outcome, at due: LoopInstant?, on reactor: Reactor, whenOver: @escaping (Wake) -> Void = { _ in }
    ) {
        (self.outcome, self.reactor, self.whenOver) = (outcome, reactor, whenOver)
        wait = reactor.makeWait()
        if let due {
            timer = reactor.schedule(at: due, self)
        } else {
            hasEnded = true
            reactor.wake(wait)
        }
    }

    public func timerFired(_: TimerID) {
        timer = nil
        hasEnded = true
        reactor.wake(wait)
    }

    public func finish(_ wake: Wake) throws(UpstreamFailure) -> UpstreamResponse {
        if let timer { reactor.cancel(timer) }
        timer = nil
        whenOver(hasEnded ? .signalled : wake)
        if hasEnded { return try outcome.get() }
        throw wake == .timedOut ? .timeout : .cancelled
    }
}

// MARK: Requests and responses

/// A request as the engine has rendered it.
public struct UpstreamRequest: Sendable {
    /// The name of the call that it is made for; nil if it is a health check or a warm-up.
    public var call: String?
    public var method: HTTPRequest.Method
    /// Path and query, escaped.
    public var target: String
    /// No value holds CR, LF or NUL.
    public var headers: [(name: HTTPField.Name, value: String)]
    public var body: [UInt8]?
    /// Whether it may arrive twice, if the call says so; otherwise its method does.
    public var isRepeatable: Bool?
}

/// A response that has come in whole.
public struct UpstreamResponse: Sendable {
    public var status: Int
    public var body: [UInt8]
    /// How long the upstream wants to be left alone (`Retry-After`, RFC 9110 §10.2.3), if it says so.
    public var retryAfter: Duration?

    public init(status: Int, body: [UInt8], retryAfter: Duration? = nil) {
        self.status = status
        self.body = body
        self.retryAfter = retryAfter
    }

    var isLarge: Bool { body.count > BodyWork.mostOnLoop }
}

/// Why an attempt has no response.
public enum UpstreamFailure: Error, Equatable, Sendable {
    /// It did not end in time.
    case timeout
    /// No connection could be made, so that nothing was sent; says why.
    case notConnected(String)
    /// The connection broke, or the request could not be made; says which.
    case unreachable(String)
    /// What came is not a response that can be used; says why.
    case badResponse(String)
    /// The task was cancelled.
    case cancelled
}

extension UpstreamFailure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .timeout: "no answer in time"
        case .notConnected(let reason), .unreachable(let reason), .badResponse(let reason): reason
        case .cancelled: "the request was cancelled"
        }
    }
}
