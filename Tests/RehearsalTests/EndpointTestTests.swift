import Gather
import GatherConfig
import JSONText
import Testing

@testable import Rehearsal

@Suite struct EndpointTestTests {
    private static let endpoint = """
        deadline: 500ms
        calls:
          a: { get: "shop:/a/{path.id}", allow: [id] }
          b: { get: "shop:/b/{a.id}", required: false, on_error: [], timeout: 80ms }
        """

    /// What a test of this endpoint comes to.
    private func result(_ test: String) throws -> EndpointTest.Result {
        let lines = test.split(separator: "\n").map { "  \($0)\n" }.joined()
        let text =
            "version: 1\nupstreams: { shop: { hosts: [http://a] } }\nendpoints:\n  - path: /x/{id}\n"
            + (Self.endpoint + "\ntests:\n- name: it\n" + lines).split(separator: "\n").map { "    \($0)\n" }.joined()
        let configuration = try Configuration.read(text: text, file: "x.yaml")
        return try #require(configuration.tests.first).run(on: configuration.plan)
    }

    private static let good = "calls: { a: { body: { id: 7, note: x } }, b: { body: [1] } }\n"

    @Test(arguments: [
        "expect: { status: 200, complete: true, body: { b: [1.0], a: { id: 7 } }, outcomes: { a: ok, b: ok }, within: 0ms }",
        "expect: { body: { a: { id: 7e0 }, b: [1] } }",
    ])
    func `a test passes if all that it expects is so`(expectation: String) throws {
        #expect(try result(Self.good + expectation).failures == [])
    }

