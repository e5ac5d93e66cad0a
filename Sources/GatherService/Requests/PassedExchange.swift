import EventLoop
import Fetch
import Gather
import GatherFetch
import HTTPServer
import HTTPTypes
import HTTPWire

/// One exchange with an upstream that is passed through for a client: its two bodies, and the times that they may take.
final class PassedExchange {
    private let proxy: ProxyEndpoint
    private let passage: Passage
    private let exchange: StreamedExchange
    /// The rest of the request, if it does not leave with the head.
    private let upload: ProxyUpload?

    /// Starts sending the request.
    /// - Parameter earlier: one that has failed before anything was sent: what it has read of the client's body is sent
    ///   first.
    /// - Throws: `UpstreamFailure`.
    init(
        _ rendered: ClientRequest, of request: Request, to proxy: ProxyEndpoint, at host: HostIndex,
        through passage: Passage, _ upstreams: CurlUpstreams, after earlier: PassedExchange? = nil
    ) throws(UpstreamFailure) {
        (self.proxy, self.passage) = (proxy, passage)
        exchange = try upstreams.stream(rendered, to: passage.upstream, host: host)
        if let begun = earlier?.upload {
            begun.exchange = exchange
            upload = begun
        } else if exchange.expectsMore {
            upload = ProxyUpload(request, to: exchange, upTo: proxy.maxBodyBytes, stall: proxy.stall)
        } else {
            upload = nil
        }
    }

    /// Waits for the head of the answer: for as long as it may take once the request is sent.
    /// - Throws: `UpstreamFailure`, or the `Refusal` of what is wrong with the client's body.
    func head(on loop: isolated EventLoop) async throws -> ClientResponse {
        let timeout = proxy.timeout ?? passage.timeout
        let wake: Wake
        if let upload {
            wake = await withTaskGroup(of: Void.self, returning: Wake.self) { group in
                group.addImmediateTask { await self.send(upload, answeredWithin: timeout, on: loop) }
                let wake = await loop.reactor.suspend(exchange.wait)
                group.cancelAll()
                return wake
            }
        } else {
            wake = await loop.reactor.suspend(exchange.wait, until: loop.now.advanced(by: timeout))
        }
        do throws(FetchError) {
            let answer = try exchange.head(wake)
            passage.headCame(status: answer.status)
            return answer
        } catch {
            if let refusal = upload?.refusal { throw refusal }
            throw exchange.failure(error)
        }
    }

    /// Sends the rest of the request; the time for the answer runs from its end.
    private func send(_ upload: ProxyUpload, answeredWithin timeout: Duration, on loop: isolated EventLoop) async {
        await upload.run(on: loop)
        guard upload.isComplete, (try? await loop.sleep(for: timeout)) != nil else { return }
        exchange.giveUp(.timeout(.head))
    }

    /// Whether nothing of the answer is still to come.
    var isComplete: Bool { exchange.isComplete }

    /// The times of its phases.
    var times: ExchangeTimes { exchange.times }

    var framing: BodyFraming { exchange.responseFraming }

    /// Passes the content on as it comes.
    ///
    /// An upstream that has answered with success before it has read everything still gets the rest; one that has
    /// refused wants no more of it (RFC 9112 §9.3).
    /// - Parameter beginning: what came with the head.
    /// - Returns: what has ended it too early at the upstream, if something has.
    func pass(
        _ beginning: [UInt8], to writer: BodyWriter, status: Int, on loop: isolated EventLoop
    ) async throws(StreamFailure) -> UpstreamFailure? {
        typealias Passed = Result<UpstreamFailure?, StreamFailure>
        let result: Passed
        if let upload, !upload.isComplete, (200..<300).contains(status) {
            result = await withTaskGroup(of: Void.self, returning: Passed.self) { group in
                group.addImmediateTask { await upload.run(on: loop) }
                let result = await self.passDown(beginning, to: writer, on: loop)
                group.cancelAll()
                return result
            }
        } else {
            result = await passDown(beginning, to: writer, on: loop)
        }
        if case .success(let failure) = result { end(failure) } else { end(nil) }
        return try result.get()
    }

    private func passDown(
        _ beginning: [UInt8], to writer: BodyWriter, on loop: isolated EventLoop
    ) async -> Result<UpstreamFailure?, StreamFailure> {
        do throws(StreamFailure) {
            // The head at least, however long the content may be in coming.
            try await writer.write(beginning, on: loop)
            while true {
                let piece: [UInt8]?
                do throws(FetchError) {
                    piece = try await exchange.read(within: proxy.stall, on: loop)
                } catch {
                    return Task.isCancelled ? .failure(.clientGone) : .success(exchange.failure(error))
                }
                guard let piece else { return .success(nil) }
                try await writer.write(piece, on: loop)
            }
        } catch {
            return .failure(error)
        }
    }

    /// Lets go of the upstream, where the exchange is over or no longer wanted.
    func end(_ failure: UpstreamFailure?) {
        exchange.close()
        passage.leave(failure)
    }
}

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
