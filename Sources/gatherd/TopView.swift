import EventLoop
import Gather
import JSONText
import Rehearsal

/// What `gatherd top` shows: the records of a minute, and what they come to.
struct TopView {
    private let address: String
    /// The last record.
    private var latest: JSONValue?
    private var span: Duration = .seconds(1)
    /// How much CPU time the process takes, as a part of one processor's.
    private var processor: Double?
    private var endpoints: [String: Series] = [:]
    private var upstreams: [String: Series] = [:]
    private var slowest: [JSONValue] = []

    private static let longWindow = 60
    private static let shortWindow = 10
    private static let listedGathers = 5

    init(address: String) { self.address = address }

    /// What was counted of an endpoint or an upstream.
    private struct Series {
        struct Second {
            var counts: [String: Int] = [:]
            var busy: Duration = .zero
            var latency = LatencyHistogram()
            var span: Duration
        }

        /// Since the process began.
        var total: Second
        var seconds: [Second] = []

        mutating func add(_ second: Second) {
            seconds.append(second)
            if seconds.count > longWindow { seconds.removeFirst() }
            total.latency += second.latency
            total.counts.merge(second.counts, uniquingKeysWith: +)
        }

        private func recent(_ count: Int) -> ArraySlice<Second> { seconds.suffix(count) }

        /// So many a second.
        var rate: Double {
            let some = recent(shortWindow)
            return Double(some.reduce(0) { $0 + $1.counts.values.reduce(0, +) })
                / some.reduce(0) { $0 + $1.span.seconds }
        }

        /// How many there were at a time, on average.
        var inFlight: Double {
            let some = recent(shortWindow)
            return some.reduce(0) { $0 + $1.busy.seconds } / some.reduce(0) { $0 + $1.span.seconds }
        }

        var latency: LatencyHistogram {
            let latest = seconds.reduce(into: LatencyHistogram()) { $0 += $1.latency }
            return latest.count > 0 ? latest : total.latency
        }

        /// What part of all some are.
        func share(_ names: [String]) -> Double? {
            let latest = seconds.reduce(into: [:]) { $0.merge($1.counts, uniquingKeysWith: +) }
            let counts = latest.isEmpty ? total.counts : latest
            let all = counts.values.reduce(0, +)
            return all == 0 ? nil : Double(names.reduce(0) { $0 + (counts[$1] ?? 0) }) / Double(all)
        }
    }

    /// Takes a record; true if it tells of a second.
    mutating func take(_ record: JSONValue) -> Bool {
        guard let service = record["service"] else {
            if let gathers = record["slowest"] { slowest = Array(gathers.elements.prefix(Self.listedGathers)) }
            return false
        }
        let length = record["span_ms"]?.duration
        for value in record.list("endpoints") {
            let second = Self.second(value, counts: "statuses", length)
            Self.add(second, of: value["endpoint"], to: &endpoints, isFirst: length == nil)
        }
        let told = Set(record.list("endpoints").compactMap { $0["endpoint"]?.text })
        if let length {
            for name in endpoints.keys where !told.contains(name) { endpoints[name]?.add(.init(span: length)) }
        }
        for value in record.list("upstreams") {
            let second = Self.second(value, counts: "attempts", length)
            Self.add(second, of: value["upstream"], to: &upstreams, isFirst: length == nil)
        }
        if let length, let now = service["cpu_seconds"]?.number, let before = latest?["service"]?["cpu_seconds"]?.number
        {
            processor = (now - before) / length.seconds
        }
        latest = record
        if let length { span = length }
        return length != nil
    }