    @Test(
        arguments: [
            ("{ a: {} }", []), ("{ a: { id: 7 }, b: [1] }", []), ("{}", []),
            ("{ b: [] }", ["body_includes.b[0]: expected nothing, got 1"]),
            ("{ b: [1, 2] }", ["body_includes.b[1]: expected 2, got nothing"]),
            (
                "{ a: { id: 8 }, c: 1 }",
                ["body_includes.a.id: expected 8, got 7", "body_includes.c: expected 1, got nothing"]
            ),
            ("[]", [#"body_includes: expected [], got {"a":{"id":7},"b":[1]}"#]),
        ])
    func `a body may be expected in part`(part: String, failures: [String]) throws {
        #expect(try result(Self.good + "expect: { body_includes: \(part) }").failures == failures)
    }

    @Test func `a limit of calls in a time holds in a test as well, which waits for it on virtual time`() throws {
        let text = """
            version: 1
            upstreams:
              strict: { hosts: [http://a], rate_limit: { requests: 2, per: 1s, burst: 1 } }
              patient: { hosts: [http://a], rate_limit: { requests: 2, per: 1s, burst: 1, max_wait: 300ms } }
            endpoints:
              - path: /x
                gather: settled
                calls: { a: { get: "strict:/a" }, b: { get: "strict:/b" }, c: { get: "patient:/c" }, d: { get: "patient:/d" } }
                tests:
                  - name: one too many
                    calls: { a: {}, c: {}, d: {} }
                    expect: { outcomes: { a: ok, b: shed, c: ok, d: ok }, within: 250ms }
            """
        let configuration = try Configuration.read(text: text, file: "x.yaml")
        let result = try #require(configuration.tests.first).run(on: configuration.plan)
        #expect(result.failures == [] && result.duration == .milliseconds(250))
    }

    @Test func `a request may be sent several times, for what limits and old bodies make of it`() throws {
        let text = """
            version: 1
            server:
              rate_limit: { requests: 5, per: 1h }
              access: { jwt: { keys: { file: none.json }, algorithms: [RS256] } }
            upstreams: { shop: { hosts: [http://a] } }
            endpoints:
              - path: /x
                public: true
                rate_limit: [{ requests: 2, per: 1s, burst: 1, by: address }]
                calls: { a: { get: "shop:/a", stale_for: 1m } }
                tests:
                  - { name: "", request: { times: 2 }, calls: { a: {} }, expect: { status: 429 } }
                  - { name: "", request: { times: 3, every: 499ms }, calls: { a: {} }, expect: { status: 200 } }
                  - { name: "", request: { times: 4, every: 1m }, calls: { a: {} }, expect: { status: 200, within: 0ms } }
                  - { name: "", request: { times: 6, every: 1m }, calls: { a: {} }, expect: { status: 429 } }
                  - { name: "", request: { times: 2, every: 10s }, calls: { a: [{ body: [1] }, { status: 500 }] }, expect: { body: { a: [1] }, outcomes: { a: http_error } } }
                  - { name: "", request: { times: 2 }, calls: { a: {} }, expect: { status: 200, body: {} } }
              - path: /y
                rate_limit: { requests: 1, per: 1h, by: { claim: sub } }
                calls: { a: { get: "shop:/a" } }
                tests:
                  - { name: "", request: { jwt: { sub: ada }, times: 2 }, calls: { a: {} }, expect: { status: 429 } }
                  - { name: "", request: { times: 2 }, expect: { status: 401 } }
            """
        let configuration = try Configuration.read(text: text, file: "x.yaml")
        let failures = try configuration.tests.map { try $0.run(on: configuration.plan).failures }
        let reason = "there are more requests than a limit allows"
        #expect(
            failures == [
                [], [], [], [], [],
                ["status: expected 200, got 429 (\(reason))", "body: expected a gather, got 429: \(reason)"], [], [],
            ])
    }

    @Test func `what expose adds is not looked at unless it is named`() throws {
        let text = """
            version: 1
            upstreams: { shop: { hosts: [http://a] } }
            endpoints:
              - path: /x
                expose: outcomes
                calls: { a: { get: "shop:/a" } }
                tests:
                  - { name: exact, calls: { a: {} }, expect: { body: { a: {} } } }
                  - { name: part, calls: { a: {} }, expect: { body_includes: { _gather: { a: { outcome: ok } } } } }
                  - { name: wrong, calls: { a: {} }, expect: { body: { a: {}, _gather: {} } } }
                  - { name: none, calls: { a: { status: 500 } }, expect: { body_includes: { a: {} } } }
            """
        let configuration = try Configuration.read(text: text, file: "x.yaml")
        let failures = try configuration.tests.map { try $0.run(on: configuration.plan).failures }
        #expect(failures[0] == [] && failures[1] == [])
        #expect(failures[2].count == 1 && failures[2][0].hasPrefix("body._gather.a: expected nothing, got {"))
        #expect(failures[3] == ["body: expected an answer, got none (call 'a' failed: http_error (status 500 from a))"])
    }

    @Test func `a test asks as its request says`() throws {
        let text = """
            version: 1
            upstreams: { shop: { hosts: [http://a] } }
            endpoints:
              - path: /x/{id}
                method: POST
                calls: { a: { get: "shop:/a" } }
                response: { p: "{path.id}", q: "{query.q}", h: "{header.X-A}", b: "{body.n}", a: "{a}" }
                tests:
                  - name: what comes
                    request: { path: { id: 7 }, query: { q: [x, y] }, headers: { X-A: z }, body: { n: 1.50 } }
                    calls: { a: {} }
                    expect: { body: { p: "7", q: x, h: z, b: 1.5, a: {} } }
                  - name: what is there without
                    request: { query: { q: x }, headers: { X-A: z }, body: {} }
                    calls: { a: {} }
                    expect: { body: { p: "1", q: x, h: z, b: null, a: {} } }
            """
        let configuration = try Configuration.read(text: text, file: "x.yaml")
        #expect(configuration.tests.map(\.name) == ["what comes", "what is there without"])
        for test in configuration.tests { #expect(try test.run(on: configuration.plan).failures == []) }
    }

    @Test(arguments: [
        ("{ status: 200 }", "ok      GET /x: what comes"),
        (
            "{ status: 201, complete: false }",
            """
            FAILED  GET /x: what comes
                      status: expected 201, got 200
                      complete: expected false, got true
            """
        ),
    ])
    func `a result is told with the test's endpoint and name`(expectation: String, told: String) throws {
        let text = """
            version: 1
            upstreams: { shop: { hosts: [http://a] } }
            endpoints:
              - path: /x
                calls: { a: { get: "shop:/a" } }
                tests: [{ name: what comes, calls: { a: {} }, expect: \(expectation) }]
            """
        let configuration = try Configuration.read(text: text, file: "x.yaml")
        let test = try #require(configuration.tests.first)
        #expect(test.text(of: try test.run(on: configuration.plan), on: configuration.plan) == told)
    }

    @Test func `what is not as expected is told line by line`() throws {
        let result = try result(
            Self.good
                + "expect: { status: 502, complete: false, body: { a: { id: \"7\", x: 1 }, b: [1, 2] }, outcomes: { b: timeout } }"
        )
        #expect(
            result.failures == [
                "status: expected 502, got 200", "complete: expected false, got true",
                "outcomes.b: expected timeout, got ok", #"body.a.id: expected "7", got 7"#,
                "body.a.x: expected 1, got nothing", "body.b[1]: expected 2, got nothing",
            ])
    }

    @Test(arguments: [
        ("b: { status: 500 }", Outcome.httpError, 0), ("b: { raw: not json }", .badResponse, 0),
        ("b: { delay: 600ms }", .timeout, 80), ("b: { timeout: true }", .timeout, 80),
        ("b: { unreachable: true, delay: 5ms }", .unreachable, 5), ("b: { delay: 20ms, body: [] }", .ok, 20),
    ])
    func `a reply makes its call end so`(reply: String, outcome: Outcome, milliseconds: Int) throws {
        let result = try result(
            "calls: { a: { body: { id: 1 } }, \(reply) }\n"
                + "expect: { status: 200, body: { a: { id: 1 }, b: [] }, outcomes: { b: \(outcome.rawValue) } }")
        #expect(result.failures == [])
        #expect(result.duration == .milliseconds(milliseconds))
    }

    @Test func `a failed gather has its status and says why`() throws {
        let calls = "calls: { a: { status: 404 } }\n"
        #expect(try result(calls + "expect: { status: 502, outcomes: { a: http_error, b: skipped } }").failures == [])
        #expect(
            try result(calls + "expect: { status: 200, body: {} }").failures == [
                "status: expected 200, got 502 (call 'a' failed: http_error (status 404 from a))",
                "body: expected an answer, got none (call 'a' failed: http_error (status 404 from a))",
            ])
    }

