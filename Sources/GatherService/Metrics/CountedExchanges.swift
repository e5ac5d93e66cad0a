import EventLoop
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

    func exchangeEnded(
        in series: Int?, isTraced: Bool, status: Int, from start: LoopInstant, to end: LoopInstant,
        _ record: () -> ExchangeRecord
    ) {
        metrics.countRequest(of: series, status: status, nanoseconds: end.nanoseconds - start.nanoseconds)
        guard isTraced || log.wantsRecords else { return }
        exchangeEnded(record(), isTraced: isTraced)
    }

    func exchangeEnded(_ record: ExchangeRecord) { exchangeEnded(record, isTraced: record.request?.isTraced ?? false) }

    private func exchangeEnded(_ record: ExchangeRecord, isTraced: Bool) {
        if log.wantsRecords { log.exchangeEnded(record) }
        if isTraced { tracer.exchangeEnded(record) }
    }

    func handlerFailed(_ error: any Error, _ request: Request) { log.handlerFailed(error, request) }
}
