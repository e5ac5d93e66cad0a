import EventLoop
import Fetch
import Gather
import GatherConfig
import HTTPTypes
import HTTPWire
import JSONText
import Logging

/// Sends the spans of one loop to a collector, by OTLP over HTTP in its JSON form (OTLP 1.0), as gzip if it
/// wants that.
///
/// Spans wait for others that are sent with them, and for a collector that is slow, as many as there is room for; more
/// are dropped and counted. Nothing that answers clients waits for it. Confined to its loop.
final class TraceExporter {
    private let settings: TraceSettings
    private let request: ClientRequest
    /// How many spans may wait, in the process.
    private let room: SharedLimit
    private let collector: Origin
    private let logger: Logger
    private let reactor: Reactor
    private var queue: [TracedRequest] = []
    private var queuedSpans = 0
    private let counts: Counts
    /// What its task waits for, while it does.
    private var wait: WaitID?
    private var isEnding = false
    private var random = SystemRandomNumberGenerator()

    /// What became of spans, counted for all exporters that a loop has one after the other.
    final class Counts {
        private(set) var value = TraceCounts()

        fileprivate func add(_ spans: Int, to fate: SpanFate) { value[fate, default: 0] += spans }
    }

    /// How many spans are sent at once, if no request has more.
    private static let batch = 512
    /// How often a batch is sent again.
    private static let mostRetries = 5
    private static let longestPause: Duration = .seconds(30)
    /// How long the end of the service waits for the collector.
    private static let endTime: Duration = .seconds(2)

    /// Nil if the settings name no collector.
    init?(_ settings: TraceSettings, room: SharedLimit, counts: Counts, logger: Logger, on reactor: Reactor) {
        guard let collector = settings.endpoint else { return nil }
        (self.settings, self.collector, self.room, self.counts) = (settings, collector, room, counts)
        (self.logger, self.reactor) = (logger, reactor)
        var fields = settings.headers
        do {
            if !fields.contains(.contentType) { try fields.append(.contentType, "application/json") }
            if !fields.contains(.userAgent) { try fields.append(.userAgent, ClientRequest.userAgent) }
            if settings.compresses { try fields.append(.contentEncoding, "gzip") }
            request = try ClientRequest(.post, target: collector.prefix, fields: fields)
        } catch {
            preconditionFailure("a path that was read as one: \(error)")
        }
    }

    /// Whether spans would be sent in the same way with other settings.
    func sends(as other: TraceSettings) -> Bool { settings.exports(as: other) }

    /// Queues the spans of a request, if there is room for them.
    func add(_ traced: TracedRequest) {
        let spans = traced.spanCount
        guard !isEnding, room.tryTake(spans) else { return counts.add(spans, to: .noRoom) }
        queue.append(traced)
        queuedSpans += spans
        if let wait, queue.count == 1 || queuedSpans >= Self.batch { reactor.wake(wait) }
    }

    /// Sends what there is, until ``end()``; then once more what is left.
    func run(on loop: isolated EventLoop) async {
        let fetcher = Fetcher(on: loop)
        defer { fetcher.close() }
        var options = FetchOptions()
        options.idleConnections = 1
        options.response.bodyBytes = 64 << 10
        let origin: FetchOrigin
        do throws(FetchError) {
            origin = try fetcher.origin(base: collector.base, options: options)
        } catch {
            return warn("\(error)", of: 0)
        }
        while !isEnding {
            if queue.isEmpty { await waitForMore(until: nil, on: loop) }
            let due = loop.time.advanced(by: settings.delay)
            while !isEnding, queuedSpans < Self.batch, loop.now < due { await waitForMore(until: due, on: loop) }
            guard !isEnding else { break }
            await send(takeBatch(), retries: Self.mostRetries, until: nil, to: origin, by: fetcher, on: loop)
        }
        let limit = loop.time.advanced(by: Self.endTime)
        while !queue.isEmpty {
            await send(takeBatch(), retries: 0, until: limit, to: origin, by: fetcher, on: loop)
        }
    }

    /// Has ``run(on:)`` send what is left, for a moment at most, and return.
    func end() {
        isEnding = true
        if let wait { reactor.wake(wait) }
    }

