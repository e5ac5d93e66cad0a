import Glibc

/// Bytes in both directions between two ends, in order: a connection, a pipe, or a simulation of one.
///
/// A stream is confined to its loop. One task reads and one writes at a time; a second one is a programming error.
/// Cancelled tasks read and write nothing, and a wait ends at once when its task is cancelled. A deadline limits only
/// waiting: an operation that need not wait is done, however late it is.
public protocol ByteStream: AnyObject {
    /// Waits until there are bytes, and returns at most `limit` of them; none at the end of the stream.
    func read(
        atMost limit: Int, until deadline: LoopInstant?, on loop: isolated EventLoop
    ) async throws(StreamError) -> [UInt8]

    /// Writes all bytes, and waits where the peer reads slowly.
    ///
    /// A write that throws may have written a part, so that closing is all that is left to do.
    func write(
        _ bytes: [UInt8], until deadline: LoopInstant?, on loop: isolated EventLoop
    ) async throws(StreamError)

    /// Ends writing, so that the peer reaches the end after what was written; reading continues.
    func finishWriting()

    /// Closes both directions and ends all waits, which throw ``StreamError/closed``; a second call has no effect.
    func close()
}

extension ByteStream {
    /// As ``read(atMost:until:on:)``, without a deadline.
    public func read(
        atMost limit: Int = 65536, on loop: isolated EventLoop
    ) async throws(StreamError) -> [UInt8] {
        try await read(atMost: limit, until: nil, on: loop)
    }

    /// As ``write(_:until:on:)``, without a deadline.
    public func write(_ bytes: [UInt8], on loop: isolated EventLoop) async throws(StreamError) {
        try await write(bytes, until: nil, on: loop)
    }

    /// Writes the text's UTF-8.
    public func write(
        _ text: String, until deadline: LoopInstant? = nil, on loop: isolated EventLoop
    ) async throws(StreamError) {
        try await write(Array(text.utf8), until: deadline, on: loop)
    }

    /// The bytes until the end of the stream, or the first `limit` of them.
    public func readAll(
        atMost limit: Int, until deadline: LoopInstant? = nil, on loop: isolated EventLoop
    ) async throws(StreamError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < limit {
            let piece = try await read(atMost: min(65536, limit - bytes.count), until: deadline, on: loop)
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes
    }
}

/// Why reading, writing, connecting, accepting or waiting did not complete.
public enum StreamError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The deadline came first.
    case timedOut
    /// The task was cancelled.
    case cancelled
    /// The peer is gone: it reset the connection, or no longer reads what is written.
    case reset
    /// This side has closed the stream or finished writing.
    case closed
    /// A ``StreamReader`` read as many bytes as allowed without finding a delimiter.
    case tooLong(limit: Int)
    /// The process or the system has no descriptor or memory left for a connection, which stays in the queue.
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
        case .tooLong(let limit): "more than \(limit) bytes come without a delimiter"
        case .exhausted(let error): "\(error); close descriptors or raise the limit, and try again later"
        case .system(let error): error.description
        }
    }
}

extension Error {
    /// Whether an operation has thrown it because its task was cancelled: streams, whose errors are typed, have one of
    /// their own for it.
    var isCancellation: Bool { self is CancellationError || self as? StreamError == .cancelled }
}
