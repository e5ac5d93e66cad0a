import EventLoop
import HTTPServer
import Logging

/// One line for each exchange: method, route, status, duration, bytes, and how the calls of a gather ended.
final class AccessLog: ExchangeObserver {
    /// How many bytes of a path are logged that leads nowhere.
    private static let pathBytes = 256

    private let logger: Logger
    private var isEnabled = false
    var wantsRecords: Bool { isEnabled }
    /// What is known of gathers whose exchanges have not ended.
    private var notes: [ObjectIdentifier: GatherNote] = [:]

    init(_ logger: Logger, isEnabled: Bool) {
        self.logger = logger
        enable(isEnabled)
    }

    func enable(_ isEnabled: Bool) { self.isEnabled = isEnabled && logger.logLevel <= .info }

    /// Has a request's line tell of its gather.
    func note(_ note: @autoclosure () -> GatherNote, of request: Request) {
        if isEnabled { notes[ObjectIdentifier(request)] = note() }
    }

    func exchangeEnded(_ record: ExchangeRecord) {
        let request = record.request
        var metadata: Logger.Metadata = [
            "method": .string(record.method?.rawValue ?? "-"),
            "route": .string(request?.route ?? "-"),
            "status": .stringConvertible(record.status),
            "duration_us": .stringConvertible(Int(record.duration.wholeNanoseconds / 1000)),
            "bytes": .stringConvertible(record.sentBytes),
        ]
        if let problem = record.problem { metadata["problem"] = .string(problem) }
        if let request {
            if request.route == nil {
                let path = request.head.path
                let shown = String(decoding: path.prefix(Self.pathBytes), as: UTF8.self)
                metadata["path"] = .string(path.count > Self.pathBytes ? shown + "…" : shown)
            }
            notes.removeValue(forKey: ObjectIdentifier(request))?.add(to: &metadata)
        }
        // Who is refused is who has to be told, or kept out.
        if metadata["problem"] != nil, let peer = record.peer { metadata["client"] = .stringConvertible(peer) }
        logger.info("access", metadata: metadata)
    }

    func handlerFailed(_ error: any Error, _ request: Request) {
        logger.error(
            "a request could not be handled",
            metadata: ["route": .string(request.route ?? "-"), "error": .string("\(error)")])
    }
}