    private func waitForMore(until deadline: LoopInstant?, on loop: isolated EventLoop) async {
        let wait = reactor.makeWait()
        self.wait = wait
        if await loop.reactor.suspend(wait, until: deadline) == .cancelled { isEnding = true }
        self.wait = nil
    }

    private func takeBatch() -> [TracedRequest] {
        var (count, spans) = (0, 0)
        while count < queue.count, spans < Self.batch {
            spans += queue[count].spanCount
            count += 1
        }
        let batch = Array(queue[..<count])
        queue.removeFirst(count)
        queuedSpans -= spans
        return batch
    }

    // MARK: Sending

    /// Sends a batch, again and again while the collector says that it may take it later. Its spans have room until
    /// then.
    /// - Parameter limit: when the collector must have answered, if that is to be soon.
    private func send(
        _ batch: [TracedRequest], retries: Int, until limit: LoopInstant?, to origin: FetchOrigin, by fetcher: Fetcher,
        on loop: isolated EventLoop
    ) async {
        let spans = batch.reduce(0) { $0 + $1.spanCount }
        defer { room.giveBack(spans) }
        let settings = settings
        let rendered = try? await loop.runBlocking {
            let json = OTLPTraces.json(batch, settings)
            return settings.compresses ? Gzip.compressed(json) : json
        }
        guard let body = rendered else { return counts.add(spans, to: .unsent) }
        var request = request
        request.body = body
        for attempt in 0...retries {
            let answer: ClientResponse?
            var failure = ""
            do throws(FetchError) {
                let deadline = loop.time.advanced(by: settings.timeout)
                answer = try await fetcher.fetch(
                    request, from: origin, until: min(deadline, limit ?? deadline), on: loop)
            } catch {
                answer = nil
                failure = "\(error)"
            }
            switch answer?.status {
            case (200..<300)?:
                let rejected = min(spans, answer.map(Self.rejected) ?? 0)
                counts.add(spans - rejected, to: .sent)
                if rejected > 0 { counts.add(rejected, to: .rejected) }
                return
            case 429?, 502?, 503?, 504?: failure = "status \(answer?.status ?? 0)"
            case let status?:
                warn("status \(status)", of: spans)
                return counts.add(spans, to: .rejected)
            case nil: break
            }
            guard attempt < retries, !isEnding, await pause(after: answer, attempt, on: loop) else {
                warn(failure, of: spans)
                break
            }
        }
        counts.add(spans, to: .unsent)
    }

    /// How many spans of a batch the collector did not want (`partialSuccess`).
    private static func rejected(_ answer: ClientResponse) -> Int {
        guard let json = try? JSONValue(validating: answer.body),
            let path = try? JSONPath("partialSuccess.rejectedSpans")
        else { return 0 }
        // 64-bit numbers are strings in the JSON form of protocol buffers, and readers take both.
        return json.value(at: path)?.scalarText.flatMap { Int($0) } ?? 0
    }

    /// Waits before a batch is sent again: anything up to a bound that doubles, and as long as the collector wants.
    /// - Returns: false if there is no time for that.
    private func pause(after answer: ClientResponse?, _ attempt: Int, on loop: isolated EventLoop) async -> Bool {
        let bound = min(Self.longestPause, settings.delay * (1 << attempt)).wholeNanoseconds
        let wanted = min(Self.longestPause, .seconds(answer?.retryAfter ?? 0))
        let due = loop.time.advanced(by: wanted + .nanoseconds(Int64.random(in: 0...bound, using: &random)))
        while !isEnding, loop.now < due { await waitForMore(until: due, on: loop) }
        return !isEnding
    }

    private func warn(_ failure: String, of spans: Int) {
        logger.warning(
            "spans could not be sent",
            metadata: ["collector": "\(collector.base)", "error": "\(failure)", "spans": .stringConvertible(spans)])
    }
}

/// What became of spans that were to be sent.
enum SpanFate: String, CaseIterable, Sendable {
    case sent
    /// There was no room for it.
    case noRoom = "queue_full"
    /// The collector did not want it.
    case rejected
    /// The collector could not be reached, or took nothing.
    case unsent
}

/// How many spans had each fate; those without an entry had none.
typealias TraceCounts = [SpanFate: Int]
