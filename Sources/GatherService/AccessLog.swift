import EventLoop
import HTTPServer
import Logging

/// One line for each exchange: method, route, status, duration, bytes, and how the calls of a gather ended.
struct AccessLog {
    /// How many bytes of a path are logged that leads nowhere.
    private static let pathBytes = 256

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
            "duration_us": .stringConvertible(Int(microseconds)),
            "bytes": .stringConvertible(exchange.sentBytes),
        ]
        if exchange.route == nil, let path = exchange.head?.path {
            let shown = String(decoding: path.prefix(Self.pathBytes), as: UTF8.self)
            metadata["path"] = .string(path.count > Self.pathBytes ? shown + "…" : shown)
        }
        if let gather = exchange.note as? GatherNote { gather.add(to: &metadata) }
        logger.info("access", metadata: metadata)
    }
}
