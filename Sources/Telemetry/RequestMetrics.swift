import CoreMetrics

/// What requests are told apart by: few values, since each combination is a series of its own.
protocol RequestKind: Hashable {
    /// The same names for all kinds, with an empty value where there is none: for Prometheus that is the same as no
    /// label, and a metric has the same labels in all its series.
    var dimensions: [(String, String)] { get }
}

/// A counter and a timer for each kind of request, made when the first of its kind has ended. Confined to its loop.
final class RequestMetrics<Kind: RequestKind> {
    private let prefix: String
    private let factory: any MetricsFactory
    private var series: [Kind: (requests: Counter, duration: CoreMetrics.Timer)] = [:]

    /// - Parameter prefix: what the names begin with: `http.server` or `http.client`.
    init(_ prefix: String, _ factory: any MetricsFactory) { (self.prefix, self.factory) = (prefix, factory) }

    func record(_ kind: Kind, took duration: Duration) {
        let (requests, timer) = series[kind] ?? makeSeries(for: kind)
        requests.increment()
        timer.recordNanoseconds(duration.wholeNanoseconds)
    }

    private func makeSeries(for kind: Kind) -> (requests: Counter, duration: CoreMetrics.Timer) {
        let dimensions = kind.dimensions
        let made = (
            Counter(label: "\(prefix).requests", dimensions: dimensions, factory: factory),
            CoreMetrics.Timer(label: "\(prefix).request.duration", dimensions: dimensions, factory: factory)
        )
        series[kind] = made
        return made
    }
}

/// The name of a class of statuses, such as `2xx`; empty for 0, which stands for none.
func name(ofStatusClass hundreds: Int) -> String { hundreds == 0 ? "" : "\(hundreds)xx" }