    @Test func `too slow is a failure`() throws {
        let calls = "calls: { a: { body: { id: 1 }, delay: 40ms }, b: { delay: 30ms } }\n"
        #expect(try result(calls + "expect: { within: 70ms }").failures == [])
        #expect(
            try result(calls + "expect: { within: 69ms }").failures == ["within: expected at most 69ms, took 70ms"])
    }

    @Test func `a call that is made and has no reply is a failure`() throws {
        #expect(
            try result("calls: { a: { body: { id: 1 } } }\nexpect: { status: 200 }").failures
                == ["the call 'b' was made, and the test has no reply for it"])
    }

    @Test func `replies are given in turn, the last of them to all that follow`() throws {
        let plan = try plan(
            "calls: { a: { get: \"shop:/{path.id}\" }, b: { get: \"shop:/b?a={a}\" } }")
        var test = EndpointTest(name: "", endpoint: 0)
        let first = EndpointTest.Reply(.response(status: 200, body: Array("1".utf8)))
        let second = EndpointTest.Reply(.response(status: 500, body: []))
        test.replies = ["a": [first, second], "b": [first]]
        test.expected.status = 200
        // Each run begins anew.
        #expect(try test.run(on: plan).failures == [])
        #expect(try test.run(on: plan).failures == [])
    }

    @Test(
        arguments: [
            (#"{"a":1,"b":2}"#, #"{"b":2,"a":1}"#, []), ("19.90", "19.9", []), ("1e2", "100", []),
            ("9007199254740993", "9007199254740992", [": expected 9007199254740993, got 9007199254740992"]),
            (#""\u0041""#, #""A""#, []), (#"{"a":1,"a":2}"#, #"{"a":2}"#, []), ("[]", "{}", [": expected [], got {}"]),
            ("null", "false", [": expected null, got false"]), ("[1]", "[1,2]", ["[1]: expected nothing, got 2"]),
            (
                #"{"odd.key":[{"b":true}]}"#, #"{"odd.key":[{"b":false}]}"#,
                [#"["odd.key"][0].b: expected true, got false"#]
            ),
        ] as [(String, String, [String])])
    func `JSON is compared by value`(expected: String, got: String, differences: [String]) {
        #expect(
            JSONDifference.between(
                JSONValue(validated: Array(expected.utf8)), JSONValue(validated: Array(got.utf8))) == differences)
    }

    @Test func `a test says who asks, without a token or a key`() throws {
        let text = """
            version: 1
            upstreams: { shop: { hosts: [http://a] } }
            server: { access: { jwt: { keys: { file: none.json }, algorithms: [RS256] }, api_keys: { file: none } } }
            endpoints:
              - path: /x
                access: { roles: [clerk] }
                calls: { a: { get: "shop:/a/{jwt.sub}" } }
                response: { who: "{jwt.sub}" }
                tests:
                  - { name: "", request: { jwt: { sub: ada, roles: [clerk] } }, calls: { a: {} }, expect: { body: { who: ada } } }
                  - { name: "", request: { jwt: { sub: ada } }, expect: { status: 403 } }
                  - { name: "", request: { key: shop-a }, expect: { status: 403 } }
                  - { name: "", expect: { status: 401 } }
                  - { name: "", expect: { status: 200, body: {} } }
              - path: /y
                calls: { a: { get: "shop:/a/{key.name}" } }
                tests:
                  - { name: "", request: { key: shop-a }, calls: { a: {} }, expect: { status: 200 } }
              - path: /z
                public: true
                calls: { a: { get: "shop:/a" } }
                tests:
                  - { name: "", calls: { a: {} }, expect: { status: 200 } }
            """
        let configuration = try Configuration.read(text: text, file: "x.yaml")
        let failures = try configuration.tests.map { try $0.run(on: configuration.plan).failures }
        #expect(
            failures == [
                [], [], [], [],
                [
                    "status: expected 200, got 401 (the request is not allowed)",
                    "body: expected a gather, got 401: the request is not allowed",
                ], [], [],
            ])
    }
}