    private static func second(_ value: JSONValue, counts name: String, _ length: Duration?) -> Series.Second {
        var second = Series.Second(span: length ?? .zero)
        for member in value[name].map({ Array($0.members) }) ?? [] {
            second.counts[member.name] = member.value.number.map { Int($0) } ?? 0
        }
        second.busy = value["busy_ms"]?.duration ?? .zero
        var buckets = [Int](repeating: 0, count: LatencyHistogram.bounds.count + 1)
        for pair in value.list("latency") {
            let numbers = pair.elements.compactMap { $0.number.map { Int($0) } }
            if numbers.count == 2, buckets.indices.contains(numbers[0]) { buckets[numbers[0]] += numbers[1] }
        }
        second.latency = LatencyHistogram(buckets)
        return second
    }

    private static func add(
        _ second: Series.Second, of name: JSONValue?, to series: inout [String: Series], isFirst: Bool
    ) {
        guard let name = name?.text else { return }
        if isFirst {
            series[name] = Series(total: second)
        } else {
            series[name, default: Series(total: Series.Second(span: .zero))].add(second)
        }
    }

    // MARK: Lines

    /// What there is to say, a line for each; cut off where there is no room for more.
    func lines(width: Int = .max, height: Int = .max, hasColours: Bool = false) -> [String] {
        guard let latest else { return [] }
        var blocks = [table(endpointTable, rows: hasRoom(height) - 8)]
        blocks.append(table(upstreamTable(latest), rows: max(4, hasRoom(height) / 3)))
        blocks.append(table(loopTable(latest), rows: max(3, hasRoom(height) / 4)))
        if !slowest.isEmpty { blocks.append(table(slowestTable, rows: Self.listedGathers + 1)) }
        var lines = [headline(latest)]
        for block in blocks { lines += [""] + block }
        lines = lines.prefix(height).map { String($0.prefix(width)) }
        guard hasColours else { return lines }
        let titles = Set(blocks.compactMap { $0.first.map { String($0.prefix(width)) } })
        return lines.enumerated().map { $0 == 0 || titles.contains($1) ? "\u{1B}[1m\($1)\u{1B}[0m" : $1 }
    }

    /// Lines that tables have, those between them taken off.
    private func hasRoom(_ height: Int) -> Int { height == .max ? 1 << 20 : max(8, height - 6) }

    private func table(_ table: TextTable, rows: Int) -> [String] {
        let lines = table.text.split(separator: "\n").map { String($0) }
        let most = max(2, rows)
        return lines.count <= most ? lines : lines.prefix(most - 1) + ["… and \(lines.count - most + 1) more"]
    }

    private func headline(_ record: JSONValue) -> String {
        let service = record["service"]
        func whole(_ name: String) -> String { service?[name]?.whole ?? "?" }
        var parts = [
            "gatherd at \(address)", "configuration \(whole("generation"))",
            "\(whole("gathers")) of \(whole("gathers_limit")) gathers",
            "\(whole("connections")) of \(whole("connections_limit")) connections",
        ]
        if let processor { parts.append("\(Int((processor * 100).rounded()))% of a CPU") }
        if let bytes = service?["resident_bytes"]?.number { parts.append("\(Int(bytes) >> 20) MB") }
        let shed = ["shed_gathers", "shed_lag"].compactMap { service?[$0]?.number }.reduce(0, +)
        if shed > 0 { parts.append("\(Int(shed)) requests shed") }
        if service?["draining"]?.text == "true" { parts.append("draining") }
        return parts.joined(separator: " · ")
    }

    private var endpointTable: TextTable {
        var table = TextTable(["endpoint", "req/s", "in flight", "p50", "p95", "p99", "5xx", "4xx", "total"])
        for (name, series) in endpoints.sorted(by: { ($1.value.rate, $0.key) < ($0.value.rate, $1.key) }) {
            table.add(
                [name, Self.short(series.rate), Self.short(series.inFlight)] + Self.percentiles(series.latency)
                    + [["5xx"], ["4xx"]].map { Self.percent(series.share($0)) }
                    + ["\(series.total.counts.values.reduce(0, +))"])
        }
        return table
    }

