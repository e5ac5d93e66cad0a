/// Reads a stream piece by piece up to delimiters, such as the lines of a protocol: asyncio's `readline` and
/// `readuntil`.
///
/// It keeps bytes after a delimiter for the next read, so once a stream has a reader, all reading must go through it.
/// Confined to its loop, and one task reads at a time, as from the stream.
///
/// What has come already is returned without a wait: between the lines that came at once no other task runs, unless the
/// reading one gives way by `loop.sleep(for: .zero)`.
///
/// ```swift
/// let lines = StreamReader(stream)
/// while let line = try await lines.readLine(atMost: 1000, on: loop) {
///     try await stream.write("you said \(line)\n", on: loop)
/// }
/// ```
public final class StreamReader {
    private let stream: any ByteStream
    private var buffer: [UInt8] = []
    /// Where in the buffer the bytes begin that have not been returned.
    private var start = 0
    /// Whether the stream has ended; bytes from before its end may not have been returned yet.
    public private(set) var isAtEnd = false

    public init(_ stream: any ByteStream) { self.stream = stream }

    /// Waits for the delimiter, takes it, and returns the bytes before it.
    ///
    /// What follows the last delimiter is returned too, unless it is empty; ``isAtEnd`` is true then.
    /// - Parameters:
    ///   - delimiter: one byte or more.
    ///   - limit: how many bytes may come before the delimiter, at most.
    /// - Returns: nil at the end of the stream.
    /// - Throws: ``StreamError/tooLong(limit:)``, after which closing is all that is left to do; what reading the
    ///   stream throws, and what has come by then is kept for the next call.
    public func read(
        upTo delimiter: [UInt8], atMost limit: Int, until deadline: LoopInstant? = nil, on loop: isolated EventLoop
    ) async throws(StreamError) -> [UInt8]? {
        precondition(!delimiter.isEmpty, "a delimiter has a byte or more")
        return try await read(upTo: delimiter, atMost: limit, more: 0, until: deadline, on: loop)
    }

    /// - Parameter more: how many bytes may come beyond the limit that an error names.
    private func read(
        upTo delimiter: [UInt8], atMost limit: Int, more: Int, until deadline: LoopInstant?, on loop: isolated EventLoop
    ) async throws(StreamError) -> [UInt8]? {
        // Each byte is looked at once, and those that may be the beginning of a delimiter again.
        var searched = start
        while true {
            if let found = firstIndex(of: delimiter, from: searched) {
                guard found - start - more <= limit else { throw .tooLong(limit: limit) }
                return take(to: found, skipping: delimiter.count)
            }
            guard buffer.count - start - delimiter.count - more < limit else { throw .tooLong(limit: limit) }
            if isAtEnd {
                guard start < buffer.count else { return nil }
                guard buffer.count - start - more <= limit else { throw .tooLong(limit: limit) }
                return take(to: buffer.count, skipping: 0)
            }
            compact()
            searched = max(start, buffer.count - delimiter.count + 1)
            let bytes = try await stream.read(atMost: 65536, until: deadline, on: loop)
            if bytes.isEmpty { isAtEnd = true } else { buffer += bytes }
        }
    }

    /// Waits for the end of a line, LF or CRLF, and returns the line without it; nil at the end of the stream.
    ///
    /// Bytes that are not UTF-8 become U+FFFD.
    /// - Parameter limit: how many bytes a line has, at most.
    /// - Throws: as ``read(upTo:atMost:until:on:)``.
    public func readLine(
        atMost limit: Int, until deadline: LoopInstant? = nil, on loop: isolated EventLoop
    ) async throws(StreamError) -> String? {
        let newline = [UInt8(ascii: "\n")]
        // A line of the greatest length may have a CR after it.
        guard var line = try await read(upTo: newline, atMost: limit, more: 1, until: deadline, on: loop) else {
            return nil
        }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        guard line.count <= limit else { throw .tooLong(limit: limit) }
        return String(decoding: line, as: UTF8.self)
    }

    /// Waits until there are bytes, and returns the first of them, `limit` at most; none at the end of the stream.
    public func read(
        atMost limit: Int = 65536, until deadline: LoopInstant? = nil, on loop: isolated EventLoop
    ) async throws(StreamError) -> [UInt8] {
        if start == buffer.count {
            guard !isAtEnd else { return [] }
            let bytes = try await stream.read(atMost: limit, until: deadline, on: loop)
            if bytes.isEmpty { isAtEnd = true }
            return bytes
        }
        return take(to: min(buffer.count, start + limit), skipping: 0)
    }

    private func take(to end: Int, skipping count: Int) -> [UInt8] {
        defer { start = end + count }
        return Array(buffer[start..<end])
    }

    /// Moves what is left to the front: at most once for each read of the stream.
    private func compact() {
        buffer.removeFirst(start)
        start = 0
    }

    private func firstIndex(of delimiter: [UInt8], from index: Int) -> Int? {
        var rest = buffer[index...]
        while let candidate = rest.firstIndex(of: delimiter[0]) {
            if buffer[candidate...].starts(with: delimiter) { return candidate }
            rest = buffer[(candidate + 1)...]
        }
        return nil
    }
}
