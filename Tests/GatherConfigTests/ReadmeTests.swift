import Gather
import GatherConfig
import Rehearsal
import Testing

@Suite struct ReadmeTests {
    /// A file with an unknown key in every mapping whose keys are known.
    private static let unknownKeys = """
        version: 1
        qqqqqqqqqqqqqqqqqqqq: 1
        server: { access: { qqqqqqqqqqqqqqqqqqqq: 1, api_keys: { qqqqqqqqqqqqqqqqqqqq: 1, file: a },
                            jwt: { qqqqqqqqqqqqqqqqqqqq: 1, 
                            keys: { qqqqqqqqqqqqqqqqqqqq: 1, secret: 12345678901234567890123456789012 },
                            from: { qqqqqqqqqqqqqqqqqqqq: 1, header: X-A }, algorithms: [HS256] } },
                  qqqqqqqqqqqqqqqqqqqq: 1, limits: { qqqqqqqqqqqqqqqqqqqq: 1 }, timeouts: { qqqqqqqqqqqqqqqqqqqq: 1 },
                  cors: { origins: [], qqqqqqqqqqqqqqqqqqqq: 1 }, rate_limit: { requests: 1, qqqqqqqqqqqqqqqqqqqq: 1 } }
        traces: { qqqqqqqqqqqqqqqqqqqq: 1 }
        demo: { qqqqqqqqqqqqqqqqqqqq: 1, shop: { qqqqqqqqqqqqqqqqqqqq: 1, latency: { qqqqqqqqqqqqqqqqqqqq: 1 } } }
        upstreams:
          a: { hosts: [http://h], qqqqqqqqqqqqqqqqqqqq: 1, queue: { qqqqqqqqqqqqqqqqqqqq: 1 },
               retry: { qqqqqqqqqqqqqqqqqqqq: 1 }, breaker: { qqqqqqqqqqqqqqqqqqqq: 1 },
               eject: { qqqqqqqqqqqqqqqqqqqq: 1 }, health: { path: /, qqqqqqqqqqqqqqqqqqqq: 1 },
               warm_up: { path: /, qqqqqqqqqqqqqqqqqqqq: 1 }, hedge: { qqqqqqqqqqqqqqqqqqqq: 1, after: 1ms } }
        endpoints:
          - path: /x
            qqqqqqqqqqqqqqqqqqqq: 1
            gather: { qqqqqqqqqqqqqqqqqqqq: 1, quorum: 1 }
            calls: { a: { get: "a:/", qqqqqqqqqqqqqqqqqqqq: 1 } }
            tests:
              - name: x
                qqqqqqqqqqqqqqqqqqqq: 1
                request: { qqqqqqqqqqqqqqqqqqqq: 1 }
                calls: { a: { qqqqqqqqqqqqqqqqqqqq: 1 } }
                expect: { status: 200, qqqqqqqqqqqqqqqqqqqq: 1 }
          - { path: /y, proxy: "a:/", qqqqqqqqqqqqqqqqqqqq: 1 }
        """

    @Test func `the reference names every key`() throws {
        let readme = try GivenFile.text("README.md")
        let found = errors(in: Self.unknownKeys)
        #expect(found.count == 31)
        for error in found {
            let keys = try #require(error.split(separator: "use one of: ").last).split(separator: ", ")
            let section = try #require(error.split(separator: ": ").dropFirst().first).split(separator: ".").dropLast()
                .last
            for key in keys {
                let spellings = ["`\(key)`", "`\(key).", "`\(section ?? "").\(key)`"]
                let isNamed = spellings.contains { readme.contains($0) }
                #expect(isNamed, "\(section ?? "").\(key)")
            }
        }
    }

    @Test func `the reference explains every outcome`() throws {
        let readme = try GivenFile.text("README.md")
        let section = try #require(readme.split(separator: "\n## Outcomes\n").last?.split(separator: "\n## ").first)
        let rows = section.split(separator: "\n").filter { $0.hasPrefix("| `") }
        #expect(rows.map { String($0.split(separator: "`")[1]) } == Outcome.allCases.map(\.rawValue))
    }

    @Test func `the reference's first example is read without warnings`() throws {
        let readme = try GivenFile.text("README.md")
        let example = try #require(readme.split(separator: "```yaml\n").dropFirst().first).split(separator: "```")[0]
        #expect(try read(String(example)).warnings == [])
    }

    @Test func `the reference shows the plan that is printed`() throws {
        let plan = try Configuration.read(file: GivenFile.path("gatherd.yaml"), environment: [:]).plan
        let text = PlanGraph(plan.endpoints[0], of: plan).text
        #expect(try GivenFile.text("README.md").contains("```\n\(text)```"))
    }
}
