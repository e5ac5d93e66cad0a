extension EventLoop {
    /// Runs the operations side by side and returns their results in the order of the arguments.
    ///
    /// The first error cancels the others and is thrown when they have ended; so does cancelling the caller.
    ///
    /// ```swift
    /// let (user, news) = try await loop.gather({ try await fetchUser() }, { try await fetchNews() })
    /// ```
    /// - Throws: the first error in time.
    @discardableResult
    public func gather<each Value>(
        _ operations: repeat @escaping () async throws -> each Value
    ) async throws -> (repeat each Value) {
        let scope = TaskScope(.all, reactor)
        let tasks = (repeat spawn(in: scope, each operations))
        await scope.waitForAll()
        if let error = scope.failure { throw error }
        return (repeat try (each tasks).outcome.get())
    }

    /// Runs the operation for each element side by side, and returns the results in the order of the elements.
    ///
    /// It works as for a fixed number of operations. To limit how many run at once, use ``map(_:atMost:_:)``.
    /// - Throws: the first error in time.
    @discardableResult
    public func gather<Elements: Collection, Value>(
        _ elements: Elements, _ operation: @escaping (Elements.Element) async throws -> Value
    ) async throws -> [Value] {
        let scope = TaskScope(.all, reactor)
        let tasks = elements.map { element in spawn(in: scope) { try await operation(element) } }
        await scope.waitForAll()
        if let error = scope.failure { throw error }
        return try tasks.map { try $0.outcome.get() }
    }

    /// Runs all operations side by side to their ends, and returns what each returned or threw: asyncio's
    /// `gather(…, return_exceptions=True)`.
    ///
    /// An error cancels nothing. Cancelling the caller cancels all, and their `CancellationError`s are among the
    /// results.
    public func gatherResults<each Value>(
        _ operations: repeat @escaping () async throws -> each Value
    ) async -> (repeat Result<each Value, any Error>) {
        let scope = TaskScope(.none, reactor)
        let tasks = (repeat spawn(in: scope, each operations))
        await scope.waitForAll()
        return (repeat (each tasks).outcome)
    }

    /// The same for each element of a collection.
    public func gatherResults<Elements: Collection, Value>(
        _ elements: Elements, _ operation: @escaping (Elements.Element) async throws -> Value
    ) async -> [Result<Value, any Error>] {
        let scope = TaskScope(.none, reactor)
        let tasks = elements.map { element in spawn(in: scope) { try await operation(element) } }
        await scope.waitForAll()
        return tasks.map(\.outcome)
    }

    /// Runs the operation for each element, at most `limit` at once, and returns the results in the order of the
    /// elements.
    ///
    /// The first error cancels the running operations, prevents further ones from starting, and is thrown.
    /// - Throws: the first error in time.
    @discardableResult
    public func map<Elements: Collection, Value>(
        _ elements: Elements, atMost limit: Int, _ operation: @escaping (Elements.Element) async throws -> Value
    ) async throws -> [Value] {
        precondition(limit > 0, "at least one element at once")
        let queue = ElementQueue<Elements, Value>(elements)
        let scope = TaskScope(.all, reactor)
        for _ in 0..<min(limit, elements.count) {
            spawn(in: scope) {
                while let (place, element) = queue.next() {
                    try Task.checkCancellation()
                    queue.results[place] = try await operation(element)
                }
            }
        }
        await scope.waitForAll()
        if let error = scope.failure { throw error }
        return queue.results.compactMap(\.self)
    }
}

/// The elements that ``EventLoop/map(_:atMost:_:)`` has not begun, and the results it has.
private final class ElementQueue<Elements: Collection, Value> {
    private let elements: Elements
    private var index: Elements.Index
    private var place = 0
    var results: [Value?]

    init(_ elements: Elements) {
        self.elements = elements
        index = elements.startIndex
        results = Array(repeating: nil, count: elements.count)
    }

    func next() -> (place: Int, Elements.Element)? {
        guard index < elements.endIndex else { return nil }
        defer {
            elements.formIndex(after: &index)
            place += 1
        }
        return (place, elements[index])
    }
}
