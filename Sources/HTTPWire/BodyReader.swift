/// Reads the content of one request, however it is framed, or throws it away.
public struct BodyReader: Sendable {
    public typealias Progress = ContentReader.Progress

    private var content: ContentReader

    /// Makes a reader for what follows a head.
    ///
    /// - Throws: `.contentTooLarge` for a `Content-Length` above the limit, before any of it is read.
    public init(_ framing: BodyFraming, limits: WireLimits) throws(RequestError) {
        do throws(MessageError) {
            content = try ContentReader(framing, limits: ContentLimits(limits))
        } catch {
            throw RequestError(error)
        }
    }

    /// Whether the body has been read to its end.
    public var isComplete: Bool { content.isComplete }

    /// Appends the content in `input` to `body`. Input is passed once, in pieces of any size. O(input).
    public mutating func read(_ input: Span<UInt8>, into body: inout [UInt8]) throws(RequestError) -> Progress {
        do throws(MessageError) {
            return try content.read(input, into: &body)
        } catch {
            throw RequestError(error)
        }
    }

    /// Goes over the content in `input` without keeping it, to reach the next request.
    public mutating func discard(_ input: Span<UInt8>) throws(RequestError) -> Progress {
        do throws(MessageError) {
            return try content.discard(input)
        } catch {
            throw RequestError(error)
        }
    }
}
