import Gather
import GatherConfig
import Testing

@testable import Rehearsal

@Suite struct PlanGraphTests {
    private func graph(_ endpoint: String, upstreams: String = "shop: { hosts: [http://a] }") throws -> PlanGraph {
        let plan = try plan(endpoint, upstreams: upstreams)
        return PlanGraph(plan.endpoints[0], of: plan)
    }

    private static let diamond = """
        deadline: 800ms
        gather: settled
        calls:
          a: { get: "shop:/a/{path.id}" }
          b: { get: "shop:/b/{a.id}", timeout: 80ms, required: false }
          c: { get: "shop:/c/{a.id}", timeout: 300ms }
          d: { get: "shop:/d/{a.id}/{b.id}/{c.id}" }
          e: { get: "pay:/e" }
        """
    private static let both = "{ shop: { hosts: [http://a], timeout: 500ms }, pay: { hosts: [http://b] } }"

    private func diamond() throws -> PlanGraph {
        let text =
            "version: 1\nupstreams: \(Self.both)\nendpoints:\n  - path: /x/{id}\n"
            + Self.diamond.split(separator: "\n").map { "    \($0)\n" }.joined()
        let plan = try Configuration.read(text: text, file: "x.yaml").plan
        return PlanGraph(plan.endpoints[0], of: plan)
    }

