import Foundation
import Testing

/// That every key of the reference does what it says: each has a test that fails if the key is read and nothing comes
/// of it.
@Suite struct KeyTests {
    /// The tests, by module and name, with the keys that they are for.
    private static let effects: [(module: String, test: String, keys: [String])] = [
        (
            "GatherConfigTests", "an error says where it is, what is wrong and what to do",
            ["version"]
        ),
        (
            "GatherServiceTests", "listen and admin say where it listens",
            ["server", "server.listen", "server.admin"]
        ),
        (
            "GatherServiceTests", "a host's prefix goes before each target, and each host is asked where it is",
            ["upstreams", "upstreams.hosts"]
        ),
        (
            "GatherServiceTests", "methods and paths that there are not",
            ["endpoints", "endpoints.path", "endpoints.method"]
        ),
        (
            "GatherServiceTests", "demo.endpoints says whether the demonstrations are served",
            ["demo", "demo.endpoints"]
        ),
        (
            "GatherServiceTests", "loops is the number of loops, over which connections spread",
            ["server.loops"]
        ),
        (
            "GatherServiceTests", "limits.connections_per_client is the number of one client's connections",
            ["server.limits.connections_per_client"]
        ),
        (
            "GatherServiceTests", "half_close says what becomes of the request of a client that has closed its side",
            ["server.half_close"]
        ),
        (
            "GatherServiceTests", "limits.unanswered is the room for requests that wait for their answers",
            ["server.limits.unanswered"]
        ),
        (
            "GatherServiceTests", "timeouts.lame_duck is how long connections are taken after a stop signal",
            ["server.timeouts.lame_duck"]
        ),
        (
            "GatherServiceTests", "access_log says whether requests are logged",
            ["server.access_log"]
        ),
        (
            "GatherServiceTests", "disclose says how much clients are told of calls and upstreams",
            ["server.disclose"]
        ),
        (
            "GatherServiceTests", "an internal call is nowhere in what clients get",
            ["calls.internal"]
        ),
        (
            "GatherServiceTests", "stream says whether an endpoint is streamed",
            ["endpoints.stream"]
        ),
        (
            "RehearsalTests", "a body may be expected in part",
            ["tests.expect.body_includes"]
        ),
        (
            "GatherServiceTests", "client_deadline_header names the field in which clients say how long they wait",
            ["server.client_deadline_header"]
        ),
        (
            "GatherServiceTests", "A request beyond a limit is refused, and one within it is not",
            ["server.limits.head", "server.limits.target", "server.limits.fields", "server.limits.body"]
        ),
        (
            "GatherServiceTests", "at the limit of connections the others wait",
            ["server.limits.connections"]
        ),
        (
            "GatherServiceTests", "limits.gathers is the number of gathers in flight",
            ["server.limits.gathers"]
        ),
        (
            "GatherServiceTests", "a loop that is behind by limits.lag refuses all but high priority",
            ["server.limits.lag"]
        ),
        (
            "GatherServiceTests", "limits.stale is the room for old bodies",
            ["server.limits.stale"]
        ),
        (
            "GatherServiceTests", "limits.unsent is the room for what clients have not taken",
            ["server.limits.unsent"]
        ),
        (
            "GatherTests",
            "Hedges follow each other after the same time, as many as there may be, each at a host of its own",
            ["upstreams.hedge.attempts"]
        ),
        (
            "GatherServiceTests", "timeouts.head and timeouts.body are for a request to come",
            ["server.timeouts.head", "server.timeouts.body"]
        ),
        (
            "GatherServiceTests", "timeouts.idle is for the next request to come",
            ["server.timeouts.idle"]
        ),
        (
            "GatherServiceTests", "timeouts.write is for the client to take more",
            ["server.timeouts.write"]
        ),
        (
            "GatherServiceTests", "timeouts.shutdown is for what runs when a drain begins",
            ["server.timeouts.shutdown"]
        ),
        (
            "GatherServiceTests", "What is larger or takes longer than the upstream may ends the call",
            ["upstreams.max_body", "upstreams.max_head"]
        ),
        (
            "GatherServiceTests", "connect_timeout is for connecting",
            ["upstreams.connect_timeout"]
        ),
        (
            "GatherServiceTests",
            "idle_timeout and max_connection_age end connections that nobody uses, or that are old",
            ["upstreams.idle_timeout", "upstreams.max_connection_age"]
        ),
        (
            "GatherServiceTests", "dns.ttl is how long a name's addresses are used",
            ["upstreams.dns.ttl"]
        ),
        (
            "GatherServiceTests", "http is the protocol that hosts are spoken to with",
            ["upstreams.http"]
        ),
        (
            "GatherServiceTests", "tls says who is trusted, with what name, in which version, and who we are",
            [
                "upstreams.tls.ca", "upstreams.tls.cert", "upstreams.tls.key", "upstreams.tls.server_name",
                "upstreams.tls.min_version",
            ]
        ),
        (
            "GatherTests", "calls beyond the limit wait, and go in the order they came",
            ["upstreams.max_in_flight"]
        ),
        (
            "GatherTests", "what finds the queue full is shed at once, and says of what",
            ["upstreams.queue.max"]
        ),
        (
            "GatherTests", "what waits longer than the queue's timeout is shed then",
            ["upstreams.queue.timeout"]
        ),
        (
            "GatherServiceTests",
            "a call that fails in passing is sent again, and the answer and the log tell how often",
            ["upstreams.retry"]
        ),
        (
            "GatherTests", "a slow attempt is overtaken by its hedge at another host, and given up",
            ["upstreams.hedge", "upstreams.hedge.after"]
        ),
        (
            "GatherServiceTests", "an upstream that fails is left alone: 503 with Retry-After, and nothing is sent",
            ["upstreams.breaker", "upstreams.breaker.min_calls"]
        ),
        (
            "GatherTests", "through the engine a failing host is left out",
            ["upstreams.eject"]
        ),
        (
            "GatherServiceTests", "hosts are asked whether they are well",
            ["upstreams.health", "upstreams.health.path"]
        ),
        (
            "GatherServiceTests", "connections are there before it is ready, and the first gather opens none",
            ["upstreams.warm_up", "upstreams.warm_up.connections", "upstreams.warm_up.path"]
        ),
        (
            "GatherTests", "the last of the attempts decides",
            ["upstreams.retry.attempts"]
        ),
        (
            "GatherTests", "the budget is the policy's",
            ["upstreams.retry.budget"]
        ),
        (
            "GatherTests", "only the causes that are listed are retried",
            ["upstreams.retry.on"]
        ),
        (
            "GatherTests", "through the engine the waits are those of the policy",
            ["upstreams.retry.backoff", "upstreams.retry.max_backoff"]
        ),
        (
            "GatherTests", "extra load is what the file says, and follows when the upstream becomes slower",
            ["upstreams.hedge.extra_load"]
        ),
        (
            "GatherTests", "through the engine it opens at the ratio of its policy",
            ["upstreams.breaker.failure_ratio"]
        ),
        (
            "GatherTests", "through the engine what is older than the window does not count",
            ["upstreams.breaker.window"]
        ),
        (
            "GatherTests", "through the engine it stays open for as long as its policy says",
            ["upstreams.breaker.open_for"]
        ),
        (
            "GatherTests", "through the engine as many probes are let through as its policy says",
            ["upstreams.breaker.half_open_calls"]
        ),
        (
            "GatherTests",
            "through the engine a host is left out after as many failures, and for as long, as the policy says",
            ["upstreams.eject.after", "upstreams.eject.for"]
        ),
        (
            "GatherTests", "a check has a time, and the next comes after another",
            ["upstreams.health.interval", "upstreams.health.timeout"]
        ),
        (
            "GatherTests", "through the engine a host goes and comes back after as many checks as the policy says",
            ["upstreams.health.unhealthy_after", "upstreams.health.healthy_after"]
        ),
        (
            "GatherTests", "through the engine, what an upstream cannot take waits in the queue",
            ["upstreams.adaptive_limit"]
        ),
        (
            "GatherServiceTests", "equal gathers at once make one request for each call",
            ["upstreams.coalesce"]
        ),
        (
            "GatherServiceTests", "an upstream is told what is left, and a client can shorten it",
            ["upstreams.deadline_header"]
        ),
        (
            "GatherTests", "the deadline ends everything, exactly",
            ["endpoints.deadline"]
        ),
        (
            "GatherServiceTests", "as many successes as the quorum answer",
            ["endpoints.gather"]
        ),
        (
            "GatherServiceTests", "six calls are answered in about the time of their longest chain",
            ["endpoints.calls"]
        ),
        (
            "GatherServiceTests", "a declared response is in the summary",
            ["endpoints.response"]
        ),
        (
            "GatherServiceTests", "a status is passed on only where the file says so",
            ["endpoints.pass_status"]
        ),
        (
            "GatherServiceTests",
            "near the limit of gathers, optional calls are shed and endpoints of low priority refused",
            ["endpoints.priority"]
        ),
        (
            "GatherTests", "outcomes stand behind the members",
            ["endpoints.expose"]
        ),
        (
            "GatherConfigTests", "the tests of the default configuration pass",
            ["endpoints.tests"]
        ),
        (
            "GatherServiceTests", "A client's value stays one segment and one query value",
            ["calls.get"]
        ),
        (
            "GatherServiceTests", "methods and bodies are sent as the file says",
            ["calls.post", "calls.put", "calls.patch", "calls.delete", "calls.body", "calls.headers"]
        ),
        (
            "GatherServiceTests", "of the client's fields and parameters only those that are listed are sent on",
            ["calls.forward_headers", "calls.forward_query"]
        ),
        (
            "GatherServiceTests", "a call with a condition is made when it holds, and its absence is complete",
            ["calls.when"]
        ),
        (
            "GatherServiceTests", "a list is asked for item by item, and its items are told",
            ["calls.foreach", "calls.key"]
        ),
        (
            "GatherTests", "no more than max_parallel are under way at once, and the next begins when one ends",
            ["calls.max_parallel"]
        ),
        (
            "GatherTests",
            "A list that cannot be used skips the call, and one of the client's is told before anything is sent",
            ["calls.max_items"]
        ),
        (
            "GatherTests", "What takes the place of an item that fails",
            ["calls.on_item_error"]
        ),
        (
            "GatherServiceTests", "an optional call that fails leaves its fallback",
            ["calls.required", "calls.on_error"]
        ),
        (
            "GatherTests", "it is used as long as stale_for says, and no longer",
            ["calls.stale_for"]
        ),
        (
            "GatherTests", "a call ends with its own timeout, else with its upstream's",
            ["calls.timeout", "upstreams.timeout"]
        ),
        (
            "GatherTests", "A request that may not arrive twice is sent again only if it was not sent",
            ["calls.idempotent"]
        ),
        (
            "GatherServiceTests", "What a call keeps of its body is in the answer",
            ["calls.target", "calls.allow", "calls.deny", "calls.mapping"]
        ),
        (
            "GatherTests", "a group is another name for the member",
            ["calls.group"]
        ),
        (
            "GatherTests",
            "Flattened members go into the answer, where the last of a name stays in the place of the first",
            ["calls.flatten"]
        ),
        (
            "RehearsalTests", "a test asks as its request says",
            [
                "tests.request", "tests.request.path", "tests.request.query", "tests.request.headers",
                "tests.request.body",
            ]
        ),
        (
            "RehearsalTests", "a result is told with the test's endpoint and name",
            ["tests.name"]
        ),
        (
            "RehearsalTests", "a reply makes its call end so",
            [
                "tests.calls", "tests.calls.status", "tests.calls.raw", "tests.calls.timeout",
                "tests.calls.unreachable", "tests.calls.delay",
            ]
        ),
        (
            "RehearsalTests", "a test passes if all that it expects is so",
            ["tests.calls.body"]
        ),
        (
            "RehearsalTests", "what is not as expected is told line by line",
            [
                "tests.expect", "tests.expect.status", "tests.expect.complete", "tests.expect.body",
                "tests.expect.outcomes",
            ]
        ),
        (
            "RehearsalTests", "too slow is a failure",
            ["tests.expect.within"]
        ),
        (
            "GatherServiceTests", "An answer reaches the client as the upstream gave it",
            ["endpoints.proxy"]
        ),
        (
            "GatherServiceTests", "A request reaches the upstream as the client sent it",
            ["proxy.headers", "proxy.forward_headers", "proxy.forward_query"]
        ),
        (
            "GatherServiceTests", "An upstream that is too slow is given up",
            ["proxy.timeout", "proxy.stall"]
        ),
        (
            "GatherServiceTests", "max_body is the largest body of a proxy's requests",
            ["proxy.max_body"]
        ),
        (
            "GatherServiceTests", "location keep passes a location on as it is",
            ["proxy.location"]
        ),
        (
            "GatherServiceTests", "trailing_slash says whether a slash at the end of a path makes a difference",
            ["server.trailing_slash"]
        ),
        (
            "GatherServiceTests", "demo.shop listens where it is told to, and waits as long as it is told to",
            ["demo.shop", "demo.shop.listen", "demo.shop.latency"]
        ),
    ]

