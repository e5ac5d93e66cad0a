/// Every task of a loop on virtual time waits, and no timer could wake any of them.
public struct Deadlock: Error, Equatable, Sendable, CustomStringConvertible {
    /// The names of the tasks that wait for something on the loop, in alphabetical order.
    public let waiting: [String]
    /// The names of the tasks that wait for something outside virtual time: `Task.sleep`, another actor, a continuation
    /// that another thread resumes. Empty if they cannot be determined.
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
