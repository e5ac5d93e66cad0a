import Gather
import GatherConfig
import HTTPTypes
import Testing

/// What upstreams, endpoints and calls are like where they say nothing.
@Suite struct DefaultsTests {
    private func read(_ defaults: String, upstream: String = "", _ endpoint: String) throws -> Plan {
        try Configuration.read(
            text: """
                version: 1
                defaults: { \(defaults) }
                upstreams: { up: { hosts: [http://h], \(upstream) } }
                endpoints: [{ path: /a, \(endpoint) }]
                """, file: "x.yaml"
        ).plan
    }

    @Test func `a default is used where nothing else is said`() throws {
        let defaults = "upstreams: { timeout: 3s }, endpoints: { deadline: 4s }, calls: { timeout: 50ms }"
        let plan = try read(defaults, #"calls: { a: { get: "up:/a" }, b: { get: "up:/b", timeout: 60ms } }"#)
        #expect(plan.upstreams[0].timeout == .seconds(3))
        #expect(plan.endpoints[0].deadline == .seconds(4))
        #expect(plan.endpoints[0].calls.map(\.timeout) == [.milliseconds(50), .milliseconds(60)])
        let other = try read(defaults, upstream: "timeout: 1s", #"deadline: 2s, calls: { a: { get: "up:/a" } }"#)
        #expect(other.upstreams[0].timeout == .seconds(1))
        #expect(other.endpoints[0].deadline == .seconds(2))
    }

    @Test func `a default that a call cannot have is not used for it`() throws {
        let plan = try read(
            "calls: { on_error: [], stale_for: 1m, max_parallel: 2, max_items: 3, on_item_error: omit }",
            """
            calls: {
              a: { get: "up:/a" },
              b: { get: "up:/b", required: false },
              c: { post: "up:/c" },
              d: { get: "up:/d", forward_headers: [cookie] },
              e: { get: "up:/e?id={item}", foreach: "{a.list}" } }
            """)
        let calls = plan.endpoints[0].calls
        #expect(
            calls.map { if case .json(let json) = $0.fallback { json == Array("[]".utf8) } else { false } } == [
                false, true, false, false, false,
            ])
        #expect(calls.map { $0.staleFor != nil } == [true, true, false, false, true])
        #expect(calls.map { $0.foreach?.maxParallel } == [nil, nil, nil, nil, 2])
    }

    @Test func `what all calls are like by default may be optional`() throws {
        let plan = try read("calls: { required: false, on_error: omit }", #"calls: { a: { get: "up:/a" } }"#)
        #expect(!plan.endpoints[0].calls[0].isRequired)
        if case .omit = plan.endpoints[0].calls[0].fallback {} else { Issue.record("the fallback") }
    }

    @Test(arguments: [
        ("forward_headers: [D]", "", "", "", ["D"]), ("forward_headers: [D]", "forward_headers: [U]", "", "", ["U"]),
        ("forward_headers: [D]", "forward_headers: [U]", "forward_headers: [E],", "", ["E"]),
        ("forward_headers: [D]", "forward_headers: [U]", "forward_headers: [E],", ", forward_headers: [C]", ["C"]),
        ("forward_headers: [D]", "", "", ", forward_headers: []", []),
    ])
    func `fields are sent on as the nearest place says`(
        defaults: String, upstream: String, endpoint: String, call: String, names: [String]
    ) throws {
        let plan = try read(
            "calls: { \(defaults) }", upstream: upstream, "\(endpoint) calls: { a: { get: \"up:/a\"\(call) } }")
        #expect(plan.endpoints[0].calls[0].forwardHeaders.map(\.rawName) == names)
    }

    @Test func `the fields of a call, its upstream and the defaults stand side by side, the nearest first`() throws {
        let plan = try read(
            "calls: { headers: { X-A: d, X-B: d, X-C: d }, forward_headers: [x-a, X-Own] }",
            upstream: #"headers: { X-A: u, x-b: "{request.id}" }"#,
            #"calls: { a: { get: "up:/a", headers: { X-A: c } } }"#)
        let call = plan.endpoints[0].calls[0]
        #expect(call.headers.map(\.name.rawName) == ["X-A", "x-b", "X-C"])
        #expect(call.headers.map(\.value.literal) == ["c", nil, "d"])
        #expect(call.forwardHeaders.map(\.rawName) == ["X-Own"])
    }

    @Test func `a proxy has its defaults, and what its upstream says`() throws {
        let plan = try read(
            "endpoints: { stall: 3s, deadline: 1s, forward_query: [d] }",
            upstream: "headers: { X-Key: k }, forward_query: [u]", #"proxy: "up:/b", timeout: 2s"#)
        let proxy = plan.proxies[0]
        #expect(proxy.stall == .seconds(3))
        #expect(proxy.timeout == .seconds(2))
        #expect(proxy.headers.map(\.value.literal) == ["k"])
        #expect(proxy.forwardedQuery.names == ["u"])
    }

    @Test func `an error in a default is told once, where it stands`() {
        let text = """
            version: 1
            defaults:
              calls: { timeout: fast, tiemout: 1s }
              endpoints: { calls: {} }
            upstreams: { up: { hosts: [http://h] } }
            endpoints:
              - { path: /a, calls: { a: { get: "up:/a" }, b: { get: "up:/b" } } }
            """
        let messages = errors(in: text)
        #expect(messages.count == 3, "\(messages)")
        #expect(messages[0].hasPrefix("x.yaml:3:21: defaults.calls.timeout: expected a duration"), "\(messages)")
        #expect(
            messages[1].hasPrefix("x.yaml:3:27: defaults.calls.tiemout: unknown key 'tiemout'; did you mean 'timeout'?")
        )
        #expect(messages[2].hasPrefix("x.yaml:4:16: defaults.endpoints.calls: unknown key 'calls'"))
    }

    @Test func `a difference in a default is one of what it is for`() throws {
        func configuration(_ deadline: String) throws -> Configuration {
            try Configuration.read(
                text: """
                    version: 1
                    defaults: { endpoints: { deadline: \(deadline) } }
                    upstreams: { up: { hosts: [http://h] } }
                    endpoints: [{ path: /a, calls: { a: { get: "up:/a" } } }]
                    """, file: "x.yaml")
        }
        let changes = try configuration("2s").changes(from: try configuration("1s"))
        #expect(changes.map(\.description) == ["~ endpoint GET /a: deadline: 1s → 2s"])
    }
}
