import EventLoop
import Synchronization

/// How many bytes the connections of one loop hold, against a limit that all loops share, and which connection has held
/// some for the longest.
final class HeldBytes {
    private struct Holder {
        let connection: Connection
        let number: Int
        var bytes: Int
    }

    private let limit: SharedLimit
    private let giveUp: (Connection) -> Void
    private(set) var bytes = 0
    /// The same, as other loops see it.
    let published = PublishedCount()
    private var holders: [ObjectIdentifier: Holder] = [:]
    /// How many have begun to hold bytes.
    private var count = 0
    /// Those who have, in that order from ``firstInOrder`` on; many of them no longer hold any.
    private var order: [(key: ObjectIdentifier, number: Int)] = []
    private var firstInOrder = 0

    /// - Parameter giveUp: makes a connection end what it holds bytes for.
    init(_ limit: SharedLimit, giveUp: @escaping (Connection) -> Void) {
        self.limit = limit
        self.giveUp = giveUp
    }

    /// Whether more than the limit is held, by all loops together.
    var isOver: Bool { limit.count > limit.limit }

    /// Whether others hold some of the limit, on any loop.
    func isHeld(besides connection: Connection) -> Bool {
        limit.count > holders[ObjectIdentifier(connection)]?.bytes ?? 0
    }

    /// Adds bytes that a connection holds from now on, and makes others of this loop give up theirs if the limit is
    /// exceeded.
    func add(_ bytes: Int, for connection: Connection) {
        if bytes > 0 {
            let key = ObjectIdentifier(connection)
            if holders[key] == nil {
                count += 1
                holders[key] = Holder(connection: connection, number: count, bytes: 0)
                forgetOthers()
                order.append((key, count))
            }
            holders[key]?.bytes += bytes
            limit.take(bytes)
            change(by: bytes)
        }
        makeRoom(besides: connection)
    }

    /// Takes bytes off what a connection holds; has no effect for one that was made to give up all.
    func remove(_ bytes: Int, of connection: Connection) {
        guard let holder = holders[ObjectIdentifier(connection)] else { return }
        guard holder.bytes > bytes else { return removeAll(of: connection) }
        holders[ObjectIdentifier(connection)]?.bytes -= bytes
        limit.giveBack(bytes)
        change(by: -bytes)
    }

    func removeAll(of connection: Connection) {
        guard bytes > 0, let holder = holders.removeValue(forKey: ObjectIdentifier(connection)) else { return }
        limit.giveBack(holder.bytes)
        change(by: -holder.bytes)
    }

    /// Makes those that have held bytes for the longest give them up, until the limit is met.
    ///
    /// `connection` is spared, so that a single message may be larger than the limit.
    func makeRoom(besides connection: Connection? = nil) {
        while isOver, let oldest = longestHolding(besides: connection) {
            removeAll(of: oldest)
            giveUp(oldest)
        }
    }

    private func longestHolding(besides spared: Connection?) -> Connection? {
        var sparedEntry: (key: ObjectIdentifier, number: Int)?
        defer {
            if let sparedEntry {
                firstInOrder -= 1
                order[firstInOrder] = sparedEntry
            }
        }
        while firstInOrder < order.count {
            let entry = order[firstInOrder]
            let holder = holders[entry.key]
            if let holder, holder.number == entry.number, holder.connection !== spared { return holder.connection }
            if holder?.number == entry.number { sparedEntry = entry }
            firstInOrder += 1
        }
        return nil
    }

    /// Forgets who no longer holds bytes, once that is most of those in ``order``.
    private func forgetOthers() {
        guard order.count >= 2 * holders.count + 64 else { return }
        order = order[firstInOrder...].filter { holders[$0.key]?.number == $0.number }
        firstInOrder = 0
    }

    private func change(by bytes: Int) {
        self.bytes += bytes
        published.value.store(self.bytes, ordering: .relaxed)
    }
}

/// A number of one loop that others may read.
final class PublishedCount: Sendable {
    let value = Atomic<Int>(0)
}
