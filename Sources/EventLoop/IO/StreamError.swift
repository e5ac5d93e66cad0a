import Glibc

/// Why reading, writing, connecting, accepting or waiting did not come to its end.
public enum StreamError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The deadline came first.
    case timedOut
    /// The task was cancelled.
    case cancelled
    /// The peer is gone: it reset the connection, or reads no more what is written.
    case reset
    /// This end was closed, or its writing finished, by its own side.
    case closed
    /// The process or the system has no descriptor or memory left for a connection; it stays in the queue.
    case exhausted(SystemError)
    case system(SystemError)

    /// The error of a system call that has just failed.
    init(_ call: StaticString, code: CInt = errno) {
        let error = SystemError(call, code: code)
        switch code {
        case ECONNRESET, EPIPE: self = .reset
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: self = .exhausted(error)
        default: self = .system(error)
        }
    }

    public var description: String {
        switch self {
        case .timedOut: "the deadline came first"
        case .cancelled: "the task was cancelled"
        case .reset: "the peer is gone"
        case .closed: "the stream was closed on this side"
        case .exhausted(let error): "\(error); close descriptors or raise the limit, and try again later"
        case .system(let error): error.description
        }
    }
}

extension Error {
    /// Whether an operation has thrown it because its task was cancelled: streams, whose errors are typed, have one of their own for it.
    var isCancellation: Bool { self is CancellationError || self as? StreamError == .cancelled }
}
