import CPlatform
import Glibc
import JSONText
import Logging

/// Formats each log record as a line, which a ``LogWriter`` writes to standard error.
public struct LineLogHandler: LogHandler {
    public enum Format: String, Sendable, CaseIterable {
        /// `2026-11-22T16:30:47.123Z info access method=GET status=200`
        case text
        /// `{"time":"2026-11-22T16:30:47.123Z","level":"info","message":"access","method":"GET","status":200}`
        case json
    }

    /// The least severe level that is logged, unless the process has been given another (``LogWriter/level``).
    public var logLevel: Logger.Level {
        get { writer.level ?? ownLevel }
        set { ownLevel = newValue }
    }
    private var ownLevel = Logger.Level.info
    public var metadata: Logger.Metadata = [:]
    private let writer: LogWriter

    public init(_ writer: LogWriter) { self.writer = writer }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        // Lines that every request has are never a flood.
        guard event.level >= .warning else { return writer.append(line(event, at: Self.timestamp())) }
        let metadata = metadata.merging(event.metadata ?? [:]) { $1 }
        writer.append(WarningLine(event.level, "\(event.message)", metadata), line(event, at: Self.timestamp()))
    }

    /// The line in place of several that differ only in their numbers.
    static func line(of repeated: Floods.Repeated, for writer: LogWriter) -> [UInt8] {
        var metadata = repeated.line.metadata
        metadata["repeated"] = .stringConvertible(repeated.count)
        return line(
            repeated.line.level, repeated.line.message, metadata.sorted { $0.key < $1.key }, at: timestamp(),
            for: writer)
    }

    /// The line that reports dropped lines.
    static func line(ofLost count: Int, for writer: LogWriter) -> [UInt8] {
        line(
            .warning, "log lines were dropped, because they could not be written",
            [("lines", .stringConvertible(count))], at: timestamp(), for: writer)
    }

    /// The record as one line, with its end.
    func line(_ event: LogEvent, at time: String) -> [UInt8] {
        let metadata = self.metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        return Self.line(event.level, "\(event.message)", metadata, at: time, for: writer)
    }

    private static func line(
        _ level: Logger.Level, _ message: String, _ metadata: [(key: String, value: Logger.MetadataValue)],
        at time: String, for writer: LogWriter
    ) -> [UInt8] {
        var line: [UInt8] = []
        if writer.isJournal { line += [UInt8(ascii: "<"), priority(of: level), UInt8(ascii: ">")] }
        switch writer.format {
        case .text:
            line += Array("\(time) \(level) \(oneLine(message))".utf8)
            for (key, value) in metadata { line += Array(" \(key)=\(plain("\(value)"))".utf8) }
        case .json:
            line += Array(#"{"time":"\#(time)","level":"\#(level)","message":"#.utf8)
            JSONText.append(string: message, to: &line)
            for (key, value) in metadata {
                line.append(UInt8(ascii: ","))
                JSONText.append(string: key, to: &line)
                line.append(UInt8(ascii: ":"))
                append(value, to: &line)
            }
            line.append(UInt8(ascii: "}"))
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    /// The digit of a level among syslog's severities (RFC 5424, section 6.2.1).
    private static func priority(of level: Logger.Level) -> UInt8 {
        switch level {
        case .trace, .debug: UInt8(ascii: "7")
        case .info: UInt8(ascii: "6")
        case .notice: UInt8(ascii: "5")
        case .warning: UInt8(ascii: "4")
        case .error: UInt8(ascii: "3")
        case .critical: UInt8(ascii: "2")
        }
    }

    /// Appends a value as JSON: a whole number as a number, an object as one, anything else as a string.
    private static func append(_ value: Logger.MetadataValue, to line: inout [UInt8]) {
        switch value {
        case .stringConvertible(let number as Int): line += Array(String(number).utf8)
        case .stringConvertible(let object as any LogObject): object.append(to: &line)
        default: JSONText.append(string: "\(value)", to: &line)
        }
    }

    /// A value with spaces, quotes or control characters is written as a JSON string, so that a line stays one line.
    private static func plain(_ value: String) -> String {
        guard value.isEmpty || value.utf8.contains(where: { $0 <= 32 || $0 == 127 || $0 == UInt8(ascii: "\"") }) else {
            return value
        }
        return quoted(value)
    }

    /// A message is written as it is, unless a character of it would end the line or command a terminal.
    private static func oneLine(_ message: String) -> String {
        message.utf8.contains { $0 < 32 || $0 == 127 } ? quoted(message) : message
    }

    private static func quoted(_ value: String) -> String {
        var quoted: [UInt8] = []
        JSONText.append(string: value, to: &quoted)
        return String(decoding: quoted, as: UTF8.self)
    }

    /// The time of day as RFC 3339 has it, in UTC with milliseconds.
    private static func timestamp() -> String {
        let now = cp_unix_nanoseconds()
        var seconds = time_t(now / 1_000_000_000)
        var parts = unsafe tm()
        _ = unsafe gmtime_r(&seconds, &parts)
        func pad(_ value: some BinaryInteger, _ width: Int) -> String {
            let digits = String(Int(value))
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = unsafe "\(pad(parts.tm_year + 1900, 4))-\(pad(parts.tm_mon + 1, 2))-\(pad(parts.tm_mday, 2))"
        let time = unsafe "\(pad(parts.tm_hour, 2)):\(pad(parts.tm_min, 2)):\(pad(parts.tm_sec, 2))"
        return "\(date)T\(time).\(pad(now / 1_000_000 % 1000, 3))Z"
    }
}

/// A value of a record that has members: in JSON an object, in text its description.
protocol LogObject: CustomStringConvertible, Sendable {
    func append(to output: inout [UInt8])
}
