import HTTPTypes
import HTTPWire

/// Why the server answers a request itself, or not at all.
public enum Refusal: Error, Equatable, Sendable {
    /// The request breaks the protocol or a limit.
    case defective(RequestError)
    /// Its head or body came too slowly.
    case tooSlow
    /// The client went away before its request was complete: nobody is there to be answered.
    case clientGone

    public var status: HTTPResponse.Status {
        switch self {
        case .defective(let error): error.status
        case .tooSlow: .requestTimeout
        case .clientGone: HTTPResponse.Status(code: 499, reasonPhrase: "Client Closed Request")
        }
    }

    /// One sentence for the client.
    public var detail: String {
        switch self {
        case .defective(let error): error.description
        case .tooSlow: "the request did not come in time"
        case .clientGone: "the client closed the connection"
        }
    }
}
