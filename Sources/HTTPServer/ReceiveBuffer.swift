import CPlatform
import Glibc

/// Where a connection's bytes lie between the socket and the parser.
///
/// A connection holds one only while bytes of a request are in it, so that idle connections cost no memory.
final class ReceiveBuffer {
    // Taken out of their variable for as long as they are read or changed: in it, they would be retained to be read, and
    // each change checked for exclusive access.
    private var bytes: [UInt8]
    private var start = 0
    private var end = 0

    init(capacity: Int) { bytes = [UInt8](repeating: 0, count: capacity) }

    var isEmpty: Bool { start == end }

    /// How many bytes are not yet consumed, and how many there is room for.
    var count: Int { end - start }
    var capacity: Int { bytes.count }

    /// Lets `read` see the bytes that are not yet consumed.
    func read<Result, Failure: Error>(
        _ read: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let bytes = exchange(&bytes, with: [])
        defer { self.bytes = bytes }
        return try read(bytes.span.extracting(start..<end))
    }

    func consume(_ count: Int) {
        start += count
        if start == end { (start, end) = (0, 0) }
    }

    func removeAll() { (start, end) = (0, 0) }

    enum Received {
        /// Bytes came; `drained` tells that the socket had no more.
        case bytes(drained: Bool)
        case eof
        case wouldBlock
    }

    /// Receives what the socket has and fits; unread bytes move to the front if the room after them is small.
    func receive(from fd: CInt) -> Received {
        var bytes = exchange(&bytes, with: [])
        defer { self.bytes = bytes }
        if start > 0, bytes.count - end < bytes.count / 2 {
            for offset in 0..<(end - start) { bytes[offset] = bytes[start + offset] }
            (start, end) = (0, end - start)
        }
        // It was made for the largest head, before the limit of heads was raised.
        if end == bytes.count { bytes += Array(repeating: 0, count: bytes.count) }
        let room = bytes.count - end
        while true {
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                // `end + room` is the array's count.
                unsafe cp_receive(fd, buffer.baseAddress.map { unsafe $0 + end }, room)
            }
            if count > 0 {
                end += count
                return .bytes(drained: count < room)
            }
            if count == 0 { return .eof }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { return .eof }
        }
    }
}
