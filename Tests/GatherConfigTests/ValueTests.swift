import Gather
import GatherConfig
import HTTPTypes
import Testing

/// Reads a configuration that has no errors.
func read(_ text: String, environment: [String: String] = [:]) throws -> Configuration {
    try Configuration.read(text: text, file: "x.yaml", environment: environment)
}

/// Reads one endpoint with calls to the upstreams `shop` and `other`.
func readEndpoint(_ text: String, environment: [String: String] = [:]) throws -> Endpoint {
    let head = """
        version: 1
        upstreams:
          shop: { hosts: [http://127.0.0.1:9100] }
          other: { hosts: [http://127.0.0.1:9200] }
        endpoints:

        """
    let lines = text.split(separator: "\n").enumerated().map { ($0 == 0 ? "  - " : "    ") + $1 }
    return try #require(try read(head + lines.joined(separator: "\n"), environment: environment).plan.endpoints.first)
}

@Suite struct ValueTests {
    @Test func `every key of server has its default`() throws {
        let configuration = try read("version: 1\ndemo: {}\n")
        let server = configuration.server
        #expect(server.listen.description == "127.0.0.1:8080")
        #expect(server.admin?.description == "127.0.0.1:9090")
        #expect(server.loops == nil)
        #expect(server.accessLog && server.clientDeadlineHeader == nil)
        #expect(server.disclosure == .outcomes)
        #expect(
            [server.limits.headBytes, server.limits.targetBytes, server.limits.fields, server.limits.bodyBytes]
                == [16384, 8192, 100, 1_048_576])
        #expect(
            [server.limits.connections, server.limits.gathers, server.limits.staleBytes] == [10_000, 1024, 32 << 20])
        #expect(server.limits.lag == .milliseconds(250) && server.limits.unsentBytes == 256 << 20)
        let timeouts = server.timeouts
        #expect(
            [timeouts.head, timeouts.body, timeouts.idle, timeouts.write, timeouts.shutdown]
                == [10, 10, 60, 30, 30].map(Duration.seconds))
        #expect(configuration.demo == DemoSettings())
        #expect(configuration.demo?.endpoints == true && configuration.demo?.shop == nil)
    }

    @Test func `every key of server changes its value`() throws {
        let server = try read(
            """
            version: 1
            server:
              listen: "[::1]:0"
              admin: off
              loops: 4
              access_log: false
              client_deadline_header: X-Patience
              disclose: nothing
              limits: { head: 32KiB, target: 4kB, fields: 7, body: 0B, connections: 8, gathers: 9, lag: 80ms,
                        stale: 1MiB, unsent: 2MiB }
              timeouts: { head: 1s, body: 1.5s, idle: 2m, write: 250ms, shutdown: 1h }
            demo: {}
            """
        ).server
        #expect(server.listen == ListenAddress(host: "::1", port: 0))
        #expect(server.listen.description == "[::1]:0")
        #expect(server.admin == nil)
        #expect(server.loops == 4)
        #expect(!server.accessLog && server.clientDeadlineHeader?.rawName == "X-Patience")
        #expect(server.disclosure == .nothing)
        var limits = ServerSettings.Limits()
        (limits.headBytes, limits.targetBytes, limits.fields) = (32_768, 4000, 7)
        (limits.bodyBytes, limits.connections, limits.gathers, limits.staleBytes) = (0, 8, 9, 1 << 20)
        (limits.lag, limits.unsentBytes) = (.milliseconds(80), 2 << 20)
        #expect(server.limits == limits)
        var timeouts = ServerSettings.Timeouts()
        (timeouts.head, timeouts.body, timeouts.idle) = (.seconds(1), .milliseconds(1500), .seconds(120))
        (timeouts.write, timeouts.shutdown) = (.milliseconds(250), .seconds(3600))
        #expect(server.timeouts == timeouts)
    }

    @Test(
        "An address may leave its host out",
        arguments: [
            ("8081", "127.0.0.1:8081"), (":8081", "0.0.0.0:8081"), ("0", "127.0.0.1:0"), ("[::]:1", "[::]:1"),
            ("h:1", "h:1"),
        ])
    func addresses(_ text: String, _ address: String) throws {
        for key in ["listen", "admin"] {
            let settings = try read("version: 1\nserver: { \(key): '\(text)' }\ndemo: {}\n").server
            #expect((key == "listen" ? settings.listen : settings.admin)?.description == address)
        }
        #expect(try read("version: 1\nserver: { listen: 8081 }\ndemo: {}\n").server.listen.port == 8081)
        #expect(ListenAddress(text)?.description == address)
    }

    @Test(
        "Other texts are not addresses",
        arguments: ["", ":", "h", "h:", ":h", "65536", "-1", "1 2", "::1", "::", "[::1]"])
    func noAddress(_ text: String) { #expect(ListenAddress(text) == nil) }

    @Test func `every key of demo changes its value`() throws {
        let demo = try #require(
            try read(
                "version: 1\ndemo: { endpoints: false, shop: { listen: h:1, latency: { default: 250us, stock: 0ms } } }\n"
            ).demo)
        #expect(!demo.endpoints)
        #expect(demo.shop?.listen == ListenAddress(host: "h", port: 1))
        #expect(demo.shop?.latency == ["default": .microseconds(250), "stock": .zero])
        #expect(try read("version: 1\ndemo: { shop: {} }\n").demo?.shop == ShopSettings())
    }

    @Test func `every key of an upstream has a default and changes its value`() throws {
        let upstreams = try read(
            """
            version: 1
            upstreams:
              plain: { hosts: [http://127.0.0.1:9100] }
              full:
                hosts: ["https://[::1]:8443/api/", unix:/run/x.sock]
                timeout: 3s
                connect_timeout: 30ms
                max_in_flight: 3
                queue: { max: 0, timeout: 0ms }
                max_body: 1MiB
                max_head: 2KiB
                idle_timeout: 5s
                max_connection_age: 10m
                dns: { ttl: 1s }
                http: 2
                tls: { ca: /a/ca.pem, cert: c.pem, key: k.pem, server_name: shop.test, min_version: 1.3 }
            demo: {}
            """
        ).plan.upstreams
        #expect(upstreams.map(\.name) == ["plain", "full"])
        let (plain, full) = (upstreams[0], upstreams[1])
        #expect(plain.hosts.map(\.description) == ["http://127.0.0.1:9100"])
        #expect(
            [plain.timeout, plain.connectTimeout, plain.queueTimeout] == [1500, 1200, 500].map(Duration.milliseconds))
        #expect(
            [plain.maxInFlight, plain.maxQueued, plain.maxBodyBytes, plain.maxHeadBytes] == [
                1024, 1024, 8 << 20, 64 << 10,
            ])
        #expect(full.hosts.map(\.description) == ["https://[::1]:8443/api", "unix:/run/x.sock"])
        #expect([full.timeout, full.connectTimeout, full.queueTimeout] == [3000, 30, 0].map(Duration.milliseconds))
        #expect([full.maxInFlight, full.maxQueued, full.maxBodyBytes, full.maxHeadBytes] == [3, 0, 1 << 20, 2048])
        #expect(plain.connections == ConnectionPolicy())
        var connections = ConnectionPolicy()
        connections.idleTimeout = .seconds(5)
        connections.maxAge = .seconds(600)
        connections.addressTimeToLive = .seconds(1)
        connections.isHTTP2 = true
        (connections.tls.authorities, connections.tls.certificate) = ("/a/ca.pem", "c.pem")
        (connections.tls.key, connections.tls.serverName) = ("k.pem", "shop.test")
        connections.tls.minimumVersion = .tls13
        #expect(full.connections == connections)
    }

    @Test func `what an upstream does about failures is off by default, and each part has defaults`() throws {
        let upstreams = try read(
            """
            version: 1
            upstreams:
              plain: { hosts: [http://h] }
              short: { hosts: [http://h], retry: {}, breaker: {}, eject: {}, health: { path: /h }, warm_up: { path: /w } }
              few: { hosts: [http://h], max_in_flight: 3, warm_up: { path: /w } }
            demo: {}
            """
        ).plan.upstreams
        #expect(upstreams[0].retry == nil && upstreams[0].breaker == nil)
        #expect(upstreams[0].health == nil && !upstreams[0].adaptsLimit)
        #expect(upstreams[1].health == HealthPolicy(path: "/h"))
        #expect(upstreams[0].warmUp == nil && upstreams[1].warmUp == WarmUpPolicy(path: "/w"))
        #expect(upstreams[1].warmUp?.connections == 4 && upstreams[2].warmUp?.connections == 3)
        #expect(!upstreams[0].coalesces && upstreams[0].deadlineHeader == nil)
        #expect(upstreams[0].hedge == nil && upstreams[0].ejection == nil)
        #expect(upstreams[1].ejection?.after == 5 && upstreams[1].ejection?.duration == .seconds(10))
        let retry = try #require(upstreams[1].retry)
        #expect(retry.attempts == 2 && retry.budget == 0.2)
        #expect(
            retry.causes == [
                .timeout, .unreachable, .badResponse, .status(429), .status(502), .status(503), .status(504),
            ])
        #expect(retry.backoff == .milliseconds(25) && retry.maxBackoff == .seconds(1))
        let breaker = try #require(upstreams[1].breaker)
        #expect(breaker.failureRatio == 0.5 && breaker.minCalls == 20 && breaker.halfOpenCalls == 1)
        #expect(breaker.window == .seconds(10) && breaker.openFor == .seconds(5))
    }

    @Test func `every key of what an upstream does about failures changes its value`() throws {
        let upstreams = try read(
            """
            version: 1
            upstreams:
              full:
                hosts: [http://h]
                retry: { attempts: 3, budget: 2.5%, on: [timeout, 500], backoff: 1ms, max_backoff: 2s }
                breaker: { failure_ratio: 0.25, min_calls: 7, window: 3s, open_for: 4s, half_open_calls: 5 }
                eject: { after: 2, for: 3s }
                hedge: { extra_load: 2.5% }
                coalesce: true
                adaptive_limit: true
                health: { path: /h?a=b, interval: 1s, timeout: 2s, unhealthy_after: 3, healthy_after: 4 }
                warm_up: { connections: 64, path: /w?a=b }
                deadline_header: X-Left
              other: { hosts: [http://h], hedge: { after: 40ms, attempts: 5 } }
            demo: {}
            """
        ).plan.upstreams
        let upstream = upstreams[0]
        var health = HealthPolicy(path: "/h?a=b")
        (health.interval, health.timeout) = (.seconds(1), .seconds(2))
        (health.unhealthyAfter, health.healthyAfter) = (3, 4)
        #expect(upstream.health == health && upstream.adaptsLimit)
        var warmUp = WarmUpPolicy(path: "/w?a=b")
        warmUp.connections = 64
        #expect(upstream.warmUp == warmUp)
        #expect(upstream.coalesces && upstream.deadlineHeader?.rawName == "X-Left")
        #expect(upstream.ejection?.after == 2 && upstream.ejection?.duration == .seconds(3))
        var hedge = HedgePolicy(.extraLoad(0.025))
        #expect(upstream.hedge == hedge && hedge.attempts == 3)
        hedge.delay = .after(.milliseconds(40))
        hedge.attempts = 5
        #expect(upstreams[1].hedge == hedge)
        var retry = RetryPolicy()
        (retry.attempts, retry.budget, retry.causes) = (3, 0.025, [.timeout, .status(500)])
        (retry.backoff, retry.maxBackoff) = (.milliseconds(1), .seconds(2))
        #expect(upstream.retry == retry)
        var breaker = BreakerPolicy()
        (breaker.failureRatio, breaker.minCalls, breaker.halfOpenCalls) = (0.25, 7, 5)
        (breaker.window, breaker.openFor) = (.seconds(3), .seconds(4))
        #expect(upstream.breaker == breaker)
    }

    @Test func `every key of an endpoint and a call has its default`() throws {
        let endpoint = try readEndpoint("path: /v1/x\ncalls: { a: { get: \"shop:/a\" } }")
        #expect(endpoint.method == .get && endpoint.path == "/v1/x")
        #expect(endpoint.deadline == .seconds(2) && endpoint.policy == .all)
        #expect(endpoint.passStatus == [] && !endpoint.exposesOutcomes && endpoint.response == nil)
        #expect(endpoint.priority == .normal)
        let call = endpoint.calls[0]
        #expect(call.name == "a" && call.method == .get && call.upstream == 0 && call.target.literal == "/a")
        #expect(call.headers.isEmpty && call.forwardHeaders == [] && call.forwardQuery == [] && call.body == nil)
        #expect(call.isRequired && call.fallback == .null && call.timeout == nil && call.idempotent == nil)
        #expect(call.projection == nil && call.placement == .member)
    }

    @Test func `every key of an endpoint changes its value`() throws {
        let endpoint = try readEndpoint(
            """
            path: /v1/x
            method: PATCH
            deadline: 300ms
            gather: settled
            pass_status: [404, 410]
            expose: outcomes
            priority: low
            calls: { b: { get: "shop:/b" }, a: { get: "shop:/a" } }
            """)
        #expect(endpoint.method == .patch && endpoint.deadline == .milliseconds(300) && endpoint.policy == .settled)
        #expect(endpoint.passStatus == [404, 410] && endpoint.exposesOutcomes && endpoint.priority == .low)
        #expect(endpoint.calls.map(\.name) == ["b", "a"])
    }

    @Test func `every key of a list has a default and changes its value`() throws {
        let calls = try readEndpoint(
            """
            path: /v1/x
            calls:
              a: { get: "shop:/a" }
              b: { get: "shop:/b/{item}", foreach: "{a.list[*].id}" }
              c: { put: "shop:/c", headers: { X-A: "{item.a}" }, foreach: "{body}", key: "k-{item.id}", max_parallel: 2,
                max_items: 3, on_item_error: [] }
              d: { get: "shop:/d/{item}", foreach: "{b}", on_item_error: omit }
            """
        ).calls
        let (b, c) = (try #require(calls[1].foreach), try #require(calls[2].foreach))
        #expect(calls[0].foreach == nil)
        #expect(b.list.text == "a.list[*].id" && b.key == nil && b.fallback == nil)
        #expect((b.maxParallel, b.maxItems) == (8, 100))
        #expect(c.list.source == .body && c.key?.references.map(\.text) == ["item.id"])
        #expect((c.maxParallel, c.maxItems) == (2, 3))
        #expect(c.fallback == .json(Array("[]".utf8)) && calls[3].foreach?.fallback == .omit)
    }

    @Test func `first and quorum change what calls are by default`() throws {
        for (gather, policy) in [("first", Policy.first), ("{ quorum: 2 }", .quorum(2)), ("settled", .settled)] {
            let endpoint = try readEndpoint(
                """
                path: /v1/x
                gather: \(gather)
                calls:
                  a: { get: "shop:/a" }
                  b: { get: "shop:/b", required: true }
                  c: { get: "shop:/c", required: false, on_error: [] }
                """)
            let isCounted = policy != .settled
            #expect(endpoint.policy == policy)
            #expect(endpoint.calls.map(\.isRequired) == [!isCounted, true, false])
            #expect(endpoint.calls[0].fallback == (isCounted ? .omit : .null))
            #expect(endpoint.calls[2].fallback == .json(Array("[]".utf8)))
        }
    }

    @Test func `every key of a call changes its value`() throws {
        let endpoint = try readEndpoint(
            """
            path: /v1/x
            calls:
              a:
                put: "other:/a?x={query.x ?? 1}"
                body: { n: 1 }
                headers: { X-Tenant: "t-{header.X-Tenant}", X-Version: 1 }
                forward_headers: [Accept-Language]
                forward_query: [page]
                when: "{query.full}"
                required: false
                on_error: omit
                timeout: 80ms
                target: items
                allow: [sku]
                group: g
              b: { delete: "shop:/b", required: false, on_error: [1, "{{x}}"], flatten: true, mapping: { a.b: c } }
              c: { post: "shop:/c", deny: [x], idempotent: true }
              d: { get: "shop:/d", stale_for: 5m }
            """)
        let (a, b, c, d) = (endpoint.calls[0], endpoint.calls[1], endpoint.calls[2], endpoint.calls[3])
        #expect(a.method == .put && a.upstream == 1 && a.target.references.map(\.text) == ["query.x"])
        #expect(a.body == .literal(Array(#"{"n":1}"#.utf8)))
        #expect(a.headers.map(\.name.rawName) == ["X-Tenant", "X-Version"])
        #expect(a.headers[0].value.references.map(\.text) == ["header.X-Tenant"] && a.headers[1].value.literal == "1")
        #expect(a.forwardHeaders == [.acceptLanguage] && a.forwardQuery == ["page"])
        #expect(b.staleFor == nil && d.staleFor == .seconds(300))
        #expect(a.condition?.text == "query.full" && b.condition == nil)
        #expect(!a.isRequired && a.fallback == .omit && a.timeout == .milliseconds(80))
        #expect(a.projection != nil && a.placement == .group("g"))
        #expect(b.method == .delete && b.fallback == .json(Array(#"[1,"{x}"]"#.utf8)))
        #expect(b.projection != nil && b.placement == .flatten)
        #expect(c.method == .post && c.projection != nil && c.idempotent == true)
    }

    @Test(arguments: [
        ("1", "1"), ("-0", "-0"), ("007", "7"), ("0x1F", "31"), ("0o17", "15"), ("+5", "5"), ("19.90", "19.90"),
        (".5", "0.5"), ("1.", "1.0"), ("1e3", "1e3"), ("-1.5E-3", "-1.5e-3"), ("true", "true"), ("False", "false"),
        ("~", "null"),
        ("", "null"), ("123456789012345678901234567890", "123456789012345678901234567890"), ("yes", "\"yes\""),
        ("1_000", "\"1_000\""),
        ("1.2.3", "\"1.2.3\""), ("\"1\"", "\"1\""), ("'true'", "\"true\""), ("!!str 1", "\"1\""),
        ("a\u{e9}", "\"a\u{e9}\""),
        ("\"a\\nb\"", "\"a\\nb\""), ("[1, {a: [x]}]", "[1,{\"a\":[\"x\"]}]"), ("{}", "{}"),
    ])
    func `a tree has the values that the YAML core schema gives it`(yaml: String, json: String) throws {
        let endpoint = try readEndpoint("path: /x\ncalls: { a: { post: \"shop:/a\" } }\nresponse: \(yaml)")
        #expect(endpoint.response == .literal(Array(json.utf8)))
    }

    @Test(arguments: [".inf", "-.INF", ".nan", "1e999", "0xFFFFFFFFFFFFFFFFFF"])
    func `a number that JSON cannot write is an error`(yaml: String) {
        #expect(throws: ConfigurationErrors.self) {
            try readEndpoint("path: /x\ncalls: { a: { post: \"shop:/a\" } }\nresponse: \(yaml)")
        }
    }

    @Test func `a reference alone keeps its type, and one among text does not`() throws {
        let endpoint = try readEndpoint(
            """
            path: /x
            calls: { a: { get: "shop:/a" } }
            response: { whole: "{a.n}", text: "n = {a.n}", list: [1, "{a}"] }
            """)
        guard case .object(let members) = endpoint.response else { return #expect(Bool(false), "no object") }
        #expect(members.map(\.name) == ["whole", "text", "list"])
        guard case .reference = members[0].value, case .text = members[1].value,
            case .array(let list) = members[2].value
        else { return #expect(Bool(false), "\(members)") }
        #expect(list[0] == .literal(Array("1".utf8)))
    }
}
