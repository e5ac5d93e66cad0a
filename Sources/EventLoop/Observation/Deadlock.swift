/// Every task of a loop on virtual time waits, and for nothing that a timer could bring.
public struct Deadlock: Error, Equatable, Sendable, CustomStringConvertible {
    /// The names of the tasks that wait, in alphabetical order.
    public let waiting: [String]

    public init(waiting: [String]) { self.waiting = waiting }

    public var description: String {
        "deadlock: no task is runnable and no timer is pending; waiting: \(waiting.joined(separator: ", "))"
    }
}