    private func upstreamTable(_ record: JSONValue) -> TextTable {
        var table = TextTable(
            [
                "upstream", "attempts/s", "in flight", "queue", "p50", "p95", "p99", "failed", "breaker", "budget",
                "hosts out",
            ])
        for value in record.list("upstreams") {
            guard let name = value["upstream"]?.text, let series = upstreams[name] else { continue }
            let whole = { (name: String) in value[name]?.whole ?? "?" }
            let out = value.list("hosts").filter { $0["ejected"]?.text == "true" || $0["healthy"]?.text == "false" }
            table.add(
                [name, Self.short(series.rate), "\(whole("in_flight"))/\(whole("limit"))", whole("queued")]
                    + Self.percentiles(series.latency)
                    + [
                        Self.percent(series.share(["http_error", "timeout", "unreachable", "bad_response"])),
                        value["breaker"]?.text?.replacing("_", with: " ") ?? "-", whole("retry_tokens"),
                        out.isEmpty ? "-" : out.map { $0["host"]?.text ?? "" }.joined(separator: ","),
                    ])
        }
        return table
    }

    private func loopTable(_ record: JSONValue) -> TextTable {
        var table = TextTable(["loop", "lag", "longest lag", "busy", "turn", "turns/s", "connections", "gathers"])
        for value in record.list("loops") {
            let busy = value["busy_ms"]?.duration ?? .zero
            let turns = value["turns"]?.number ?? 0
            let isSilent = value["silent"]?.text == "true"
            table.add([
                (value["loop"]?.text ?? "") + (isSilent ? " (does not answer)" : ""),
                value["lag_ms"]?.duration.shortText ?? "", value["longest_lag_ms"]?.duration.shortText ?? "",
                Self.percent(busy / span), turns > 0 ? (busy / turns).shortText : "-",
                Self.short(turns / span.seconds), value["connections"]?.text ?? "", value["gathers"]?.text ?? "",
            ])
        }
        return table
    }

    private var slowestTable: TextTable {
        var table = TextTable(["slowest gathers", "status", "took", "what decided"], alignment: .left)
        for gather in slowest {
            let path = gather.list("critical_path").compactMap(\.text).joined(separator: " → ")
            let failed = gather["failed"]?.text.map { "\($0): \(gather["outcome"]?.text ?? "")" }
            table.add([
                gather["endpoint"]?.text ?? "", gather["status"]?.text ?? "",
                gather["duration_ms"]?.duration.shortText ?? "", failed ?? path,
            ])
        }
        return table
    }

    private static func percentiles(_ histogram: LatencyHistogram) -> [String] {
        [0.5, 0.95, 0.99].map { histogram.quantile($0)?.shortText ?? "-" }
    }

    private static func short(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        return value < 100 ? "\(FixedPoint(Int((value * 10).rounded()), decimals: 1))" : "\(Int(value.rounded()))"
    }

    private static func percent(_ part: Double?) -> String {
        guard let part, part.isFinite else { return "-" }
        return part == 0 ? "0%" : "\(FixedPoint(Int((part * 1000).rounded()), decimals: 1))%"
    }
}

extension JSONValue {
    fileprivate func list(_ name: String) -> [JSONValue] { self[name].map { Array($0.elements) } ?? [] }

    /// A scalar as it is told, without what a terminal would take for a command (ECMA-48 §5.2, §5.3).
    fileprivate var text: String? {
        scalarText.map { text in
            String(
                String.UnicodeScalarView(
                    text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
        }
    }

    fileprivate var number: Double? { scalarText.flatMap { Double($0) } }

    fileprivate var whole: String? { number.map { "\(Int($0))" } }

    /// A number of milliseconds.
    fileprivate var duration: Duration {
        number.flatMap { (0...1e12).contains($0) ? .microseconds(Int64(($0 * 1000).rounded())) : nil } ?? .zero
    }
}

extension Duration {
    fileprivate var seconds: Double { Double(wholeNanoseconds) / 1e9 }
}
