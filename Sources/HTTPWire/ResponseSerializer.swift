public import HTTPTypes

/// Whether a connection goes on after a response (RFC 9112 §9.3).
public enum Persistence: Sendable, Equatable {
    /// Another request may follow.
    case keepAlive
    /// The connection ends after this response.
    case close
}

/// Writes response heads (RFC 9112 §4, §5).
///
/// The fields of framing and connection are the serialiser's: what a handler sets for `Content-Length`,
/// `Transfer-Encoding`, `Connection` and `Keep-Alive` is left out. `Date` and `Server` are written unless it sets them.
public struct ResponseSerializer: Sendable {
    /// The interim response that lets a client send its content (RFC 9110 §15.2.1).
    public static let continueResponse: [UInt8] = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    private let serverLine: [UInt8]

    /// Makes a serialiser for responses of a server with this name (RFC 9110 §10.2.4).
    public init(server: HTTPField? = nil) {
        var line: [UInt8] = []
        if let server { line.append(fieldLine: server) }
        serverLine = line
    }

    /// Appends the head of a response to `output`, the empty line included. No allocation if `output` has room.
    ///
    /// - Parameters:
    ///   - framing: how the content ends, also for HEAD, for which the caller holds the content back (RFC 9110 §9.3.2).
    ///     1xx, 204 and 304 have none, and no field that frames it (RFC 9110 §8.6, RFC 9112 §6.1).
    ///   - version: what the request said; the answer is HTTP/1.1 always (RFC 9110 §2.5), but 1.0 must be told that
    ///     the connection persists (RFC 9112 §9.3).
    ///   - requestID: what the request is called, for a field that says so.
    public func appendHead(
        _ status: HTTPResponse.Status, fields: HTTPFields, lines: FieldSection = FieldSection(),
        framing: ResponseFraming, persistence: Persistence, version: HTTPVersion, date: DateField,
        requestID: RequestID? = nil, to output: inout [UInt8]
    ) {
        output.append(statusLine: status)
        var written: ReplacedFields = []
        if !lines.isEmpty { written.formUnion(output.append(lines)) }
        if !fields.isEmpty { written.formUnion(output.append(fieldLines: fields)) }
        if let requestID {
            output.append(literal: "X-Request-ID: ")
            output.append(text: requestID.text)
            output.append(literal: "\r\n")
        }
        if !written.contains(.server) { output.append(copying: serverLine.span) }
        if !written.contains(.date) { output.append(copying: date.line.span) }
        if status.allowsContent {
            switch framing {
            case .length(let length):
                output.append(literal: "Content-Length: ")
                output.append(decimal: length)
                output.append(literal: "\r\n")
            case .chunked: output.append(literal: "Transfer-Encoding: chunked\r\n")
            case .untilClose: break
            }
        }
        switch (persistence, version) {
        case (.close, _): output.append(literal: "Connection: close\r\n")
        case (.keepAlive, .http10): output.append(literal: "Connection: keep-alive\r\n")
        case (.keepAlive, .http11): break
        }
        output.append(literal: "\r\n")
    }
}

extension HTTPResponse.Status {
    /// Whether a response with this status can have content at all (RFC 9110 §6.4.1).
    public var allowsContent: Bool {
        kind != .informational && code != 204 && code != 304
    }
}

/// Which of the fields that a handler may replace were among its own.
private struct ReplacedFields: OptionSet {
    let rawValue: UInt8
    static let date = ReplacedFields(rawValue: 1)
    static let server = ReplacedFields(rawValue: 2)
}

extension Array<UInt8> {
    fileprivate mutating func append(statusLine status: HTTPResponse.Status) {
        guard status.code != 200 else {
            // Most responses by far; a phrase of the handler's own means nothing (RFC 9112 §4).
            append(literal: "HTTP/1.1 200 OK\r\n")
            return
        }
        append(literal: "HTTP/1.1 ")
        append(padded: status.code, digits: 3)
        append(.space)
        // Latin-1 or UTF-8 makes no difference to a phrase that is never parsed; its lines were made safe by its type.
        append(text: status.phrase)
        append(literal: "\r\n")
    }

    /// Appends field lines that are bytes already, but for those that are the serialiser's.
    fileprivate mutating func append(_ lines: FieldSection) -> ReplacedFields {
        if lines.mayFrame {
            append(copying: lines.withoutFraming.span)
        } else {
            append(copying: lines.bytes.span)
        }
        guard lines.mayReplace else { return [] }
        var replaced: ReplacedFields = []
        if lines.firstValue(of: .date) != nil { replaced.insert(.date) }
        if lines.firstValue(of: .server) != nil { replaced.insert(.server) }
        return replaced
    }

    fileprivate mutating func append(fieldLines fields: HTTPFields) -> ReplacedFields {
        var replaced: ReplacedFields = []
        for field in fields {
            // The length tells nearly all other fields apart, so that a name is compared at most twice.
            let name = field.name.canonicalName
            switch name.utf8.count {
            case 4 where name == "date": replaced.insert(.date)
            case 6 where name == "server": replaced.insert(.server)
            case 10 where name == "connection" || name == "keep-alive": continue
            case 14 where name == "content-length": continue
            case 17 where name == "transfer-encoding": continue
            default: break
            }
            append(fieldLine: field)
        }
        return replaced
    }

    fileprivate mutating func append(fieldLine field: HTTPField) {
        append(text: field.name.rawName)
        append(literal: ": ")
        append(valueOf: field)
        append(literal: "\r\n")
    }
}
