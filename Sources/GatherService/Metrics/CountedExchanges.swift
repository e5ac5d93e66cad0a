import Gather
import HTTPServer

/// Counts each exchange of a loop, and passes it on to the access log and to its trace.
final class CountedExchanges: ExchangeObserver {
    private let metrics: Metrics
    private let log: AccessLog
    private let tracer: Tracer

    init(_ metrics: Metrics, before log: AccessLog, _ tracer: Tracer) {
        (self.metrics, self.log, self.tracer) = (metrics, log, tracer)
    }

    func exchangeEnded(_ record: ExchangeRecord) {
        metrics.countRequest(of: record.request?.series, status: record.status, duration: record.duration)
        if log.wantsRecords { log.exchangeEnded(record) }
        if record.request?.span != nil { tracer.exchangeEnded(record) }
    }

    func handlerFailed(_ error: any Error, _ request: Request) { log.handlerFailed(error, request) }
}
