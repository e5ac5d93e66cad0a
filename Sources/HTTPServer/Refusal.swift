import HTTPTypes
import HTTPWire

/// Why the server answers a request itself, or not at all.
public enum Refusal: Error, Equatable, Sendable {
    /// The request breaks the protocol or a limit.
    case defective(RequestError)
    /// Its head or body arrived too slowly.
    case tooSlow
    /// Requests that are not yet answered hold as many bytes as they may.
    case noRoom
    /// The client disconnected before its request was complete, so there is no client to answer.
    case clientGone

    public var status: HTTPResponse.Status {
        switch self {
        case .defective(let error): error.status
        case .tooSlow: .requestTimeout
        case .noRoom: .serviceUnavailable
        case .clientGone: HTTPResponse.Status(code: 499, reasonPhrase: "Client Closed Request")
        }
    }

    /// One sentence for the client.
    public var detail: String {
        switch self {
        case .defective(let error): error.description
        case .tooSlow: "the request did not arrive in time"
        case .noRoom: "the requests that wait for answers have used up the memory for them"
        case .clientGone: "the client closed the connection"
        }
    }

    /// Header fields that tell the client more.
    public var fields: HTTPFields {
        switch self {
        case .noRoom: [.retryAfter: "1"]
        case .defective, .tooSlow, .clientGone: [:]
        }
    }
}
