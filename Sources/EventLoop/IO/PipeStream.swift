import CPlatform
import Glibc

/// One end of a pipe, which either reads or writes; the other direction fails with EBADF. Confined to its loop; closes
/// with the object.
///
/// The first pipe makes the process ignore SIGPIPE, unless it handles it: there is no other way for a pipe to tell a
/// writer that its reader is gone without ending the program.
public final class PipeStream: ByteStream {
    private let descriptor: StreamDescriptor
    private let isWriting: Bool

    /// Takes over a pipe's end.
    init(adopting fd: CInt, isWriting: Bool, on reactor: Reactor) {
        descriptor = StreamDescriptor(fd, on: reactor)
        self.isWriting = isWriting
    }

    deinit { close() }

    /// A pipe between two tasks.
    /// - Throws: ``StreamError/exhausted(_:)`` if no descriptor is left.
    public static func pair(
        on loop: isolated EventLoop
    ) throws(StreamError) -> (reading: PipeStream, writing: PipeStream) {
        let (reading, writing) = try ends(blocking: nil)
        return (
            PipeStream(adopting: reading, isWriting: false, on: loop.reactor),
            PipeStream(adopting: writing, isWriting: true, on: loop.reactor)
        )
    }

    enum End { case reading, writing }

    /// Makes a pipe; the end that is for a child process blocks.
    static func ends(blocking: End?) throws(StreamError) -> (reading: CInt, writing: CInt) {
        ignoreBrokenPipe
        var (reading, writing): (CInt, CInt) = (-1, -1)
        guard unsafe cp_pipe(&reading, &writing, blocking == .reading, blocking == .writing) == 0 else {
            throw StreamError("pipe2")
        }
        return (reading, writing)
    }

    /// Done once in the process, the first time it is named.
    private static let ignoreBrokenPipe: Void = cp_ignore_unhandled_broken_pipe()

    public func read(
        atMost limit: Int, until deadline: LoopInstant?, on loop: isolated EventLoop
    ) async throws(StreamError) -> [UInt8] {
        try await descriptor.read(atMost: limit, until: deadline, on: loop)
    }

    public func write(
        _ bytes: [UInt8], until deadline: LoopInstant?, on loop: isolated EventLoop
    ) async throws(StreamError) {
        try await descriptor.write(bytes, until: deadline, on: loop) { piece throws(StreamError) in
            unsafe try descriptor.tryWrite(piece) { fd, bytes in unsafe Glibc.write(fd, bytes.baseAddress, bytes.count)
            }
        }
    }

    /// Closes a writing end; a reading end has nothing to finish.
    public func finishWriting() {
        if isWriting { close() }
    }

    public func close() { descriptor.close() }
}
