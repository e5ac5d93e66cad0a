import EventLoop

/// What connections of one loop hold of a limit of bytes that all loops share, and which of them has held some for the longest.
struct HeldBytes {
    private struct Holder {
        let connection: Connection
        let number: Int
        var bytes: Int
    }

    private let limit: SharedLimit
    private(set) var bytes = 0
    private var holders: [ObjectIdentifier: Holder] = [:]
    /// How many have begun to hold bytes.
    private var count = 0

    init(_ limit: SharedLimit) { self.limit = limit }

    /// Whether more than the limit is held, by all loops together.
    var isOver: Bool { limit.count > limit.limit }

    /// Whether others hold some of the limit, on any loop.
    func isHeld(besides connection: Connection) -> Bool {
        limit.count > holders[ObjectIdentifier(connection)]?.bytes ?? 0
    }

    /// Adds bytes that a connection holds from now on.
    mutating func add(_ bytes: Int, for connection: Connection) {
        guard bytes > 0 else { return }
        let key = ObjectIdentifier(connection)
        if holders[key] == nil {
            count += 1
            holders[key] = Holder(connection: connection, number: count, bytes: 0)
        }
        holders[key]?.bytes += bytes
        self.bytes += bytes
        limit.take(bytes)
    }

    /// Takes bytes off what a connection holds; of no effect for one that was made to give up all.
    mutating func remove(_ bytes: Int, of connection: Connection) {
        guard let holder = holders[ObjectIdentifier(connection)] else { return }
        guard holder.bytes > bytes else { return removeAll(of: connection) }
        holders[ObjectIdentifier(connection)]?.bytes -= bytes
        self.bytes -= bytes
        limit.giveBack(bytes)
    }

    mutating func removeAll(of connection: Connection) {
        guard !holders.isEmpty, let holder = holders.removeValue(forKey: ObjectIdentifier(connection)) else { return }
        bytes -= holder.bytes
        limit.giveBack(holder.bytes)
    }

    /// The connection that has held bytes for the longest.
    /// - Complexity: O(*n*).
    func longestHolding(besides connection: Connection?) -> Connection? {
        holders.values.filter { $0.connection !== connection }.min { $0.number < $1.number }?.connection
    }
}
