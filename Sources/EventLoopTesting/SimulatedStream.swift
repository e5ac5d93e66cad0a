public import EventLoop

/// One end of a connection in memory, whose delays, pieces and losses are drawn from a seed.
///
/// On virtual time (`EventLoop.runVirtual(seed:_:)`) the same seed gives the same bytes at the same
/// instants. As with TCP, an end that closes with bytes unread, or is sent more afterwards, resets the connection.
/// Confined to its loop; closes with the object.
public final class SimulatedStream: ByteStream {
    private let incoming: SimulatedDirection
    private let outgoing: SimulatedDirection
    private let reading = Waiter("two tasks read one stream at once")
    private let writing = Waiter("two tasks write one stream at once")
    private var isOpen = true

    /// The two ends of a connection.
    /// - Parameter seed: draws what the conditions leave open; by default the loop's own seed does.
    public static func pair(
        _ conditions: LinkConditions = LinkConditions(), seed: UInt64? = nil, on loop: isolated EventLoop
    ) -> (SimulatedStream, SimulatedStream) {
        var seeds = SplitMix64(seed: seed ?? loop.reactor.makeSeed())
        // Each direction draws for itself, so that what one end does changes nothing at the other.
        let there = SimulatedDirection(conditions, seed: seeds.next(), on: loop.reactor)
        let back = SimulatedDirection(conditions, seed: seeds.next(), on: loop.reactor)
        (there.opposite, back.opposite) = (back, there)
        return (SimulatedStream(incoming: back, outgoing: there), SimulatedStream(incoming: there, outgoing: back))
    }

    private init(incoming: SimulatedDirection, outgoing: SimulatedDirection) {
        self.incoming = incoming
        self.outgoing = outgoing
        incoming.reader = reading
        outgoing.writer = writing
    }

    deinit { close() }

    public func read(
        atMost limit: Int, until deadline: LoopInstant?, on loop: isolated EventLoop
    ) async throws(StreamError) -> [UInt8] {
        precondition(limit > 0, "a read has room for at least one byte")
        reading.checkFree()
        if Task.isCancelled { throw .cancelled }
        while true {
            guard isOpen else { throw .closed }
            if let bytes = try incoming.take(atMost: limit) { return bytes }
            try await reading.wait(until: deadline, on: loop)
        }
    }

    public func write(
        _ bytes: [UInt8], until deadline: LoopInstant?, on loop: isolated EventLoop
    ) async throws(StreamError) {
        writing.checkFree()
        if Task.isCancelled { throw .cancelled }
        var rest = bytes[...]
        while !rest.isEmpty {
            guard isOpen else { throw .closed }
            let count = try outgoing.send(rest)
            rest = rest.dropFirst(count)
            if count == 0 { try await writing.wait(until: deadline, on: loop) }
        }
    }

    public func finishWriting() {
        if isOpen { outgoing.finish() }
    }

    public func close() {
        guard isOpen else { return }
        isOpen = false
        // As TCP does: a peer whose bytes will never be read must not believe that they were.
        if incoming.hasUnread { outgoing.reset() } else { outgoing.finish() }
        incoming.abandon()
        reading.wake(incoming.reactor)
        writing.wake(outgoing.reactor)
    }
}
