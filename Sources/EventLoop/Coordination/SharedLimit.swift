public import Synchronization

/// A limit that all loops of a process share: one atomic count of how much of it is taken.
///
/// A place that is free anywhere can be taken by any loop, whichever loop gave it back. Taking and giving back cost one
/// atomic operation each, and no lock. They are sequentially consistent: a loop that finds no free place, announces
/// that it waits and looks again either sees the place that another gives back, or is seen by it.
public final class SharedLimit: Sendable {
    // Inlined with what uses them: an object that is called is retained meanwhile, at the cost of an atomic operation.
    @usableFromInline let most: Atomic<Int>
    @usableFromInline let taken = Atomic<Int>(0)

    public init(_ limit: Int) { most = Atomic(limit) }

    /// A limit that is lowered below what is taken takes effect as places are given back.
    @inlinable public var limit: Int {
        get { most.load(ordering: .relaxed) }
        set { most.store(newValue, ordering: .sequentiallyConsistent) }
    }

    /// How much is taken right now, by all loops.
    @inlinable public var count: Int { taken.load(ordering: .sequentiallyConsistent) }

    /// Takes `amount` if that much is free.
    ///
    /// An amount that does not fit is never counted, not even for a moment, because it would keep out another that
    /// does.
    /// - Returns: false if it is not, and nothing is taken.
    @inlinable public func tryTake(_ amount: Int = 1) -> Bool {
        var count = taken.load(ordering: .sequentiallyConsistent)
        while count + amount <= limit {
            let (isTaken, current) = taken.weakCompareExchange(
                expected: count, desired: count + amount, ordering: .sequentiallyConsistent)
            if isTaken { return true }
            count = current
        }
        return false
    }

    /// Takes `amount` whether or not it is free.
    /// - Returns: whether the limit still holds; false if more than the limit is taken now.
    @discardableResult
    public func take(_ amount: Int = 1) -> Bool {
        taken.add(amount, ordering: .sequentiallyConsistent).newValue <= limit
    }

    /// Returns what ``tryTake(_:)`` or ``take(_:)`` took.
    @inlinable public func giveBack(_ amount: Int = 1) {
        let rest = taken.subtract(amount, ordering: .sequentiallyConsistent).newValue
        precondition(rest >= 0, "only what was taken is given back")
    }
}
