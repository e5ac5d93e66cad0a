import HTTPTypes
import HTTPWire
import JSONText

/// How a body that is a sequence of JSON texts is written, so that each can be read as it arrives.
public enum RecordFormat: Sendable, Equatable, CaseIterable {
    /// A line for each record: NDJSON.
    case lines
    /// Server-sent events, an event for each record (HTML, "Server-sent events").
    case events

    public var mediaType: String {
        switch self {
        case .lines: "application/x-ndjson"
        case .events: "text/event-stream"
        }
    }

    /// The format that a client requests with its `Accept` field; nil if it wants plain JSON (RFC 9110 §12.5.1).
    ///
    /// It must be requested by name, because `*/*` and `text/*` come from clients that know nothing about streams. JSON
    /// is chosen only if the field prefers it, or names it with equal weight.
    public init?(accept: String?) {
        // Most clients accept `*/*`, nothing shorter than this names a form.
        guard let accept, accept.utf8.count >= Self.events.mediaType.utf8.count else { return nil }
        let field = AcceptField(accept)
        var chosen: (format: Self, weight: Int)?
        for format in Self.allCases {
            guard let weight = field.weight(named: format.mediaType), weight > chosen?.weight ?? 0 else { continue }
            chosen = (format, weight)
        }
        guard let chosen, chosen.weight >= field.weight(of: "application/json"),
            chosen.weight > field.weight(named: "application/json") ?? 0
        else { return nil }
        self = chosen.format
    }

    /// The header fields of a response in this format.
    public var fields: HTTPFields {
        switch self {
        case .lines: [.contentType: mediaType, .vary: "Accept"]
        case .events: [.contentType: mediaType, .vary: "Accept", .cacheControl: "no-store"]
        }
    }

    /// What may be sent between records to keep the connection from looking dead; empty if the format has nothing that
    /// readers would skip.
    public var heartbeat: [UInt8] {
        switch self {
        case .lines: []
        case .events: Array(":\n\n".utf8)
        }
    }

    /// Appends a record.
    ///
    /// - Parameters:
    ///   - event: the name of its kind, which events carry and lines do not.
    ///   - write: appends one JSON text. Line breaks in it, which can only be white space between tokens (RFC 8259 §7),
    ///     become spaces: in both forms a line break would be the end of something.
    public func append(event: StaticString, to output: inout [UInt8], _ write: (inout [UInt8]) -> Void) {
        if self == .events { output += Array("event: \(event)\ndata: ".utf8) }
        let start = output.count
        write(&output)
        JSONText.replaceLineBreaks(in: &output, from: start)
        output += self == .events ? [UInt8(ascii: "\n"), UInt8(ascii: "\n")] : [UInt8(ascii: "\n")]
    }
}
