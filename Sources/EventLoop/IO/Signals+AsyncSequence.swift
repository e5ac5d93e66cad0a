/// `for await signal in signals`, in code that runs on the signals' loop; ends when the task is cancelled.
extension Signals: AsyncSequence {
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(signals: self) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let signals: Signals

        /// The next signal's number; nil when the task is cancelled.
        public mutating func next(isolation actor: isolated (any Actor)? = #isolation) async -> CInt? {
            await signals.next(isolation: actor)
        }
    }
}
