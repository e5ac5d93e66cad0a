import DequeModule

/// A bounded queue between tasks of one loop: asyncio's `Queue`, with an end. Confined to its loop.
///
/// Elements come out in the order in which they went in. A full channel makes senders wait, so that a slow receiver
/// slows them down and no more than `capacity` elements are kept.
///
/// ```swift
/// for try await line in channel { … }
/// ```
public final class Channel<Element>: AsyncSequence {
    private let reactor: Reactor
    private let capacity: Int
    private var buffer: Deque<Element> = []
    private var receivers = WaitQueue<WaitID>()
    private var senders = WaitQueue<Sender>()
    public private(set) var isFinished = false

    /// - Parameter capacity: the maximum number of elements that wait in the channel; at least 1.
    public init(capacity: Int, on loop: isolated EventLoop) {
        precondition(capacity > 0, "a channel holds an element")
        self.capacity = capacity
        reactor = loop.reactor
    }

    /// How many elements have been sent and not received.
    public var count: Int { buffer.count }

    /// Puts an element in, waiting while the channel is full.
    /// - Throws: ``ChannelFinished`` after ``finish()``; `CancellationError` as soon as the task is cancelled, and then
    ///   the element is not in.
    public func send(_ element: Element) async throws {
        try Task.checkCancellation()
        guard !isFinished else { throw ChannelFinished() }
        if trySend(element) { return }
        let sender = Sender(wait: reactor.makeWait(), element: element)
        let number = senders.append(sender)
        guard await reactor.suspend(sender.wait) == .signalled else {
            senders.remove(number)
            throw CancellationError()
        }
        guard sender.isTaken else { throw ChannelFinished() }
    }

    /// Puts an element in if there is room and the channel is not finished.
    public func trySend(_ element: Element) -> Bool {
        guard !isFinished, buffer.count < capacity else { return false }
        buffer.append(element)
        wakeReceiver()
        return true
    }

    /// Takes the next element, waiting until there is one; nil when the channel is finished and empty.
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    public func receive() async throws(CancellationError) -> Element? {
        guard !Task.isCancelled else { throw CancellationError() }
        while true {
            if let element = tryReceive() { return element }
            guard !isFinished else { return nil }
            let wait = reactor.makeWait()
            let number = receivers.append(wait)
            guard await reactor.suspend(wait) == .signalled else {
                receivers.remove(number)
                throw CancellationError()
            }
        }
    }

    /// Takes the next element if there is one.
    public func tryReceive() -> Element? {
        guard let element = buffer.popFirst() else { return nil }
        while let sender = senders.popFirst() {
            // One that was cancelled takes its element back.
            guard reactor.wake(sender.wait) else { continue }
            sender.isTaken = true
            buffer.append(sender.element)
            wakeReceiver()
            break
        }
        return element
    }

    /// Ends the channel: elements in it can still be received, no more can be sent, and waiting senders fail.
    public func finish() {
        isFinished = true
        while let wait = receivers.popFirst() { reactor.wake(wait) }
        while let sender = senders.popFirst() { reactor.wake(sender.wait) }
    }

    /// A task that waits for room.
    private final class Sender {
        let wait: WaitID
        let element: Element
        var isTaken = false

        init(wait: WaitID, element: Element) {
            self.wait = wait
            self.element = element
        }
    }

    private func wakeReceiver() {
        while let wait = receivers.popFirst() {
            if reactor.wake(wait) { return }
        }
    }

    public func makeAsyncIterator() -> Iterator { Iterator(channel: self) }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let channel: Channel

        public func next(isolation actor: isolated (any Actor)?) async throws(CancellationError) -> Element? {
            try await channel.receive()
        }

        public func next() async throws(CancellationError) -> Element? { try await channel.receive() }
    }
}

/// The channel that an element was to go into is finished.
public struct ChannelFinished: Error, Equatable, Sendable, CustomStringConvertible {
    public init() {}

    public var description: String { "the channel is finished" }
}
