import Gather
import HTTPServer

/// Counts each exchange of a loop, and passes it on to the access log.
final class CountedExchanges: ExchangeObserver {
    private let metrics: Metrics
    private let log: AccessLog

    init(_ metrics: Metrics, before log: AccessLog) { (self.metrics, self.log) = (metrics, log) }

    func exchangeEnded(_ record: ExchangeRecord) {
        metrics.countRequest(of: record.request?.series, status: record.status, duration: record.duration)
        if log.wantsRecords { log.exchangeEnded(record) }
    }

    func handlerFailed(_ error: any Error, _ request: Request) { log.handlerFailed(error, request) }
}
