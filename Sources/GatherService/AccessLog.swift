import EventLoop
import HTTPServer
import Logging

/// One line for each exchange: method, route, status, duration, bytes, and how the calls of a gather ended.
struct AccessLog {
    private let logger: Logger
    let isEnabled: Bool

    init(_ logger: Logger, isEnabled: Bool) {
        self.logger = logger
        self.isEnabled = isEnabled && logger.logLevel <= .info
    }

    func write(_ exchange: Exchange, at now: LoopInstant) {
        guard isEnabled else { return }
        let microseconds = exchange.start.duration(to: now).wholeNanoseconds / 1000
        var metadata: Logger.Metadata = [
            "method": .string(exchange.head?.method.rawValue ?? "-"),
            "route": .string(exchange.route ?? "-"),
            "status": .stringConvertible(exchange.status ?? 0),
            "duration_us": .stringConvertible(microseconds),
            "bytes": .stringConvertible(exchange.sentBytes),
        ]
        if let note = exchange.note { metadata["calls"] = .string(note) }
        logger.info("access", metadata: metadata)
    }
}
