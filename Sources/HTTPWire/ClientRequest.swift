public import HTTPTypes

/// A request to an upstream.
public struct ClientRequest: Sendable {
    public let method: HTTPRequest.Method
    /// Method and target as they stand in a request line, a space between them.
    let line: [UInt8]
    /// Where in it the target begins.
    let targetStart: Int
    public let isHEAD: Bool
    /// RFC 9110 §8.6: a request without content says so if its method usually has some.
    let expectsContent: Bool
    /// The fields but those that frame the message and name the host, which ``RequestSerializer`` writes itself.
    public var fields: FieldSection
    public var body: [UInt8]?
    /// How content is framed that follows the head piece by piece, where there is no ``body``.
    public var streamed = BodyFraming.none
    /// Whether it may arrive twice, so that it may be sent again when it is not known what became of it. Its method
    /// says so (RFC 9110 §9.2.2), unless the caller knows better.
    public var isRepeatable: Bool
    /// Whose fields the response keeps.
    public var keptFields = ResponseReader.KeptFields.ofFailures

    /// - Throws: for a method or a target that could not stand in a request line.
    public init(
        _ method: HTTPRequest.Method = .get, target: String, fields: FieldSection = FieldSection(),
        body: [UInt8]? = nil
    ) throws(RequestLineError) {
        guard Self.isToken(method.rawValue.utf8Span.span) else { throw .invalidMethod }
        guard Self.isTarget(target.utf8Span.span) else { throw .invalidTarget }
        self.method = method
        targetStart = method.rawValue.utf8.count + 1
        var line: [UInt8] = []
        line.reserveCapacity(targetStart + target.utf8.count)
        line.append(copying: method.rawValue.utf8Span.span)
        line.append(.space)
        line.append(copying: target.utf8Span.span)
        self.line = line
        isHEAD = method == .head
        expectsContent = method == .post || method == .put || method == .patch
        self.fields = fields
        self.body = body
        isRepeatable = method.isIdempotent
    }

    /// Method and target with a space between them, without making strings.
    public var requestLine: [UInt8] { line }

    /// Path and query as they are to be sent; begins with a slash.
    public var target: String { String(decoding: line[targetStart...], as: UTF8.self) }

    private static func isToken(_ text: Span<UInt8>) -> Bool {
        for index in text.indices where !text[index].isToken { return false }
        return !text.isEmpty
    }

    /// Visible ASCII without `#`, from a slash on (RFC 9112 §3.2.1).
    private static func isTarget(_ text: Span<UInt8>) -> Bool {
        guard !text.isEmpty, text[0] == UInt8(ascii: "/") else { return false }
        for index in text.indices where !text[index].isTarget && text[index] != UInt8(ascii: "%") { return false }
        return true
    }
}

/// Why no request line can be made.
public enum RequestLineError: Error, Equatable, Sendable {
    /// The method is not a token (RFC 9110 §9.1).
    case invalidMethod
    /// The target does not begin with a slash, or holds a byte that cannot stand in one (RFC 9112 §3.2.1).
    case invalidTarget
}

/// Writes the heads of requests to one server (RFC 9112 §3, §5).
///
/// The fields of framing and connection are the serialiser's: what a request has of them is left out.
public struct RequestSerializer: Sendable {
    private let prefix: [UInt8]
    /// What follows the target: the version, and Host.
    private let afterTarget: [UInt8]

    /// - Parameters:
    ///   - authority: host and optional port, as in the server's URL (RFC 9110 §7.2).
    ///   - prefix: what every target begins with; empty, or a path without a slash at its end.
    /// - Throws: for an authority or a prefix that could not stand in a head.
    public init(authority: String, prefix: String = "") throws(RequestLineError) {
        let bytes = Array(authority.utf8)
        guard Authority.isValid(bytes.span, in: 0..<bytes.count) else { throw .invalidTarget }
        // By its own rules: a prefix is the beginning of a target.
        _ = try ClientRequest(target: prefix + "/")
        self.prefix = Array(prefix.utf8)
        afterTarget = Array(" HTTP/1.1\r\nHost: ".utf8) + bytes + Array("\r\n".utf8)
    }

    /// Appends the head of a request to `output`, the empty line included. One allocation, if `output` has no room.
    public func appendHead(of request: ClientRequest, to output: inout [UInt8]) {
        if request.fields.mayFrame {
            append(request.line.span, request.targetStart, request.fields.withoutFraming.span, to: &output)
        } else {
            append(request.line.span, request.targetStart, request.fields.bytes.span, to: &output)
        }
        if let body = request.body {
            appendLength(body.count, to: &output)
        } else {
            switch request.streamed {
            case .length(let length): appendLength(length, to: &output)
            case .chunked: output.append(literal: "Transfer-Encoding: chunked\r\n")
            case .none, .untilClose: if request.expectsContent { appendLength(0, to: &output) }
            }
        }
        output.append(.carriageReturn)
        output.append(.lineFeed)
    }

    /// Appends a request line, Host and other fields.
    private func append(
        _ line: Span<UInt8>, _ targetStart: Int, _ fields: Span<UInt8>, to output: inout [UInt8]
    ) {
        let (prefix, afterTarget) = (prefix.span, afterTarget.span)
        // The longest Content-Length and the line ends have room in 64 bytes.
        let size = line.count + prefix.count + afterTarget.count + fields.count + 64
        output.append(addingCapacity: size) { output in
            if prefix.isEmpty {
                output.append(copying: line)
            } else {
                output.append(copying: line.extracting(..<targetStart))
                output.append(copying: prefix)
                output.append(copying: line.extracting(targetStart...))
            }
            output.append(copying: afterTarget)
            output.append(copying: fields)
        }
    }

    private func appendLength(_ length: Int, to output: inout [UInt8]) {
        output.append(literal: "Content-Length: ")
        output.append(decimal: length)
        output.append(literal: "\r\n")
    }
}
