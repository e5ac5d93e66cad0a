/// How far a request has come: what it is waiting for.
public enum FetchPhase: Equatable, Sendable {
    /// The host's addresses.
    case lookup
    /// A TCP connection, or one to a Unix socket.
    case connect
    /// The TLS handshake.
    case handshake
    /// The upstream to take the request.
    case request
    /// The head of the response, or the rest of it.
    case head
    /// The body, or the rest of it.
    case body
}

extension FetchPhase: CustomStringConvertible {
    public var description: String {
        switch self {
        case .lookup: "looking up the host's name"
        case .connect: "connecting"
        case .handshake: "in the TLS handshake"
        case .request: "sending the request"
        case .head: "waiting for the head of the response"
        case .body: "reading the body of the response"
        }
    }
}

// MARK: Where each kind of exchange is

extension UpstreamExchange {
    var phase: FetchPhase {
        switch state {
        case .waiting: origin?.dialPhase ?? .connect
        case .onConnection(let connection): connection.phase
        case .inTransfer(let transfer): transfer.phase
        case .ended: .body
        }
    }
}

extension UpstreamConnection {
    fileprivate var phase: FetchPhase {
        if hasHead { .body } else { isSent ? .head : .request }
    }
}

extension Transfer {
    fileprivate var phase: FetchPhase { isHeadComplete ? .body : .head }
}
