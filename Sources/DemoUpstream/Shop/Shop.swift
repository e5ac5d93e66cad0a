import EventLoop
import HTTPServer
import HTTPTypes

/// A small shop behind HTTP: the upstream to gather from where there is no real one.
///
/// It has customers, orders, offers, reviews, stock and delivery times; what it says depends on the ids and is the same
/// each time. The query of any request may ask for slowness and faults: `delay=150ms`, `fail=503`, `fail=garbage`,
/// `fail=slow`. Confined to its loop; several loops have a shop each and may share the counters.
public final class Shop: Handler, ExchangeObserver {
    /// How long `fail=slow` waits before it gives up on a client that stays.
    static let longestWait: Duration = .seconds(60)

    public let counters: ShopCounters
    private let options: ShopOptions

    public init(_ options: ShopOptions = ShopOptions(), counters: ShopCounters = ShopCounters()) {
        self.options = options
        self.counters = counters
    }

    public func answer(_ request: Request, on loop: isolated EventLoop) throws -> Answer {
        let asked = try ShopRequest(request.head)
        guard asked.resource != .stats else { return .now(counters.response) }
        request.route = asked.resource.rawValue
        counters.countRequest()
        return .later { try await self.answer(asked, request, on: loop) }
    }

    private func answer(_ asked: ShopRequest, _ request: Request, on loop: isolated EventLoop) async throws -> Response
    {
        let body = request.head.method == .post ? try await request.readBody(on: loop) : []
        try await pause(for: options.latency(of: asked.resource) + asked.fault.delay, on: loop)
        switch asked.fault.failure {
        case .none: return try asked.answer(body)
        case .status(let code): return Problem(injected: code).response
        case .garbage: return Response(.ok, fields: [.contentType: "application/json"], body: Fault.garbage)
        case .slow:
            try await pause(for: Self.longestWait, on: loop)
            throw Problem(.serviceUnavailable, "the request asked for no answer, and waited for it")
        }
    }

    public func exchangeEnded(_ record: ExchangeRecord) {
        guard record.request?.route != nil else { return }
        counters.countEnd(cancelled: record.isClientGone)
    }

    /// - Throws: ``Refusal/clientGone`` as soon as the task is cancelled.
    private func pause(for duration: Duration, on loop: isolated EventLoop) async throws(Refusal) {
        guard duration > .zero else { return }
        do throws(CancellationError) { try await loop.sleep(for: duration) } catch { throw .clientGone }
    }
}

/// How slowly a ``Shop`` answers unless a request asks for more.
public struct ShopOptions: Sendable {
    /// The latency of each resource: `customers`, `orders`, `offers`, `reviews`, `stock`, `delivery`, and `default` for
    /// those that are not named. None without an entry.
    public var latency: [String: Duration]

    public init(latency: [String: Duration] = [:]) { self.latency = latency }

    func latency(of resource: ShopResource) -> Duration {
        latency[resource.rawValue] ?? latency["default"] ?? .zero
    }
}