    @Test func `a call alone is a tree`() throws {
        #expect(
            try graph(single).text == """
                GET /x/{id}
                gather all, deadline 2s, 1 call in 1 level

                call  upstream  timeout  attempts            waits for
                a     shop      1.5s     1         required

                critical path: a 1.5s
                worst case: 1.5s, 1 attempt

                """)
    }

    @Test func `a call stands below the one that it waits for last`() throws {
        #expect(
            try diamond().text == """
                GET /x/{id}
                gather settled, deadline 800ms, 5 calls in 3 levels

                call     upstream  timeout  attempts            waits for
                a        shop      500ms    1         required
                ├─ b     shop      80ms     1         optional  a
                └─ c     shop      300ms    1         required  a
                   └─ d  shop      500ms    1         required  a, b, c
                e        pay       800ms    1         required

                critical path: a 500ms → c 300ms → d 500ms = 1.3s
                  more than the deadline by 500ms: its last calls may get less than their timeouts
                worst case: 800ms, 5 attempts

                """)
    }

    @Test func `retries and hedges add attempts and time to what is safe to repeat`() throws {
        let graph = try graph(
            """
            calls:
              a: { get: "shop:/a/{path.id}" }
              b: { post: "shop:/b/{a.id}" }
            """,
            upstreams:
                "shop: { hosts: [http://a], timeout: 100ms, hedge: { after: 20ms }, retry: { attempts: 3, backoff: 30ms } }"
        )
        #expect(graph.nodes.map(\.attempts) == [9, 3])
        // Three attempts, and waits of 30 and 60 ms between them.
        #expect(graph.nodes.map(\.longest) == [.milliseconds(390), .milliseconds(390)])
        #expect(graph.text.contains("a     shop      100ms    9         required"))
        #expect(graph.text.hasSuffix("worst case: 780ms, 12 attempts\n"))
    }

    @Test func `lists, conditions, old bodies and the policy are told`() throws {
        let graph = try graph(
            """
            gather: { quorum: 2 }
            calls:
              a: { get: "shop:/a/{path.id}", stale_for: 5m }
              b: { foreach: "{a.items}", max_parallel: 4, max_items: 10, get: "shop:/b/{item}", timeout: 100ms }
              c: { get: "shop:/c", when: "{query.full}" }
            """)
        #expect(
            graph.text == """
                GET /x/{id}
                gather 2 successes of b, c, deadline 2s, 3 calls in 2 levels

                call  upstream  timeout  attempts            waits for
                a     shop      1.5s     1         optional
                └─ b  shop      100ms    10        optional  a
                c     shop      1.5s     1         optional

                a: if it fails, as it was up to 5m ago
                b: for each of {a.items}, 4 at once, at most 10
                c: only when {query.full}

                critical path: a 1.5s → b 300ms = 1.8s
                worst case: 1.8s, 12 attempts

                """)
    }

    @Test(arguments: [(", max_wait: 50ms", "for which an attempt waits up to 50ms", 330), ("", "without waiting", 230)])
    func `an upstream's rate limit is told, and its longest wait counts for each attempt`(
        wait: String, told: String, longest: Int
    ) throws {
        let graph = try graph(
            """
            calls:
              a: { get: "shop:/a/{path.id}" }
              b: { get: "shop:/b" }
            """,
            upstreams: """
                shop: { hosts: [http://a], timeout: 100ms, retry: { backoff: 30ms }, rate_limit: { requests: 20\(wait) } }
                """)
        #expect(graph.nodes.map(\.longest) == Array(repeating: .milliseconds(longest), count: 2))
        #expect(graph.text.contains("\n\nshop: at most 20 in 1 s, \(told)\n\ncritical path: "))
    }

    @Test func `a summary is one line`() throws {
        #expect(try diamond().summary == "GET /x/{id}: 5 calls, deadline 800ms, critical path a → c → d")
    }

    @Test func `DOT has nodes, edges and the critical path`() throws {
        #expect(
            try diamond().dot == #"""
                digraph "GET /x/{id}" {
                  rankdir=LR;
                  node [shape=box, style=rounded];
                  "a" [label="a\nshop 500ms", penwidth=2];
                  "b" [label="b\nshop 80ms, optional", style="rounded,dashed"];
                  "c" [label="c\nshop 300ms", penwidth=2];
                  "d" [label="d\nshop 500ms", penwidth=2];
                  "e" [label="e\npay 800ms"];
                  "a" -> "b";
                  "a" -> "c" [penwidth=2];
                  "a" -> "d";
                  "b" -> "d";
                  "c" -> "d" [penwidth=2];
                }

                """#)
    }

    @Test func `the picture is well-formed and has every call and edge`() throws {
        let svg = try diamond().svg
        #expect(svg.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\""))
        #expect(svg.count(of: "<rect class=\"box") == 5)
        #expect(svg.count(of: "<path class=\"edge") == 5)
        #expect(svg.count(of: "<path class=\"edge critical\"") == 2)
        #expect(svg.count(of: "<rect class=\"box critical\"") == 3)
        #expect(svg.count(of: "optional\" x=") == 1)
        #expect(isWellFormed(svg))
    }

    @Test func `what could be markup is escaped`() throws {
        let plan = try Configuration.read(
            text: """
                version: 1
                upstreams: { shop: { hosts: [http://a] } }
                endpoints: [{ path: /a&b, calls: { a: { get: "shop:/" } } }]
                """, file: "x.yaml"
        ).plan
        let svg = PlanGraph(plan.endpoints[0], of: plan).svg
        #expect(svg.contains("<title>GET /a&amp;b</title>"))
        #expect(isWellFormed(svg))
    }

    @Test func `nothing that combines with a quote, a bracket or a line break keeps it from being escaped`() throws {
        var plan = try plan(single)
        plan.upstreams[0].name = "\u{600}\"\u{338}\u{600}<\u{338}\r\n"
        let graph = PlanGraph(plan.endpoints[0], of: plan)
        #expect(graph.dot.contains("\\n\u{600}\\\"\u{338}\u{600}<\u{338}\r\\n 1.5s\""))
        #expect(graph.svg.contains(">\u{600}&quot;\u{338}\u{600}&lt;\u{338}\r\n 1.5s</text>"))
    }

    // MARK: Layout

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `boxes do not overlap, and edges go from left to right and through no box`(seed: UInt64) {
        var generator = Draws(state: seed)
        let count = Int.random(in: 1...24, using: &generator)
        var inputs: [[Int]] = []
        var levels: [Int] = []
        for call in 0..<count {
            let needed = (0..<call).filter { _ in Int.random(in: 0..<6, using: &generator) == 0 }
            inputs.append(needed)
            levels.append((needed.map { levels[$0] }.max() ?? -1) + 1)
        }
        let layout = GraphLayout(levels: levels, inputs: inputs, widths: (0..<count).map { Double(60 + $0 * 5) })
        #expect(layout.boxes.count == count)
        for (index, box) in layout.boxes.enumerated() {
            #expect(
                box.x >= 0 && box.y >= 0 && box.x + box.width <= layout.width && box.y + box.height <= layout.height)
            for other in layout.boxes.dropFirst(index + 1) {
                let apart =
                    box.x + box.width < other.x || other.x + other.width < box.x || box.y + box.height < other.y
                    || other.y + other.height < box.y
                #expect(apart)
            }
        }
        #expect(layout.edges.count == inputs.reduce(0) { $0 + $1.count })
        for edge in layout.edges {
            #expect(edge.points.first?.x == layout.boxes[edge.from].x + layout.boxes[edge.from].width)
            #expect(edge.points.last?.x == layout.boxes[edge.to].x)
            for (start, end) in zip(edge.points, edge.points.dropFirst()) {
                #expect(start.x < end.x)
                // Within a column an edge is level.
                for box in layout.boxes where start.y == end.y && start.x >= box.x && end.x <= box.x + box.width {
                    #expect(start.y < box.y || start.y > box.y + box.height)
                }
            }
        }
    }

    @Test func `the order of a column follows its neighbours`() {
        // 0 and 1 feed 3 and 2: in the order of the file these would cross.
        let layout = GraphLayout(levels: [0, 0, 1, 1], inputs: [[], [], [1], [0]], widths: [50, 50, 50, 50])
        #expect((layout.boxes[0].y < layout.boxes[1].y) == (layout.boxes[3].y < layout.boxes[2].y))
    }

    /// Whether every element ends where it must.
    private func isWellFormed(_ text: String) -> Bool {
        var open: [Substring] = []
        for piece in text.split(separator: "<").dropFirst(text.hasPrefix("<") ? 0 : 1) {
            guard let end = piece.firstIndex(of: ">"), !piece[piece.index(after: end)...].contains(">") else {
                return false
            }
            let tag = piece[..<end]
            let name = tag.drop { $0 == "/" }.prefix { $0.isLetter }
            if tag.hasPrefix("/") {
                guard open.popLast() == name else { return false }
            } else if !tag.hasSuffix("/") {
                open.append(name)
            }
            if tag.count(where: { $0 == "\"" }) % 2 != 0 { return false }
        }
        return open.isEmpty
    }

    private struct Draws: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }
}

extension String {
    fileprivate func count(of part: String) -> Int { ranges(of: part).count }
}
