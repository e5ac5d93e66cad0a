import EventLoop
import Testing

@testable import Gather

@Suite struct CallGraphTests {
    @Test func `a reference in target, header or body is an edge, and only once`() throws {
        var given = try Given([
            "d": "/d?x={b.x}&y={b.y}", "a": "/a/{path.id}", "b": "/b", "c": "/c", "e": "/e/{query.q ?? 1}",
        ])
        given["c"].headers = [(.accept, try TextTemplate("{a.type}", in: given.scope))]
        given["d"].body = try given.object(["x": "{c}", "z": "{body.z}"])
        let graph = try given.endpoint().graph
        #expect(graph.inputs == [[2, 3], [], [], [1], []])
        #expect(graph.dependents == [[], [3], [0], [0], []])
        #expect(graph.roots == [1, 2, 4])
        #expect(graph.order == [1, 2, 4, 3, 0])
    }

    @Test(
        "A cycle is found and told with its path",
        arguments: [
            ([[0]], [0, 0]),
            ([[1], [0]], [0, 1, 0]),
            ([[], [0, 2], [3], [1]], [1, 2, 3, 1]),
            // The way into a cycle is not part of it.
            ([[1], [2], [1]], [1, 2, 1]),
            ([[], [0], [0, 1], [2, 5], [3], [4]], [3, 5, 4, 3]),
        ])
    func cycles(_ inputs: [[Int]], _ cycle: [Int]) {
        let error = #expect(throws: CallGraph.Cycle.self) { try CallGraph(inputs: inputs) }
        #expect(error?.calls == cycle)
    }

    @Test func `the order has every call behind its inputs, whatever the graph`() throws {
        for seed in 0..<200 {
            var generator = SplitMix64(seed: UInt64(seed))
            let count = Int.random(in: 0...12, using: &generator)
            let names = Array(0..<count).shuffled(using: &generator)
            var inputs = [[Int]](repeating: [], count: count)
            for (place, call) in names.enumerated() {
                inputs[call] = names[..<place].filter { _ in Bool.random(using: &generator) }.sorted()
            }
            let graph = try CallGraph(inputs: inputs)
            #expect(graph.order.sorted() == Array(0..<count))
            let places = Dictionary(uniqueKeysWithValues: graph.order.enumerated().map { ($1, $0) })
            for (call, needed) in inputs.enumerated() {
                for input in needed { #expect((places[input] ?? count) < (places[call] ?? -1)) }
            }
        }
    }

    @Test(
        "The longest chain is that of the greatest sum",
        arguments: [
            ([], [], [], 0),
            ([[]], [5], [0], 5),
            ([[], []], [5, 7], [1], 7),
            // Two ways to the last call, of which the shorter has more calls.
            ([[], [], [1], [0, 2]], [100, 10, 10, 1], [0, 3], 101),
            ([[], [0], [0], [1, 2]], [10, 20, 30, 10], [0, 2, 3], 50),
            ([[], [0]], [0, 0], [0, 1], 0),
        ] as [([[Int]], [Int], [Int], Int)])
    func chains(_ inputs: [[Int]], _ weights: [Int], _ calls: [Int], _ weight: Int) throws {
        let chain = try CallGraph(inputs: inputs).longestChain(weights: weights.map { .milliseconds($0) })
        #expect(chain.calls == calls || weight == 0)
        #expect(chain.weight == .milliseconds(weight))
    }
}
