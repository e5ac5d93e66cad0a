import Foundation
import GatherConfig
import Testing

/// That every key of the reference is read, and changes what is served: two files that differ in the key alone are two
/// configurations. What a key does is shown by the tests of the module that does it.
@Suite struct KeyTests {
    /// A key with two values, and what else its mapping needs.
    private struct Sample: Sendable {
        let key: String
        let one: String
        let other: String
        let rest: String
        /// What the mapping around that one needs.
        let around: String

        init(_ key: String, _ one: String, _ other: String, with rest: String = "", _ around: String = "") {
            (self.key, self.one, self.other, self.rest, self.around) = (key, one, other, rest, around)
        }
    }

    /// A secret that is long enough for every algorithm.
    private static let keys = "keys: { secret: \(String(repeating: "s", count: 64)) }"
    private static let secret = "jwt: { \(keys), algorithms: [HS256] }"

    private static let samples: [Sample] = [
        Sample("version", "1", "2"),
        Sample("include", "[a.yaml]", "[b.yaml]"),
        Sample("server", "{ loops: 1 }", "{ loops: 2 }"),
        Sample("defaults", "{ calls: { timeout: 1s } }", "{ calls: { timeout: 1500ms } }"),
        Sample("defaults.upstreams", "{ timeout: 1s }", "{ timeout: 2s }"),
        Sample("defaults.endpoints", "{ deadline: 1s }", "{ deadline: 3s }"),
        Sample("defaults.calls", "{ timeout: 1s }", "{ timeout: 1500ms }"),
        Sample("upstreams", "{ a: { hosts: [http://h] } }", "{ a: { hosts: [http://i] } }"),
        Sample("endpoints", "[]", #"[{ path: /y, calls: { b: { get: "a:/" } } }]"#, with: "demo: {}"),
        Sample("demo", "{}", "{ endpoints: false }"),
        Sample("traces", "{}", "{ sample: 1% }"),

        Sample("server.listen", "8081", "8082"),
        Sample("server.admin", "9091", "off"),
        Sample("server.admin_hosts", "[a.test]", "[b.test]"),
        Sample("server.loops", "1", "auto"),
        Sample("server.access_log", "true", "false"),
        Sample("server.log_slow", "1s", "2s"),
        Sample("server.request_id", "true", "false"),
        Sample("server.client_deadline_header", "X-A", "X-B"),
        Sample("server.disclose", "nothing", "everything"),
        Sample("server.half_close", "cancel", "answer"),
        Sample("server.trailing_slash", "distinct", "same"),
        Sample("server.trusted_proxies", "[10.0.0.0/8]", "[\"::1\"]"),
        Sample("server.trusted_fields", "x_forwarded", "forwarded"),
        Sample("server.proxy_protocol", "true", "[10.0.0.0/8]"),
        Sample("server.rate_limit", "{ requests: 1 }", "{ requests: 2 }"),
        Sample("server.rate_limit.requests", "1", "2"),
        Sample("server.rate_limit.per", "1s", "2s", with: "requests: 1"),
        Sample("server.rate_limit.burst", "1", "2", with: "requests: 1"),
        Sample("server.rate_limit.by", "address", "{ header: X-A }", with: "requests: 1"),
        Sample("server.rate_limit.clients", "10", "20", with: "requests: 1, by: address"),
        Sample("server.access", "{ \(secret) }", "{ \(secret), roles: [a] }"),
        Sample("server.access.jwt", "{ \(keys), algorithms: [HS256] }", "{ \(keys), algorithms: [HS384] }"),
        Sample("server.access.roles", "[a]", "[b]", with: secret),
        Sample("server.access.scopes", "[a]", "{ any: [a] }", with: secret),
        Sample("server.access.jwt.keys", "{ file: a.json }", "{ file: b.json }", with: "algorithms: [RS256]"),
        Sample("server.access.jwt.keys.url", "https://a.test/b", "https://a.test/c", with: "", "algorithms: [RS256]"),
        Sample("server.access.jwt.keys.refresh", "1s", "2s", with: "url: https://a.test/b", "algorithms: [RS256]"),
        Sample("server.access.jwt.keys.cooldown", "1s", "2s", with: "url: https://a.test/b", "algorithms: [RS256]"),
        Sample("server.access.jwt.keys.timeout", "1s", "2s", with: "url: https://a.test/b", "algorithms: [RS256]"),
        Sample("server.access.jwt.keys.ca", "a.pem", "b.pem", with: "url: https://a.test/b", "algorithms: [RS256]"),
        Sample("server.access.jwt.keys.file", "a.pem", "b.pem", with: "", "algorithms: [RS256]"),
        Sample(
            "server.access.jwt.keys.secret", String(repeating: "a", count: 32), String(repeating: "b", count: 32),
            with: "",
            "algorithms: [HS256]"),
        Sample("server.access.jwt.algorithms", "[HS256]", "[HS384]", with: keys),
        Sample("server.access.jwt.issuer", "a", "[a, b]", with: "\(keys), algorithms: [HS256]"),
        Sample("server.access.jwt.audience", "a", "[a, b]", with: "\(keys), algorithms: [HS256]"),
        Sample("server.access.jwt.leeway", "1s", "2s", with: "\(keys), algorithms: [HS256]"),
        Sample("server.access.jwt.require", "[a]", "[a.b]", with: "\(keys), algorithms: [HS256]"),
        Sample("server.access.jwt.from", "{ header: X-A }", "{ cookie: a }", with: "\(keys), algorithms: [HS256]"),
        Sample("server.access.jwt.from.header", "X-A", "X-B", with: "", "\(keys), algorithms: [HS256]"),
        Sample("server.access.jwt.from.cookie", "a", "b", with: "", "\(keys), algorithms: [HS256]"),
        Sample("server.access.jwt.roles_claim", "a", "a.b", with: "\(keys), algorithms: [HS256]"),
        Sample("server.access.jwt.scopes_claim", "a", "a.b", with: "\(keys), algorithms: [HS256]"),
        Sample("server.access.api_keys", "{ file: a }", "{ file: b }"),
        Sample("server.access.api_keys.file", "a", "b"),
        Sample("server.access.api_keys.header", "X-A", "X-B", with: "file: a"),
        Sample("server.access.api_keys.query", "a", "b", with: "file: a"),
        Sample("endpoints.access", "{ \(secret) }", "{ \(secret), scopes: [a] }"),
        Sample("endpoints.public", "true", "false"),
        Sample("server.cors", "{ origins: [http://a.test] }", "{ origins: [http://b.test] }"),
        Sample("server.cors.origins", "[http://a.test]", "[http://b.test]"),
        Sample("server.cors.methods", "[GET]", "[PUT]", with: "origins: [http://a.test]"),
        Sample("server.cors.headers", "[X-A]", "[X-B]", with: "origins: [http://a.test]"),
        Sample("server.cors.expose", "[X-A]", "[X-B]", with: "origins: [http://a.test]"),
        Sample("server.cors.credentials", "true", "false", with: "origins: [http://a.test]"),
        Sample("server.cors.max_age", "1s", "2s", with: "origins: [http://a.test]"),
        Sample("server.security_headers", "true", "false"),
        Sample("server.limits.head", "8KiB", "9KiB"),
        Sample("server.limits.target", "1KiB", "2KiB"),
        Sample("server.limits.fields", "10", "20"),
        Sample("server.limits.body", "1KiB", "2KiB"),
        Sample("server.limits.connections", "10", "20"),
        Sample("server.limits.connections_per_client", "10", "20"),
        Sample("server.limits.gathers", "10", "20"),
        Sample("server.limits.lag", "10ms", "20ms"),
        Sample("server.limits.stale", "1MiB", "2MiB"),
        Sample("server.limits.unsent", "1MiB", "2MiB"),
        Sample("server.limits.unanswered", "1MiB", "2MiB"),
        Sample("server.timeouts.head", "1s", "2s"),
        Sample("server.timeouts.body", "1s", "2s"),
        Sample("server.timeouts.idle", "1s", "2s"),
        Sample("server.timeouts.write", "1s", "2s"),
        Sample("server.timeouts.lame_duck", "1s", "2s"),
        Sample("server.timeouts.shutdown", "1s", "2s"),

        Sample("upstreams.hosts", "[http://h]", "[http://h, http://i]"),
        Sample("upstreams.timeout", "1s", "2s"),
        Sample("upstreams.connect_timeout", "10ms", "20ms"),
        Sample("upstreams.idle_timeout", "1s", "2s"),
        Sample("upstreams.max_connection_age", "1s", "2s"),
        Sample("upstreams.dns.ttl", "1s", "2s"),
        Sample("upstreams.http", "1", "2"),
        Sample("upstreams.tls.ca", "a.pem", "b.pem"),
        Sample("upstreams.tls.cert", "a.pem", "b.pem", with: "key: k.pem"),
        Sample("upstreams.tls.key", "a.pem", "b.pem", with: "cert: c.pem"),
        Sample("upstreams.tls.server_name", "a.test", "b.test"),
        Sample("upstreams.tls.min_version", "1.2", "1.3"),
        Sample("upstreams.max_in_flight", "10", "20"),
        Sample("upstreams.queue.max", "10", "20"),
        Sample("upstreams.queue.timeout", "10ms", "20ms"),
        Sample("upstreams.rate_limit", "{ requests: 1 }", "{ requests: 2 }"),
        Sample("upstreams.rate_limit.requests", "1", "2"),
        Sample("upstreams.rate_limit.per", "1s", "2s", with: "requests: 1"),
        Sample("upstreams.rate_limit.burst", "1", "2", with: "requests: 1"),
        Sample("upstreams.rate_limit.max_wait", "1s", "2s", with: "requests: 1"),
        Sample("upstreams.max_body", "1KiB", "2KiB"),
        Sample("upstreams.max_head", "1KiB", "2KiB"),
        Sample("upstreams.redirects", "1", "2"),
        Sample("upstreams.headers", "{ X-A: b }", "{ X-A: c }"),
        Sample("upstreams.forward_headers", "[X-A]", "[X-B]"),
        Sample("upstreams.forward_query", "[a]", "[b]"),
        Sample("upstreams.trace_headers", "true", "false"),
        // One cause: a set of several is dumped in any order.
        Sample("upstreams.retry", "{ on: [503] }", "{ on: [503], attempts: 3 }"),
        Sample("upstreams.retry.attempts", "2", "3", with: "on: [503]"),
        Sample("upstreams.retry.budget", "10%", "30%", with: "on: [503]"),
        Sample("upstreams.retry.on", "[timeout]", "[503]"),
        Sample("upstreams.retry.backoff", "10ms", "20ms", with: "on: [503]"),
        Sample("upstreams.retry.max_backoff", "2s", "3s", with: "on: [503]"),
        Sample("upstreams.hedge", "{ after: 1ms }", "{ extra_load: 2% }"),
        Sample("upstreams.hedge.after", "1ms", "2ms"),
        Sample("upstreams.hedge.extra_load", "1%", "2%"),
        Sample("upstreams.hedge.attempts", "2", "3", with: "after: 1ms"),
        Sample("upstreams.breaker", "{}", "{ min_calls: 7 }"),
        Sample("upstreams.breaker.failure_ratio", "0.1", "0.2"),
        Sample("upstreams.breaker.min_calls", "1", "2"),
        Sample("upstreams.breaker.window", "1s", "2s"),
        Sample("upstreams.breaker.open_for", "1s", "2s"),
        Sample("upstreams.breaker.half_open_calls", "1", "2"),
        Sample("upstreams.eject", "{}", "{ after: 7 }"),
        Sample("upstreams.eject.after", "1", "2"),
        Sample("upstreams.eject.for", "1s", "2s"),
        Sample("upstreams.health", "{ path: /a }", "{ path: /b }"),
        Sample("upstreams.health.path", "/a", "/b"),
        Sample("upstreams.health.interval", "1s", "2s", with: "path: /a"),
        Sample("upstreams.health.timeout", "10ms", "20ms", with: "path: /a"),
        Sample("upstreams.health.unhealthy_after", "1", "2", with: "path: /a"),
        Sample("upstreams.health.healthy_after", "1", "2", with: "path: /a"),
        Sample("upstreams.warm_up", "{ path: /a }", "{ path: /b }"),
        Sample("upstreams.warm_up.path", "/a", "/b"),
        Sample("upstreams.warm_up.connections", "1", "2", with: "path: /a"),
        Sample("upstreams.adaptive_limit", "true", "false"),
        Sample("upstreams.coalesce", "true", "false"),
        Sample("upstreams.deadline_header", "X-A", "X-B"),

        Sample("endpoints.path", #""/x/{id}""#, #""/y/{id}""#),
        Sample("endpoints.method", "GET", "POST"),
        Sample("endpoints.deadline", "1s", "3s"),
        Sample("endpoints.gather", "first", "settled"),
        Sample("endpoints.calls", #"{ c: { get: "a:/b" } }"#, #"{ c: { get: "a:/d" } }"#),
        Sample("endpoints.response", "{ a: 1 }", "{ a: 2 }"),
        Sample("endpoints.pass_status", "[404]", "[4xx]"),
        Sample("endpoints.pass_body", "true", "false", with: "pass_status: [404]"),
        Sample("endpoints.status", "201", #""{c.status}""#),
        Sample("endpoints.etag", "true", "false"),
        Sample("endpoints.stream", "true", "false"),
        Sample("endpoints.priority", "low", "high"),
        Sample("endpoints.rate_limit", "{ requests: 1 }", "{ requests: 2 }"),
        Sample("endpoints.fields", "{ X-A: b }", "{ X-A: c }"),
        Sample("endpoints.forward_headers", "[X-A]", "[X-B]"),
        Sample("endpoints.forward_query", "[a]", "[b]"),
        Sample("endpoints.expose", "outcomes", ""),
        Sample(
            "endpoints.tests", "[{ name: n, expect: { status: 200 } }]", "[{ name: m, expect: { status: 200 } }]"),

        Sample("endpoints.proxy", #""a:/{path.id}""#, #""a:/b/{path.id}""#),
        Sample("proxy.headers", "{ X-A: b }", "{ X-A: c }"),
        Sample("proxy.forward_headers", "[X-A]", "[X-B]"),
        Sample("proxy.forward_query", "[a]", "[b]"),
        Sample("proxy.timeout", "1s", "2s"),
        Sample("proxy.stall", "1s", "2s"),
        Sample("proxy.max_body", "1KiB", "2KiB"),
        Sample("proxy.location", "rewrite", "keep"),
        Sample("proxy.x_forwarded", "true", "false"),
        Sample("proxy.forwarded", "true", "false"),

        Sample("calls.get", #""a:/b""#, #""a:/d""#),
        Sample("calls.post", #""a:/b""#, #""a:/d""#),
        Sample("calls.put", #""a:/b""#, #""a:/d""#),
        Sample("calls.patch", #""a:/b""#, #""a:/d""#),
        Sample("calls.delete", #""a:/b""#, #""a:/d""#),
        Sample("calls.static", "{ n: 1 }", "{ n: 2 }"),
        Sample("calls.body", "{ n: 1 }", "{ n: 2 }", with: #"post: "a:/b""#),
        Sample("calls.headers", "{ X-A: b }", "{ X-A: c }"),
        Sample("calls.forward_headers", "[X-A]", "[X-B]"),
        Sample("calls.forward_query", "[a]", "[b]"),
        Sample("calls.when", #""{query.a}""#, #""{query.b}""#),
        Sample("calls.foreach", #""{body.a}""#, #""{body.b}""#),
        Sample("calls.key", #""{item.a}""#, #""{item.b}""#, with: #"foreach: "{body}""#),
        Sample("calls.max_parallel", "1", "2", with: #"foreach: "{body}""#),
        Sample("calls.max_items", "1", "2", with: #"foreach: "{body}""#),
        Sample("calls.on_item_error", "1", "2", with: #"foreach: "{body}""#),
        Sample("calls.required", "true", "false"),
        Sample("calls.on_error", "1", "2", with: "required: false"),
        Sample("calls.stale_for", "1s", "2s"),
        Sample("calls.timeout", "1s", "1500ms"),
        Sample("calls.idempotent", "true", "false"),
        Sample("calls.as", "text", "base64"),
        Sample("calls.target", "a", "b"),
        Sample("calls.allow", "[a]", "[b]"),
        Sample("calls.deny", "[a]", "[b]"),
        Sample("calls.mapping", "{ a: b }", "{ a: c }"),
        Sample("calls.group", "a", "b"),
        Sample("calls.flatten", "true", "false"),
        Sample("calls.internal", "true", "false"),

        Sample("tests.name", "n", "m"),
        Sample("tests.request", "{ path: { id: 1 } }", "{ path: { id: 2 } }"),
        Sample("tests.request.path", "{ id: 1 }", "{ id: 2 }"),
        Sample("tests.request.query", "{ q: 1 }", "{ q: 2 }"),
        Sample("tests.request.headers", "{ X-T: a }", "{ X-T: b }"),
        Sample("tests.request.body", "1", "2"),
        Sample("tests.request.jwt", "{ sub: a }", "{ sub: b }"),
        Sample("tests.request.key", "a", "b"),
        Sample("tests.request.times", "1", "2"),
        Sample("tests.request.every", "1ms", "2ms", with: "times: 2"),
        Sample("tests.calls", "{ c: { status: 201 } }", "{ c: { status: 202 } }"),
        Sample("tests.expect", "{ status: 200 }", "{ status: 201 }"),
        Sample("tests.calls.status", "201", "202"),
        Sample("tests.calls.body", "1", "2"),
        Sample("tests.calls.raw", "a", "b"),
        Sample("tests.calls.headers", "{ X-A: b }", "{ X-A: c }"),
        Sample("tests.calls.timeout", "true", "false"),
        Sample("tests.calls.unreachable", "true", "false"),
        Sample("tests.calls.delay", "1ms", "2ms"),
        Sample("tests.expect.status", "200", "201"),
        Sample("tests.expect.fields", "{ X-A: b }", "{ X-A: c }"),
        Sample("tests.expect.complete", "true", "false"),
        Sample("tests.expect.body", "1", "2"),
        Sample("tests.expect.body_includes", "{ a: 1 }", "{ a: 2 }"),
        Sample("tests.expect.outcomes", "{ c: ok }", "{ c: timeout }"),
        Sample("tests.expect.within", "1ms", "2ms"),

        Sample("traces.endpoint", "http://h", "http://i"),
        Sample("traces.headers", "{ X-A: b }", "{ X-A: c }"),
        Sample("traces.service", "a", "b"),
        Sample("traces.attributes", "{ a: b }", "{ a: c }"),
        Sample("traces.sample", "1%", "2%"),
        Sample("traces.slow", "1s", "2s"),
        Sample("traces.queue", "10", "20"),
        Sample("traces.delay", "1ms", "2ms"),
        Sample("traces.timeout", "1s", "2s"),
        Sample("traces.compression", "none", "gzip"),

        Sample("demo.endpoints", "true", "false"),
        Sample("demo.shop", "{}", "{ latency: { default: 1ms } }"),
        Sample("demo.shop.listen", "9101", "9102"),
        Sample("demo.shop.latency", "{ orders: 1ms }", "{ orders: 2ms }"),
    ]

    /// What each mapping of the file has, unless a sample says it otherwise.
    private static let usual: [(prefix: String, key: String, value: String)] = [
        ("", "version", "1"), ("upstreams.", "hosts", "[http://h]"), ("endpoints.", "path", #""/x/{id}""#),
        ("proxy.", "path", #""/p/{id}""#), ("proxy.", "proxy", #""a:/{path.id}""#),
        ("calls.", "get", #""a:/{path.id}""#), ("tests.", "name", "n"), ("tests.expect.", "status", "200"),
    ]
    private static let prefixes = [
        "tests.expect.", "tests.calls.", "tests.", "calls.", "proxy.", "endpoints.", "upstreams.", "server.", "demo.",
        "traces.",
        "",
    ]
    private static let methods = ["post", "put", "patch", "delete"]

    /// A file with a value of the sample's key; without the key if the value is empty.
    private static func file(_ sample: Sample, _ value: String) -> String {
        let own = prefixes.first { sample.key.hasPrefix($0) } ?? ""
        let path = sample.key.dropFirst(own.count).split(separator: ".").map(String.init)
        /// What a mapping holds: the sample, if it is about this mapping, and what is usual.
        func content(_ prefix: String) -> String {
            var entries: [String] = []
            if prefix == own {
                if !value.isEmpty { entries.append("\(path.last ?? ""): \(value)") }
                if !sample.rest.isEmpty { entries.append(sample.rest) }
                for (depth, key) in path.dropLast().reversed().enumerated() {
                    entries = ["\(key): { \(joined(entries)) }"]
                    if depth == 0, !sample.around.isEmpty { entries.append(sample.around) }
                }
            }
            let isOtherCall = (methods + ["static"]).contains { method in
                entries.contains { $0.hasPrefix("\(method):") }
            }
            for (of, key, value) in usual
            where of == prefix && sample.key != prefix + key && !(key == "get" && isOtherCall) {
                entries.append("\(key): \(value)")
            }
            // Without this everyone may ask anyway.
            if prefix == "server.", sample.key == "endpoints.public" { entries.append("access: { \(secret) }") }
            return entries.joined(separator: ", ")
        }
        func member(_ key: String, of prefix: String, _ value: String) -> String {
            sample.key == prefix + key ? "" : "\(key): \(value)"
        }
        // A second call takes all that a client can send.
        let other = #"d: { post: "a:/d?q={query.q}", headers: { X-T: "{header.X-T}" }, body: "{body}" }"#
        let test = [
            content("tests."), member("expect", of: "tests.", "{ \(content("tests.expect.")) }"),
            member("calls", of: "tests.", "{ c: { \(content("tests.calls.")) } }"),
        ]
        let endpoint = [
            content("endpoints."),
            sample.key == "endpoints.proxy"
                ? "" : member("calls", of: "endpoints.", "{ c: { \(content("calls.")) }, \(other) }"),
            own.hasPrefix("tests.") ? "access: { \(secret), api_keys: { file: a } }, tests: [{ \(joined(test)) }]" : "",
        ]
        let proxy = own == "proxy." ? ", { \(content("proxy.")) }" : ""
        return "{ "
            + joined([
                content(""), member("server", of: "", "{ \(content("server.")) }"),
                member("traces", of: "", "{ \(content("traces.")) }"),
                sample.key == "demo" || sample.rest.hasPrefix("demo:") ? "" : "demo: { \(content("demo.")) }",
                member("upstreams", of: "", "{ a: { \(content("upstreams.")) } }"),
                member("endpoints", of: "", "[{ \(joined(endpoint)) }\(proxy)]"),
            ]) + " }\n"
    }

    private static func joined(_ entries: [String]) -> String {
        entries.filter { !$0.isEmpty }.joined(separator: ", ")
    }

    /// What a file with this value of a key is read as.
    private static func dumped(_ sample: Sample, _ value: String) throws -> Dump {
        let text = file(sample, value)
        var configuration =
            try sample.key == "include" ? readWithOthers(text) : Configuration.read(text: text, file: "x.yaml")
        // What was written differs all the same.
        configuration.declarations = Declarations()
        var dumped = Dump()
        dump(configuration, to: &dumped)
        return dumped
    }

    /// Reads a text as a file next to those that it may include. Their paths, which are part of a configuration, are
    /// the same each time.
    private static func readWithOthers(_ text: String) throws -> Configuration {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("gatherd-keys-\(ProcessInfo.processInfo.processIdentifier)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in [("x", text), ("a", "upstreams: {}\n"), ("b", "endpoints: []\n")] {
            try text.write(to: folder.appendingPathComponent("\(name).yaml"), atomically: false, encoding: .utf8)
        }
        return try Configuration.read(file: folder.appendingPathComponent("x.yaml").path, environment: [:])
    }

    /// What `dump` writes, piece by piece.
    private struct Dump: TextOutputStream {
        private var pieces: [String] = []

        mutating func write(_ piece: String) { pieces.append(piece) }

        /// Whether some word stands more often in one of them. Equal sets may list their members in different orders.
        func hasSameWords(as other: Dump) -> Bool {
            var (one, two) = (pieces[...], other.pieces[...])
            while let first = one.first, first == two.first { (_, _) = (one.removeFirst(), two.removeFirst()) }
            while let last = one.last, last == two.last { (_, _) = (one.removeLast(), two.removeLast()) }
            return Self.words(one) == Self.words(two)
        }

        private static func words(_ pieces: ArraySlice<String>) -> [[UInt8]: Int] {
            let words = pieces.joined().utf8.split { ",[] \n".utf8.contains($0) }
            return words.reduce(into: [:]) { $0[Array($1), default: 0] += 1 }
        }
    }

    @Test func `every key of the reference has a sample here`() throws {
        let documented = try Self.documented()
        let sampled = Self.samples.map(\.key)
        #expect(documented.count >= 110)
        #expect(documented.symmetricDifference(sampled).sorted() == [])
        #expect(sampled.count == Set(sampled).count)
    }

    @Test func `another value of a key makes another configuration`() throws {
        let first = try #require(Self.samples.dropFirst().first)
        let (once, twice) = (try Self.dumped(first, first.one), try Self.dumped(first, first.one))
        #expect(once.hasSameWords(as: twice), "what is the same is not told apart")
        for sample in Self.samples where sample.key != "version" {
            let (one, other) = (try Self.dumped(sample, sample.one), try Self.dumped(sample, sample.other))
            #expect(!one.hasSameWords(as: other), "\(sample.key)")
        }
        #expect(throws: ConfigurationErrors.self) { try Self.dumped(Self.samples[0], Self.samples[0].other) }
    }

    /// The keys of the tables, each behind the name of its section.
    static func documented() throws -> Set<String> {
        var keys: Set<String> = []
        var prefixes: [String] = []
        var isInTable = false
        for line in try GivenFile.text("README.md").split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("## ")
                || ["### calls", "### proxy", "### rate_limit", "### cors", "### access"].contains(line)
            {
                let title = line.drop { $0 == "#" || $0 == " " }
                switch title {
                case "Top level": prefixes = [""]
                case "access": prefixes = ["server.access.", "server.access.jwt.", "server.access.api_keys."]
                case "rate_limit", "cors": prefixes = ["server.\(title)."]
                case "upstreams": prefixes = ["upstreams.", "upstreams."]
                case "Tests": prefixes = ["tests.", "tests.calls.", "tests.expect."]
                default: prefixes = ["\(title)."]
                }
            } else if line.hasPrefix("| key |") {
                isInTable = true
            } else if !line.hasPrefix("|"), isInTable {
                isInTable = false
                prefixes.removeFirst()
            } else if isInTable, line.hasPrefix("| `") {
                let cell = line.dropFirst(2).prefix { $0 != "|" }
                for key in cell.split(separator: "`") where key.first?.isLetter ?? false {
                    keys.insert(try #require(prefixes.first, "a table of keys in a section of its own") + key)
                }
            }
        }
        return keys
    }
}
