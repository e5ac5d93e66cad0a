import EventLoop
import JSONText

/// What a client has been told about a gather: by the records of a stream, or by `Server-Timing` at its end.
public struct GatherTrace: Sendable {
    /// A call of the gather, or a task of `/tasks`.
    public struct Call: Sendable, Equatable {
        public let name: String
        /// Counted from the beginning of the gather; nil if the call has not been sent.
        public var start: Duration?
        public var end: Duration?
        /// How it ended, in the service's words; nil while it waits or runs.
        public var outcome: String?
        public var status: Int?
        /// What went wrong.
        public var detail: String?
        /// The call that it waited for longest.
        public var after: String?
        /// In the order in which they began; empty if there is only one.
        public var attempts: [Attempt] = []
        /// What it did from its beginning to its end, as far as that has been told.
        public var phases: [CallPhase] = []

        init(_ name: String) { self.name = name }

        public var duration: Duration? { start.flatMap { start in end.map { $0 - start } } }
        public var isGood: Bool { outcome == "ok" || outcome == "done" }
    }

    public struct Attempt: Sendable, Equatable {
        /// `first`, `retry` or `hedge`.
        public var kind: String
        public var host: String
        public var start: Duration
        public var end: Duration?
        public var outcome: String?
        public var phases: [CallPhase] = []
    }

    /// In the order in which they were reported.
    public private(set) var calls: [Call] = []
    /// How long the whole gather took, once that is known.
    public private(set) var duration: Duration?
    public private(set) var deadline: Duration?
    /// The chain of calls that decided how long it took, in order.
    public private(set) var criticalPath: [String] = []
    /// The status of the answer; that of a stream is in its last record.
    public var status: Int?
    /// Why there is no answer.
    public private(set) var problem: String?

    public init() {}

    /// The sum of the calls' durations.
    public var sum: Duration { calls.reduce(.zero) { $0 + ($1.duration ?? .zero) } }

    // MARK: Records

    /// Takes a line of a stream, and ignores lines of an unknown kind.
    /// - Throws: if the line is not JSON.
    public mutating func take(line: [UInt8]) throws(JSONError) {
        let record = try JSONValue(validating: line)
        func text(_ name: String) -> String? { record[name]?.scalarText.map(Self.printable) }
        func time(_ name: String) -> Duration? { record[name].flatMap(Self.milliseconds) }
        if let name = text("start") {
            change(name) { call in
                call.start = time("start_ms")
                call.after = text("after")
            }
        } else if let name = text("attempt") {
            guard let number = text("number").flatMap({ Int($0) }), let start = time("start_ms") else { return }
            let end = time("duration_ms").map { start + $0 }
            let attempt = Attempt(
                kind: text("kind") ?? "", host: text("host") ?? "", start: start, end: end, outcome: text("outcome"),
                phases: end.map { CallPhase.read(record["phases"], from: start, to: $0) } ?? [])
            change(name) { call in
                if call.attempts.indices.contains(number - 1) {
                    call.attempts[number - 1] = attempt
                } else if number == call.attempts.count + 1 {
                    call.attempts.append(attempt)
                }
            }
        } else if let name = text("call") {
            change(name) { call in
                call.start = time("start_ms")
                call.end = call.start.flatMap { start in time("duration_ms").map { start + $0 } }
                call.outcome = text("outcome") ?? "ok"
                call.status = text("status").flatMap { Int($0) }
                call.detail = text("detail")
                if let start = call.start, let end = call.end {
                    call.phases = CallPhase.read(record["phases"], from: start, to: end)
                }
            }
        } else if let name = text("task") {
            change(name) { call in
                (call.start, call.end) = (time("start_ms"), time("end_ms"))
                call.outcome = text("outcome")
            }
        } else if let gather = record["gather"] {
            duration = gather["duration_ms"].flatMap(Self.milliseconds)
            deadline = gather["deadline_ms"].flatMap(Self.milliseconds)
            status = gather["status"]?.scalarText.flatMap { Int($0) }
            problem = (gather["detail"] ?? gather["title"])?.scalarText.map(Self.printable)
            criticalPath = gather["critical_path"]?.elements.compactMap { $0.scalarText.map(Self.printable) } ?? []
        } else if record["mode"] != nil {
            duration = time("total_ms")
            problem = text("error")
        }
    }

    private mutating func change(_ name: String, _ body: (inout Call) -> Void) {
        if let index = calls.firstIndex(where: { $0.name == name }) { return body(&calls[index]) }
        var call = Call(name)
        body(&call)
        calls.append(call)
    }

    static func milliseconds(_ value: JSONValue) -> Duration? {
        value.scalarText.flatMap { Double($0) }.flatMap(milliseconds)
    }

    /// No time that gatherd reports is outside these bounds.
    private static func milliseconds(_ number: Double) -> Duration? {
        (0...1e12).contains(number) ? .microseconds(Int64((number * 1000).rounded())) : nil
    }

    /// A text from outside, without the control characters that a terminal would obey (ECMA-48 §5.2, §5.3).
    static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
    }

    // MARK: Server-Timing

    /// Takes the `Server-Timing` field of any server (W3C Server Timing): `customer;dur=10.5;start=0.0;desc=ok, …`.
    /// Only gatherd's has starts, without which there is no critical path.
    public mutating func take(serverTiming field: String) {
        for entry in field.split(separator: ",") {
            let parts = entry.split(separator: ";").map { $0.trimmed }
            guard let name = parts.first, !name.isEmpty else { continue }
            var values: [String: String] = [:]
            for part in parts.dropFirst() {
                let pair = part.split(separator: "=", maxSplits: 1).map { $0.trimmed }
                if pair.count == 2 { values[pair[0]] = pair[1].filter { $0 != "\"" } }
            }
            let start = values["start"].flatMap { Double($0) }.flatMap(Self.milliseconds)
            let length = values["dur"].flatMap { Double($0) }.flatMap(Self.milliseconds)
            change(Self.printable(name)) { call in
                // An entry of another server tells its duration only.
                call.start = start ?? (values["desc"] == "skipped" ? nil : length.map { _ in .zero })
                call.end = call.start.flatMap { start in length.map { start + $0 } }
                call.outcome = Self.printable(values["desc"] ?? "ok")
            }
        }
        duration = calls.compactMap(\.end).max()
        linkByTimes()
    }

    /// Without records, a call is assumed to have waited for the one that ended when it began, to a tenth of a
    /// millisecond, the resolution of the times.
    private mutating func linkByTimes() {
        for index in calls.indices {
            guard let start = calls[index].start, start > .zero else { continue }
            calls[index].after =
                calls.first { call in
                    guard call.start != nil, call.name != calls[index].name, let end = call.end else { return false }
                    return end - start <= .microseconds(150) && start - end <= .microseconds(150)
                }?.name
        }
        var last = calls.filter { $0.start != nil && $0.outcome != "cancelled" }.max {
            ($0.end ?? .zero) < ($1.end ?? .zero)
        }
        while let call = last, !criticalPath.contains(call.name) {
            criticalPath.insert(call.name, at: 0)
            last = calls.first { $0.name == call.after }
        }
    }
}

extension JSONValue {
    subscript(name: String) -> JSONValue? { members.first { $0.isNamed(name) }?.value }
}

extension Substring {
    fileprivate var trimmed: String {
        String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}
