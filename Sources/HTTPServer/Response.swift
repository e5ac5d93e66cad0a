import HTTPTypes

/// The answer to a request, complete with its body.
public struct Response {
    public var status: HTTPResponse.Status
    /// Without those of framing and connection, which are the server's.
    public var fields: HTTPFields
    public var body: [UInt8]

    public init(_ status: HTTPResponse.Status, fields: HTTPFields = [:], body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// A response with a text body.
    public init(_ status: HTTPResponse.Status, text: String, type: String = "text/plain; charset=utf-8") {
        self.init(status, fields: [.contentType: type], body: Array(text.utf8))
    }
}
