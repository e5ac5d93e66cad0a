/// Every task of a loop on virtual time waits, and for nothing that a timer could bring.
public struct Deadlock: Error, Equatable, Sendable, CustomStringConvertible {
    /// The names of the tasks that wait for something of the loop, in alphabetical order.
    public let waiting: [String]
    /// The names of the tasks that wait for something else, of which virtual time knows nothing: `Task.sleep`, another
    /// actor, a continuation that another thread resumes. Empty where it cannot be told.
    public let outside: [String]

    public init(waiting: [String], outside: [String] = []) {
        self.waiting = waiting
        self.outside = outside
    }

    public var description: String {
        var text = "deadlock: no task is runnable and no timer is pending"
        if !waiting.isEmpty { text += "; waiting: \(waiting.joined(separator: ", "))" }
        if !outside.isEmpty {
            text +=
                "; waiting outside the loop, where virtual time does not reach (Task.sleep in place of loop.sleep?): "
            text += outside.joined(separator: ", ")
        }
        return text
    }
}