    @Test func `every key of the reference has a test of its effect`() throws {
        let documented = try Self.documented()
        let tested = Self.effects.flatMap(\.keys)
        #expect(documented.count >= 110)
        #expect(documented.subtracting(tested).sorted() == [])
        #expect(Set(tested).subtracting(documented).sorted() == [])
        #expect(tested.count == Set(tested).count)
    }

    @Test func `the tests of effects are there`() throws {
        var sources: [String: String] = [:]
        for effect in Self.effects {
            let source = try sources[effect.module] ?? Self.source(of: effect.module)
            sources[effect.module] = source
            let isThere = source.contains("func `\(effect.test)`(") || source.contains("\"\(effect.test)\"")
            #expect(isThere, "\(effect.module) has no test that is called \(effect.test)")
        }
    }

    /// The keys of the tables, each behind the name of its section.
    private static func documented() throws -> Set<String> {
        var keys: Set<String> = []
        var prefixes: [String] = []
        var isInTable = false
        for line in try GivenFile.text("README.md").split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("## ") || line == "### calls" || line == "### proxy" {
                let title = line.drop { $0 == "#" || $0 == " " }
                switch title {
                case "Top level": prefixes = [""]
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

    private static func source(of module: String) throws -> String {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent(module)
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return try files.filter { $0.pathExtension == "swift" && $0.lastPathComponent != "KeyTests.swift" }
            .map { try String(contentsOf: $0, encoding: .utf8) }.joined(separator: "\n")
    }
}
