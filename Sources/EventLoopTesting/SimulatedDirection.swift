import EventLoop

/// The way of bytes from one end of a simulated connection, the writer's, to the other, the reader's.
final class SimulatedDirection: TimerHandler {
    private enum Content {
        case bytes(ArraySlice<UInt8>)
        /// The writer has finished.
        case end
        /// The writer's end is closed, and no longer takes anything.
        case reset
        case loss(LinkConditions.Loss)
    }

    let reactor: Reactor
    weak var opposite: SimulatedDirection?
    weak var reader: Waiter?
    weak var writer: Waiter?
    private let conditions: LinkConditions
    private var generator: SplitMix64
    private var underway: [(arrival: LoopInstant, content: Content)] = []
    private var timer: TimerID?
    private var unread: ArraySlice<UInt8> = []
    /// Bytes under way and unread.
    private var occupied = 0
    /// Bytes that are still delivered before the connection is lost.
    private var untilLoss: Int
    private var isFinished = false
    private var isReset = false
    private var isReaderGone = false
    /// What the reader finds after the unread bytes.
    private var ending: LinkConditions.Loss?

    init(_ conditions: LinkConditions, seed: UInt64, on reactor: Reactor) {
        self.conditions = conditions
        self.reactor = reactor
        generator = SplitMix64(seed: seed)
        untilLoss = conditions.loss == nil ? .max : Int.random(in: conditions.lossAfter, using: &generator)
        dispatchLoss()
    }

    // MARK: The writer's side

    /// Sends a segment of the bytes, and returns how many it has; 0 if there is no room for one.
    func send(_ bytes: ArraySlice<UInt8>) throws(StreamError) -> Int {
        if isFinished { throw .closed }
        if isReset { throw .reset }
        let room = conditions.window - occupied
        guard room > 0 else { return 0 }
        let size = Int.random(in: conditions.segment, using: &generator)
        // What is sent after the loss is under way like everything else, and goes down with the connection.
        let piece = bytes.prefix(min(size, room, untilLoss > 0 ? untilLoss : .max))
        occupied += piece.count
        dispatch(.bytes(piece))
        if untilLoss > 0, conditions.loss != nil {
            untilLoss -= piece.count
            dispatchLoss()
        }
        return piece.count
    }

    /// Ends the direction after what was sent.
    func finish() {
        guard !isFinished else { return }
        isFinished = true
        dispatch(.end)
    }

    /// Tells the reader that its own bytes go nowhere.
    func reset() {
        isFinished = true
        dispatch(.reset)
    }

    private func dispatchLoss() {
        if untilLoss == 0, let loss = conditions.loss { dispatch(.loss(loss)) }
    }

    private func dispatch(_ content: Content) {
        let range = conditions.latency.lowerBound.wholeNanoseconds...conditions.latency.upperBound.wholeNanoseconds
        let arrival = reactor.now.advanced(by: .nanoseconds(Int64.random(in: range, using: &generator)))
        underway.append((max(arrival, underway.last?.arrival ?? arrival), content))
        schedule()
    }

    // MARK: The reader's side

    var hasUnread: Bool { !unread.isEmpty }

    /// The next bytes, none at the end, nil if none are there yet.
    func take(atMost limit: Int) throws(StreamError) -> [UInt8]? {
        guard !unread.isEmpty else {
            switch ending {
            case nil: return nil
            case .end: return []
            case .reset: throw .reset
            }
        }
        let most = min(limit, unread.count)
        let count = conditions.readsPartially ? Int.random(in: 1...most, using: &generator) : most
        let bytes = Array(unread.prefix(count))
        unread = unread.dropFirst(count)
        occupied -= count
        writer?.wake(reactor)
        return bytes
    }

    /// Nothing more is taken; when neither end is left, what is under way is lost.
    func abandon() {
        isReaderGone = true
        unread = []
        guard let opposite, opposite.isReaderGone else { return }
        forget()
        opposite.forget()
    }

    // MARK: On the way

    private func schedule() {
        if timer == nil, let first = underway.first { timer = reactor.schedule(at: first.arrival, self) }
    }

    private func forget() {
        underway = []
        if let timer { reactor.cancel(timer) }
        timer = nil
    }

    func timerFired(_ timer: TimerID) {
        self.timer = nil
        while let (arrival, content) = underway.first, arrival <= reactor.now {
            underway.removeFirst()
            arrive(content)
        }
        schedule()
    }

    private func arrive(_ content: Content) {
        switch content {
        case .bytes where isReaderGone: opposite?.reset()
        case .bytes(let bytes): unread += bytes
        case .end: ending = ending ?? .end
        case .reset:
            ending = ending ?? .reset
            opposite?.failWrites()
        case .loss(let loss):
            lose(loss)
            opposite?.lose(loss)
        }
        reader?.wake(reactor)
    }

    private func lose(_ loss: LinkConditions.Loss) {
        ending = ending ?? loss
        forget()
        failWrites()
        reader?.wake(reactor)
    }

    private func failWrites() {
        isReset = true
        writer?.wake(reactor)
    }
}
