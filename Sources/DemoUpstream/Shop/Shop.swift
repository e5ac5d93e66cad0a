import EventLoop
import HTTPServer
import HTTPTypes

/// A small shop behind HTTP: the upstream to gather from where there is no real one.
///
/// It has customers, orders, offers, reviews, stock and delivery times; what it says depends on the ids and is the same each
/// time. The query of any request may ask for slowness and faults: `delay=150ms`, `fail=503`, `fail=garbage`, `fail=slow`.
/// Confined to its loop; several loops have a shop each and may share the counters.
public final class Shop: Responder {
    /// How long `fail=slow` waits before it gives up on a client that stays.
    static let longestWait: Duration = .seconds(60)

    public let counters: ShopCounters
    private let options: ShopOptions

    public init(_ options: ShopOptions = ShopOptions(), counters: ShopCounters = ShopCounters()) {
        self.options = options
        self.counters = counters
    }

    public func respond(to exchange: Exchange, on loop: isolated EventLoop) async throws(Refusal) -> Response {
        guard let head = exchange.head else { return Problem(.badRequest, "the request has no head").response }
        let request: ShopRequest
        do throws(Problem) { request = try ShopRequest(head) } catch { return error.response }
        guard request.resource != .stats else { return counters.response }
        exchange.route = request.resource.rawValue
        counters.countRequest()
        let body = head.method == .post ? try await exchange.readBody(on: loop) : []
        try await pause(for: options.latency(of: request.resource) + request.fault.delay, on: loop)
        switch request.fault.failure {
        case .none: break
        case .status(let code): return Problem(injected: code).response
        case .garbage: return Response(.ok, fields: [.contentType: "application/json"], body: Fault.garbage)
        case .slow:
            try await pause(for: Self.longestWait, on: loop)
            return Problem(.serviceUnavailable, "the request asked for no answer, and waited for it").response
        }
        do throws(Problem) { return try request.answer(body) } catch { return error.response }
    }

    public func ended(_ exchange: Exchange, at now: LoopInstant) {
        guard exchange.route != nil else { return }
        counters.countEnd(cancelled: exchange.status == Refusal.clientGone.status.code)
    }

    /// - Throws: ``Refusal/clientGone`` as soon as the task is cancelled.
    private func pause(for duration: Duration, on loop: isolated EventLoop) async throws(Refusal) {
        guard duration > .zero else { return }
        do throws(CancellationError) { try await loop.sleep(for: duration) } catch { throw .clientGone }
    }
}
