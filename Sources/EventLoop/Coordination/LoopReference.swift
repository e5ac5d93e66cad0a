/// A reference to an object confined to a loop, for other threads: they can make the loop call it, and nothing else.
///
/// It does not keep the object alive.
///
/// `@unchecked Sendable`: the object is touched by calls that the loop makes alone.
public final class LoopReference<Object: AnyObject>: @unchecked Sendable {
    private let executor: LoopExecutor
    private weak var object: Object?

    public init(_ object: Object, on reactor: Reactor) {
        self.object = object
        executor = reactor.executor
    }

    /// Makes the loop call `body` in its next turn, with nil if the object is gone; callable from any thread.
    /// - Returns: false if the loop has ended, and the call is not made.
    public func handOver(_ body: @escaping @Sendable (Object?) -> Void) -> Bool {
        executor.handOver { body(self.object) }
    }
}
