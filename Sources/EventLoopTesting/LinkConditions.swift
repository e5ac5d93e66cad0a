/// How a simulated connection behaves; what is a range is drawn from the seed, again each time.
public struct LinkConditions: Sendable {
    /// How a connection is lost.
    public enum Loss: Sendable, Equatable {
        /// Reads and writes of both ends fail with `StreamError.reset`.
        case reset
        /// Reads of both ends find the end of the stream, as if the peer had closed; writes fail as with a reset.
        case end
    }

    /// How long each segment is under way; segments never overtake each other.
    public var latency: ClosedRange<Duration>
    /// How many bytes make a segment, unless fewer are left or have room: what is written at once arrives in pieces.
    public var segment: ClosedRange<Int>
    /// How many bytes may be under way or unread in one direction, before a write waits.
    public var window: Int
    /// Whether a read returns a part of what is there.
    public var readsPartially: Bool
    /// How the connection is lost; nil if it is not.
    public var loss: Loss?
    /// How many bytes a direction delivers before the connection is lost; the first direction to get there loses it for
    /// both.
    public var lossAfter: ClosedRange<Int>

    public init(
        latency: ClosedRange<Duration> = .zero ... .zero, segment: ClosedRange<Int> = 1...1448, window: Int = 65536,
        readsPartially: Bool = true, loss: Loss? = nil, lossAfter: ClosedRange<Int> = 0...65536
    ) {
        precondition(segment.lowerBound > 0, "a segment has at least one byte")
        precondition(window > 0, "a window has at least one byte")
        precondition(latency.lowerBound >= .zero, "nothing arrives before it was sent")
        precondition(lossAfter.lowerBound >= 0, "a connection cannot deliver less than nothing")
        self.latency = latency
        self.segment = segment
        self.window = window
        self.readsPartially = readsPartially
        self.loss = loss
        self.lossAfter = lossAfter
    }
}
