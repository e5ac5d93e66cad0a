import EventLoop
import Fetch
import HTTPServer

/// Passes the body of a request on to the upstream, a piece at a time.
///
/// A run that is cancelled can be followed by another, which continues where it stopped: an upstream may answer before
/// it has read everything.
final class ProxyUpload {
    private let request: Request
    private let limit: Int?
    private let stall: Duration
    /// Where the body goes: to a new exchange if the one before has taken nothing.
    var exchange: StreamedExchange
    /// A piece that was read and not sent.
    private var piece: [UInt8]?
    /// What is wrong with the client's body.
    private(set) var refusal: Refusal?

    init(_ request: Request, to exchange: StreamedExchange, upTo limit: Int?, stall: Duration) {
        (self.request, self.exchange, self.limit, self.stall) = (request, exchange, limit, stall)
    }

    /// Whether there is nothing more to pass on.
    var isComplete: Bool { !exchange.expectsMore }

    /// Passes the body on to its end, or until something prevents that: then the exchange is given up.
    func run(on loop: isolated EventLoop) async {
        do throws(FetchError) {
            while let next = try await nextPiece(on: loop) {
                piece = next
                try await exchange.send(next, within: stall, on: loop)
                piece = nil
            }
            guard refusal == nil else { return exchange.giveUp(.cancelled) }
            try await exchange.finishSending(within: stall, on: loop)
        } catch {
            if !Task.isCancelled, case .timeout = error { exchange.giveUp(error) }
        }
    }

    private func nextPiece(on loop: isolated EventLoop) async throws(FetchError) -> [UInt8]? {
        if let piece { return piece }
        do throws(Refusal) {
            return try await request.readPiece(upTo: limit, on: loop)
        } catch {
            // Cancelled, nothing is wrong with the client.
            if Task.isCancelled { throw .cancelled }
            refusal = error
            return nil
        }
    }
}
