import EventLoop
import HTTPTypes
import HTTPWire

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
    /// Starts sending a request to one host of an upstream, and to wait for the whole response.
    ///
    /// The caller suspends on the exchange's ``ClientExchange/wait``, until `deadline` at the latest, and takes what
    /// came by ``ClientExchange/finish(_:)``.
    /// - Parameter call: the name of the call that it is made for; nil for a health check or a warm-up.
    func start(
        _ request: ClientRequest, for call: String?, to upstream: UpstreamIndex, host: HostIndex,
        until deadline: LoopInstant, on reactor: Reactor
    ) throws(UpstreamFailure) -> any ClientExchange
}

/// A request that is under way at an upstream. Confined to its loop.
public protocol ClientExchange: AnyObject {
    /// What is woken when it has ended. Who waits for several at once gives them one wait; it may be changed until it
    /// has ended.
    var wait: WaitID { get set }

    /// Whether it has ended, so that its wait was woken.
    var hasEnded: Bool { get }

    /// The times of its phases, on the loop's clock; nothing for clients that have no network. Asked when it has
    /// ended.
    var times: ExchangeTimes { get }

    /// Takes the response, or gives up an exchange that has not ended: what ended the wait for it says why. Called
    /// once.
    func finish(_ wake: Wake) throws(UpstreamFailure) -> ClientResponse
}

extension ClientExchange {
    public var times: ExchangeTimes { ExchangeTimes() }
}

extension UpstreamClient {
    /// Sends a request and waits for its response: for what is not a call.
    package func send(
        _ request: ClientRequest, to upstream: UpstreamIndex, host: HostIndex, until deadline: LoopInstant,
        on loop: isolated EventLoop
    ) async throws(UpstreamFailure) -> ClientResponse {
        guard !Task.isCancelled else { throw .cancelled }
        let exchange = try start(request, for: nil, to: upstream, host: host, until: deadline, on: loop.reactor)
        return try exchange.finish(await loop.reactor.suspend(exchange.wait, until: deadline))
    }
}

/// An exchange that ends at a time that was settled before: those of clients that have no network.
public final class TimedExchange: ClientExchange, TimerHandler {
    public typealias Outcome = Result<ClientResponse, UpstreamFailure>

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

    public func finish(_ wake: Wake) throws(UpstreamFailure) -> ClientResponse {
        if let timer { reactor.cancel(timer) }
        timer = nil
        whenOver(hasEnded ? .signalled : wake)
        if hasEnded { return try outcome.get() }
        throw wake == .timedOut ? .timeout(while: nil) : .cancelled
    }
}

// MARK: What is asked and answered

extension ClientRequest {
    /// Who sends it, unless a call says otherwise: some services refuse those who do not say.
    package static let userAgent = "gatherd"

    /// A request that belongs to no call, for a path that the reader of the configuration has checked.
    package init(path: String) {
        do {
            var fields = FieldSection()
            try fields.append(.accept, RequestTemplate.acceptsAll)
            try fields.append(.userAgent, Self.userAgent)
            try self.init(target: path, fields: fields)
        } catch {
            preconditionFailure("a path that no request can have: \(error)")
        }
    }
}

/// Why an attempt has no response.
public enum UpstreamFailure: Error, Equatable, Sendable {
    /// It did not end in time; says what it was doing, if that is known.
    case timeout(while: String?)
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
        case .timeout(let phase): "no answer in time" + (phase.map { ", " + $0 } ?? "")
        case .notConnected(let reason), .unreachable(let reason), .badResponse(let reason): reason
        case .cancelled: "the request was cancelled"
        }
    }
}
