import Synchronization

/// A limit that all loops of a process keep to together: how much of it is taken, as one atomic count.
///
/// A place that is free anywhere can be taken by any loop, whichever loop gave it back. Taking and giving back cost one atomic
/// addition each, and no lock. Ordering is relaxed: the count guards no other memory.
public final class SharedLimit: Sendable {
    public let limit: Int
    private let taken = Atomic<Int>(0)

    public init(_ limit: Int) { self.limit = limit }

    /// How much is taken at this moment, by all loops.
    public var count: Int { taken.load(ordering: .relaxed) }

    /// Takes `amount` if that much is free.
    /// - Returns: false if it is not, and nothing is taken.
    public func tryTake(_ amount: Int = 1) -> Bool {
        if taken.add(amount, ordering: .relaxed).newValue <= limit { return true }
        taken.subtract(amount, ordering: .relaxed)
        return false
    }

    /// Takes `amount` whether or not it is free.
    /// - Returns: whether the limit still holds; false if more than the limit is taken now.
    @discardableResult
    public func take(_ amount: Int = 1) -> Bool { taken.add(amount, ordering: .relaxed).newValue <= limit }

    /// Gives back what ``tryTake(_:)`` or ``take(_:)`` took.
    public func giveBack(_ amount: Int = 1) {
        let rest = taken.subtract(amount, ordering: .relaxed).newValue
        precondition(rest >= 0, "only what was taken is given back")
    }
}
