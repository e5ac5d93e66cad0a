import EventLoop
import HTTPWire

extension SocketStream {
    /// Sends a request, and has its answer read as it comes, however long it is.
    /// - Parameter take: looks at what there is of the answer, once its head is; false if no more is wanted.
    /// - Returns: the answer as far as it was wanted; nil if the server has closed too early.
    func exchange(
        _ request: ClientRequest, authority: String, until deadline: LoopInstant?, on loop: isolated EventLoop,
        take: (inout ResponseReader) throws -> Bool
    ) async throws -> ResponseReader? {
        var head: [UInt8] = []
        try RequestSerializer(authority: authority).appendHead(of: request, to: &head)
        try await write(head + (request.body ?? []), until: deadline, on: loop)
        var limits = ResponseLimits()
        limits.bodyBytes = .max
        var reader = ResponseReader(isHEAD: request.method == .head, keeping: .always, limits: limits)
        var input: [UInt8] = []
        while !reader.isComplete {
            let piece = try await read(atMost: 65536, until: deadline, on: loop)
            guard !piece.isEmpty || reader.inputEnded() else { return nil }
            if piece.isEmpty { break }
            input += piece
            input.removeFirst(try reader.read(input.span).consumed)
            if reader.head != nil, try !take(&reader) { break }
        }
        return reader
    }
}
