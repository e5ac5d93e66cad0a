import HTTPTypes
import HTTPWire

/// The answer to a request, with its body or the function that produces it.
public struct Response {
    public var status: HTTPResponse.Status
    /// The header fields, except those for framing and connection, which the server sets.
    public var fields: HTTPFields
    /// Further header fields, as the bytes to send: for answers that are made often.
    public var lines = FieldSection()
    public var body: [UInt8]
    /// The function that produces the body while it is sent, instead of ``body``.
    public var stream: StreamedBody?
    /// How the content is framed, if that is known for a streamed response, or differs from ``body``: the answer to a
    /// HEAD may say how long that to a GET is (RFC 9110 §9.3.2). Nil for what follows from the rest.
    public var framing: ResponseFraming?

    public init(_ status: HTTPResponse.Status, fields: HTTPFields = HTTPFields(), body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// A response with a text body.
    public init(_ status: HTTPResponse.Status, text: String, type: String = "text/plain; charset=utf-8") {
        self.init(status, fields: [.contentType: type], body: Array(text.utf8))
    }

    /// A response with prepared header fields.
    public init(_ status: HTTPResponse.Status, lines: FieldSection, body: [UInt8] = []) {
        self.status = status
        fields = HTTPFields()
        self.lines = lines
        self.body = body
    }

    /// A response whose body is produced while it is sent.
    public init(_ status: HTTPResponse.Status, fields: HTTPFields = HTTPFields(), stream: @escaping StreamedBody) {
        self.init(status, fields: fields)
        self.stream = stream
    }
}

/// A function that produces a body: it writes pieces, and its return ends the body.
///
/// It is made where the request is answered and captures the loop. It runs in the connection's task, which is cancelled
/// when the client goes away; for HEAD it does not run at all. The request's body must be read before, by the handler.
/// If it throws, the connection closes without the end of the body, so that the client sees a message that was cut
/// short. An HTTP/1.0 client cannot see that: all it gets is the end of the connection. It may throw anything: what is
/// no ``StreamFailure`` is told to the observer, as what a handler throws is, unless the client has left.
public typealias StreamedBody = (BodyWriter) async throws -> Void

/// Why a streamed body ends too early.
public enum StreamFailure: Error, Equatable, Sendable {
    /// The client disconnected or reads nothing, or the server no longer waits for it.
    case clientGone
    /// The function that produces the body cannot continue.
    case failed
}
