import EventLoop
import Gather
import HTTPWire

/// Metrics as text: a family after the other, each with its samples.
///
/// Sources: Prometheus' text format 0.0.4; OpenMetrics 1.0.0, whose counters lose `_total` in their family's name,
/// whose bounds and values are canonical numbers, and which says where it ends.
struct Exposition {
    enum Format: Sendable, CaseIterable {
        case prometheus, openMetrics

        /// The form that a scraper asks for; the older one unless it likes OpenMetrics better, by its name.
        init(accept: String?) {
            let field = AcceptField(accept ?? "")
            let weight = field.weight(named: "application/openmetrics-text") ?? 0
            self = weight > 0 && weight >= field.weight(named: "text/plain") ?? 0 ? .openMetrics : .prometheus
        }

        var mediaType: String {
            switch self {
            case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }

    enum Kind: String { case counter, gauge, histogram }

    typealias Labels = KeyValuePairs<String, String?>

    private let format: Format
    private(set) var text = ""
    private var name = ""
    private var kind = Kind.gauge

    init(_ format: Format) { self.format = format }

    /// Begins a family; its samples follow.
    /// - Parameter name: without a counter's `_total`; its last word is its unit, if it has one.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        (self.name, self.kind) = (name, kind)
        let shown = format == .prometheus && kind == .counter ? name + "_total" : name
        text += "# HELP \(shown) \(help)\n# TYPE \(shown) \(kind.rawValue)\n"
        let unit = ["seconds", "bytes"].first { name.hasSuffix("_" + $0) }
        if let unit, format == .openMetrics { text += "# UNIT \(shown) \(unit)\n" }
    }

    /// A family of one sample.
    mutating func family(_ name: String, _ kind: Kind, _ help: String, is value: some CustomStringConvertible) {
        family(name, kind, help)
        sample([:], value)
    }

    /// - Parameter value: a number.
    mutating func sample(_ labels: Labels, _ value: some CustomStringConvertible) {
        line(kind == .counter ? "_total" : "", labels, "\(value)")
    }

    /// A histogram, unless nothing was counted.
    /// - Parameter exemplar: one of those in a bucket, by its place, if any is known.
    mutating func sample(
        _ labels: Labels, _ histogram: DurationHistogram, exemplar: (Int) -> Exemplars.Exemplar? = { _ in nil }
    ) {
        guard histogram.count > 0 else { return }
        var count = 0
        for (bucket, (bound, more)) in zip(Self.bounds, histogram.counts).enumerated() {
            count += more
            line(
                "_bucket", labels, "\(count)", bound: bound,
                exemplar: format == .openMetrics ? exemplar(bucket) : nil)
        }
        line("_count", labels, "\(count)")
        line("_sum", labels, "\(Double(histogram.sum) / 1e9)")
    }

    mutating func end() { if format == .openMetrics { text += "# EOF\n" } }

    private static let bounds = DurationHistogram.bounds.map { "\($0.seconds)" } + ["+Inf"]

    private mutating func line(
        _ suffix: String, _ labels: Labels, _ value: String, bound: String? = nil,
        exemplar: Exemplars.Exemplar? = nil
    ) {
        text += name
        text += suffix
        var separator = "{"
        for case (let name, let value?) in labels {
            text += "\(separator)\(name)=\""
            appendEscaped(value)
            text += "\""
            separator = ","
        }
        if let bound {
            text += "\(separator)le=\"\(bound)\""
            separator = ","
        }
        text += separator == "{" ? " " : "} "
        text += value
        if let exemplar {
            // To the millisecond: as much as a scraper keeps.
            let time = Double(exemplar.time / 1_000_000) / 1e3
            text += " # {trace_id=\"\(exemplar.trace)\"} \(exemplar.duration.seconds) \(time)"
        }
        text += "\n"
    }

    private mutating func appendEscaped(_ value: String) {
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}

extension Duration {
    var seconds: Double { Double(wholeNanoseconds) / 1e9 }
}
