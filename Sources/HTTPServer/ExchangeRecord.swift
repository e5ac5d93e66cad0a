import EventLoop
import HTTPTypes

/// How one exchange ended.
public struct ExchangeRecord {
    /// Nil if the request was too defective to have a head.
    public let request: Request?
    /// Its method, as far as it was read.
    public let method: HTTPRequest.Method?
    public let peer: SocketAddress?
    /// The status that was sent. If none was, or only part of the answer, it is 499 for a client that disconnected and
    /// 503 for one that the server's shutdown cut off.
    public let status: Int
    /// Whether the client disconnected before it had the whole answer. The status cannot tell, because a handler may
    /// answer with any status.
    public let isClientGone: Bool
    /// Why the request was refused, if it was: by the server itself, or by a handler that threw a ``Problem``.
    public let problem: String?
    /// The bytes of the response's content that were sent.
    public let sentBytes: Int
    /// When the request had arrived, and when its answer was written or could no longer be written.
    public let start: LoopInstant
    public let end: LoopInstant

    public var duration: Duration { start.duration(to: end) }
}

/// An object that observes a server's exchanges.
public protocol ExchangeObserver: AnyObject {
    /// Whether it wants records of exchanges; asked once. True by default.
    var wantsRecords: Bool { get }
    /// An exchange has ended; called once for each.
    func exchangeEnded(_ record: ExchangeRecord)
    /// The same, for observers that seldom look at more than this: the record costs nothing unless it is asked for.
    /// Passes the record on by default.
    /// - Parameters:
    ///   - series: ``Request/series``.
    ///   - isTraced: whether the request has a ``Request/span``.
    func exchangeEnded(
        in series: Int?, isTraced: Bool, status: Int, from start: LoopInstant, to end: LoopInstant,
        _ record: () -> ExchangeRecord)
    /// A handler threw an error that is not an answer: the client gets 500, and this is the place to log why. Does
    /// nothing by default.
    func handlerFailed(_ error: any Error, _ request: Request)
}

extension ExchangeObserver {
    public var wantsRecords: Bool { true }

    public func exchangeEnded(
        in series: Int?, isTraced: Bool, status: Int, from start: LoopInstant, to end: LoopInstant,
        _ record: () -> ExchangeRecord
    ) {
        exchangeEnded(record())
    }

    public func handlerFailed(_ error: any Error, _ request: Request) {}
}
