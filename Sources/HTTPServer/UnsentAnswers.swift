/// The answers that wait for one loop's clients to take them, in bytes.
///
/// An answer that is ready costs no place anywhere, so this is what bounds the memory that clients cost which read slowly: beyond
/// the limit, the one that has waited longest is cut off. The one whose answer is added never is, so that a single answer may
/// be larger than the limit.
struct UnsentAnswers {
    private struct Answer {
        let connection: Connection
        let number: Int
        var bytes: Int
    }

    private let limit: Int
    private(set) var bytes = 0
    private var answers: [ObjectIdentifier: Answer] = [:]
    /// How many answers have begun to wait.
    private var count = 0

    init(limit: Int) { self.limit = limit }

    /// Adds bytes that a connection has to send.
    ///
    /// - Complexity: O(1); at the limit O(*n*) for each client that is cut off.
    mutating func add(_ bytes: Int, for connection: Connection) {
        guard bytes > 0 else { return }
        let key = ObjectIdentifier(connection)
        if answers[key] == nil {
            count += 1
            answers[key] = Answer(connection: connection, number: count, bytes: 0)
        }
        answers[key]?.bytes += bytes
        self.bytes += bytes
        while self.bytes > limit, let oldest = longestWaiting(beside: key) {
            removeAll(of: oldest)
            oldest.cut()
        }
    }

    /// Takes note that bytes were sent; of no effect for a connection that was cut off.
    mutating func remove(_ bytes: Int, of connection: Connection) {
        guard let answer = answers[ObjectIdentifier(connection)] else { return }
        guard answer.bytes > bytes else { return removeAll(of: connection) }
        answers[ObjectIdentifier(connection)]?.bytes -= bytes
        self.bytes -= bytes
    }

    /// Takes note that an answer has ended.
    mutating func removeAll(of connection: Connection) {
        guard !answers.isEmpty, let answer = answers.removeValue(forKey: ObjectIdentifier(connection)) else { return }
        bytes -= answer.bytes
    }

    private func longestWaiting(beside key: ObjectIdentifier) -> Connection? {
        answers.filter { $0.key != key }.min { $0.value.number < $1.value.number }?.value.connection
    }
}
