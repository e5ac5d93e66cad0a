import CPlatform
import Glibc

/// A client's socket, as its connection reads and writes it. All system calls on it are here, so that a connection over
/// TLS would differ here alone.
struct Transport {
    let fd: CInt

    enum Sent {
        case bytes(Int)
        case wouldBlock
        /// The client no longer takes anything.
        case failed
    }

    /// Receives what the socket has and the buffer has room for.
    func receive(into buffer: ReceiveBuffer) -> ReceiveBuffer.Received { buffer.receive(from: fd) }

    /// How much of a body is sent at once: a kernel whose peer reads as fast would go on to take all of it.
    static let mostAtOnce = 1 << 20

    /// Sends head and body in one system call, without the first `sent` bytes of them, and no more of the body than
    /// ``mostAtOnce``.
    func send(_ head: Span<UInt8>, _ body: Span<UInt8>, from sent: Int) -> Sent {
        while true {
            let count = unsafe head.withUnsafeBytes { head in
                unsafe body.withUnsafeBytes { body in
                    let (skipHead, skipBody) = (min(sent, head.count), max(0, sent - head.count))
                    let (headRest, bodyRest) = (head.count - skipHead, min(body.count - skipBody, Self.mostAtOnce))
                    // Both pointers stay within their spans; an empty head is replaced by the body.
                    return unsafe headRest > 0
                        ? cp_send2(
                            fd, head.baseAddress.map { unsafe $0 + skipHead }, headRest, body.baseAddress, bodyRest)
                        : cp_send2(fd, body.baseAddress.map { unsafe $0 + skipBody }, bodyRest, nil, 0)
                }
            }
            if count >= 0 { return .bytes(count) }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { return .failed }
        }
    }

    /// Closes for writing.
    func finishSending() { shutdown(fd, CInt(SHUT_WR)) }

    func close() { Glibc.close(fd) }
}
