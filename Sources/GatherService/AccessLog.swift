import EventLoop
import Gather
import GatherConfig
import HTTPServer
import HTTPTypes
import Logging

/// One line for each exchange: who asked for what, status, duration, bytes, and how the calls of a gather ended.
final class AccessLog: ExchangeObserver {
    /// How many bytes are logged of what clients may write at any length.
    private static let clientBytes = 256

    private let logger: Logger
    private var settings: ServerSettings
    private var trusted: TrustedProxies
    /// Whether every exchange is logged.
    private var isEnabled = false
    /// The duration beyond which a gather is logged in any case.
    private var slow: Duration?
    var wantsRecords: Bool { isEnabled || slow != nil }
    /// What is known about gathers whose exchanges have not ended.
    private var notes: [ObjectIdentifier: GatherNote] = [:]

    init(_ logger: Logger, _ settings: ServerSettings) {
        (self.logger, self.settings, trusted) = (logger, settings, TrustedProxies(settings))
        levelChanged()
    }

    func adopt(_ settings: ServerSettings) {
        (self.settings, trusted) = (settings, TrustedProxies(settings))
        levelChanged()
    }

    /// Checks again which lines are logged.
    func levelChanged() {
        isEnabled = settings.accessLog && logger.logLevel <= .info
        slow = logger.logLevel <= .notice ? settings.slowGathers : nil
    }

    /// Adds the outcome of a request to its line.
    func note(_ note: @autoclosure () -> GatherNote, of request: Request) {
        if isEnabled { notes[ObjectIdentifier(request)] = note() }
    }

    /// Adds a gather to its request's line.
    func note(
        _ gathered: Gathered, of endpoint: Endpoint, took duration: Duration, isStreamed: Bool, _ request: Request
    ) {
        let isSlow = slow.map { duration > $0 } ?? false
        guard isEnabled || isSlow else { return }
        notes[ObjectIdentifier(request)] = GatherNote(gathered, of: endpoint, isStreamed: isStreamed, isSlow: isSlow)
    }

    /// The answer to a request from which nothing can be made, which its line tells as well.
    func refuse(
        _ request: Request, _ problem: String, status: HTTPResponse.Status = .badRequest, fields: HTTPFields = [:]
    ) -> Response {
        note(GatherNote(problem: problem), of: request)
        return .problem(status, problem, fields: fields) { $0.member(of: request.id) }
    }

    func exchangeEnded(_ record: ExchangeRecord) {
        let request = record.request
        let note = request.flatMap { notes.removeValue(forKey: ObjectIdentifier($0)) }
        guard isEnabled || note != nil else { return }
        var metadata: Logger.Metadata = [
            "method": .string(record.method?.rawValue ?? "-"),
            "route": .string(request?.route ?? "-"),
            "status": .stringConvertible(record.status),
            "duration_us": .stringConvertible(Int(record.duration.wholeNanoseconds / 1000)),
            "bytes": .stringConvertible(record.sentBytes),
        ]
        if let problem = record.problem { metadata["problem"] = .string(problem) }
        if let client = request.map(trusted.client) ?? record.peer { metadata["client"] = .string(client.hostText) }
        if let request {
            if request.route == nil { metadata["path"] = .string(Self.shown(request.head.path)) }
            if let agent = request.head.firstValue(of: .userAgent) {
                metadata["user_agent"] = .string(Self.shown(agent))
            }
            if let id = request.id { metadata["request_id"] = .string(id.text) }
            if let span = request.span { metadata["trace_id"] = .string("\(span.context.trace)") }
            note?.add(to: &metadata)
        }
        logger.log(level: note?.isSlow ?? false ? .notice : .info, "access", metadata: metadata)
    }

    private static func shown(_ text: ArraySlice<UInt8>) -> String {
        let shown = String(decoding: text.prefix(clientBytes), as: UTF8.self)
        return text.count > clientBytes ? shown + "…" : shown
    }

    func handlerFailed(_ error: any Error, _ request: Request) {
        logger.error(
            "a request could not be handled",
            metadata: ["route": .string(request.route ?? "-"), "error": .string("\(error)")])
    }
}
