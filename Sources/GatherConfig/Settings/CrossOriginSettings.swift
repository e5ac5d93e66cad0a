public import HTTPTypes

/// What pages from other origins may do (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol).
public struct CrossOriginSettings: Sendable, Equatable {
    /// `https://shop.example`, `https://*.shop.example` for all hosts below it, or `*` for every origin.
    public var origins: [String]
    /// The methods that they may use; nil for all methods of a path.
    public var methods: [HTTPRequest.Method]?
    /// The fields that they may send; nil for all that they ask for.
    public var headers: [HTTPField.Name]? = [.accept, .authorization, .contentType]
    /// The fields of an answer that they may read.
    public var exposed: [HTTPField.Name] = []
    /// Whether they may send cookies and other credentials.
    public var allowsCredentials = false
    /// How long a browser may rely on the answer to a preflight request.
    public var maxAge = Duration.seconds(600)

    public init(origins: [String]) { self.origins = origins }
}
