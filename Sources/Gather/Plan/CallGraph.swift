/// Which call waits for which: the edges are the references between calls.
public struct CallGraph: Sendable {
    /// For each call, the calls it takes values from.
    public let inputs: [[Int]]
    /// For each call, how many those are.
    let inputCounts: [Int]
    /// For each call, the calls that take values from it.
    public let dependents: [[Int]]
    /// The calls that wait for nothing.
    let roots: [Int]

    /// Calls that wait for each other: each takes a value from the next, and the last is the first again.
    public struct Cycle: Error, Equatable {
        public let calls: [Int]
    }

    /// - Throws: ``Cycle`` with the path through it.
    public init(inputs: [[Int]]) throws(Cycle) {
        self.inputs = inputs
        inputCounts = inputs.map(\.count)
        var dependents = [[Int]](repeating: [], count: inputs.count)
        for (call, needed) in inputs.enumerated() {
            for input in needed { dependents[input].append(call) }
        }
        self.dependents = dependents
        roots = inputs.indices.filter { inputs[$0].isEmpty }
        if let cycle = Self.findCycle(inputs) { throw Cycle(calls: cycle) }
    }

    /// The calls in an order in which each comes after its inputs.
    public var order: [Int] {
        var waiting = inputs.map(\.count)
        var order = roots
        var next = 0
        while next < order.count {
            for dependent in dependents[order[next]] {
                waiting[dependent] -= 1
                if waiting[dependent] == 0 { order.append(dependent) }
            }
            next += 1
        }
        return order
    }

    /// The chain of calls with the greatest sum of weights, from a root on; O(calls + edges).
    public func longestChain(weights: [Duration]) -> (calls: [Int], weight: Duration) {
        var best = weights
        var previous = [Int?](repeating: nil, count: inputs.count)
        for call in order {
            for input in inputs[call] where previous[call] == nil || best[input] + weights[call] > best[call] {
                best[call] = best[input] + weights[call]
                previous[call] = input
            }
        }
        guard let last = best.indices.max(by: { best[$0] < best[$1] }) else { return ([], .zero) }
        var chain = [last]
        while let before = chain.last.flatMap({ previous[$0] }) { chain.append(before) }
        return (chain.reversed(), best[last])
    }

    /// Walks along the inputs, depth first, and returns the path from a call back to itself.
    private static func findCycle(_ inputs: [[Int]]) -> [Int]? {
        var isDone = [Bool](repeating: false, count: inputs.count)
        for start in inputs.indices where !isDone[start] {
            var path: [(call: Int, next: Int)] = [(start, 0)]
            while let (call, next) = path.last {
                guard next < inputs[call].count else {
                    isDone[call] = true
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let input = inputs[call][next]
                if let from = path.firstIndex(where: { $0.call == input }) {
                    return path[from...].map(\.call) + [input]
                }
                if !isDone[input] { path.append((input, 0)) }
            }
        }
        return nil
    }
}
