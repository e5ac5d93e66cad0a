import Gather
import Rehearsal
import Testing

@testable import GatherConfig

@Suite struct ModelReaderTests {
    private static let text = """
        version: 1
        upstreams:
          shop: { hosts: [http://a, http://b] }
          pay: { hosts: [http://c] }
        endpoints:
          - path: /x/{id}
            calls:
              orders: { get: "shop:/{path.id}?page={query.page}", forward_query: [q], forward_headers: [Accept] }
              bill: { post: "pay:/", body: "{body}", headers: { X-A: "{header.X-Tenant}" } }
          - { path: /y, calls: { a: { get: "shop:/" } } }
          - { path: /y, method: POST, calls: { a: { get: "shop:/" } } }
        """

    private func plan() throws -> Plan { try read(Self.text).plan }

    private func models(_ flag: String) throws -> UpstreamModels {
        let plan = try plan()
        var models = UpstreamModels()
        try ModelReader.add(flag: flag, to: &models, for: plan.endpoints[0], of: plan)
        return models
    }

    private static func model(_ latency: Latency, _ change: (inout UpstreamModel) -> Void = { _ in }) -> UpstreamModel {
        var model = UpstreamModel(latency: latency)
        change(&model)
        return model
    }

    @Test(arguments: [
        ("10ms", model(.constant(.milliseconds(10)))),
        ("5ms..20ms", model(.uniform(.milliseconds(5)...(.milliseconds(20))))),
        ("p50=10ms p99=80ms", model(.logNormal(p50: .milliseconds(10), p99: .milliseconds(80)))),
        ("mean=1.5s", model(.exponential(mean: .milliseconds(1500)))),
        (
            "slow=1%:1s",
            model(.logNormal(p50: .milliseconds(10), p99: .milliseconds(50))) {
                $0.slow = [UpstreamModel.Slow(share: 0.01, latency: .constant(.seconds(1)))]
            }
        ),
        (
            "1ms, slow=2%:1s..2s, fail=0.5%, fail=2%:500, refuse=0.1%, hang=0.2%, garbage=0.3%",
            model(.constant(.milliseconds(1))) {
                $0.slow = [UpstreamModel.Slow(share: 0.02, latency: .uniform(.seconds(1)...(.seconds(2))))]
                $0.faults = [
                    UpstreamModel.Fault(share: 0.005, kind: .status(503)),
                    UpstreamModel.Fault(share: 0.02, kind: .status(500)),
                    UpstreamModel.Fault(share: 0.001, kind: .refusal),
                    UpstreamModel.Fault(share: 0.002, kind: .hanging),
                    UpstreamModel.Fault(share: 0.003, kind: .garbage),
                ]
            }
        ),
    ])
    func `a model is a list of clauses`(text: String, model: UpstreamModel) throws {
        #expect(try models("shop=\(text)")[.upstream(0)] == model)
    }

    @Test(arguments: [
        ("pay=1ms", UpstreamModels.Subject.upstream(1)), ("shop#2=1ms", .host(upstream: 0, host: 1)),
        ("shop.orders=1ms", .call("orders")),
    ])
    func `a model is of an upstream, a host or a call`(flag: String, subject: UpstreamModels.Subject) throws {
        #expect(try models(flag)[subject] == UpstreamModel(latency: .constant(.milliseconds(1))))
    }

    @Test(arguments: [
        ("shop", "the model has no name; write it as in --model 'shop=10ms'"),
        ("shpo=1ms", "there is no upstream 'shpo'; did you mean 'shop'?"),
        ("shop#3=1ms", "'3' is not a host of 'shop'; write a number from 1 to 2"),
        ("pay#0=1ms", "'0' is not a host of 'pay'; it has only one, 'pay#1'"),
        ("shop.bill=1ms", "the endpoint has no call 'bill' to 'shop'; use one of: orders"),
        ("shop= ", "the model is empty; write it as in p50=10ms p99=80ms"),
        ("shop=10", "'10' is not a duration; write it as in 10ms"),
        (
            "shop=10ms 20ms",
            "a model can have only one latency; write one of 10ms, 5ms..20ms, p50=10ms p99=80ms, mean=10ms; slow=1%:1s adds to it"
        ),
        ("shop=20ms..5ms", "'20ms..5ms' ends before it begins; write the shorter one first"),
        (
            "shop=p50=10ms",
            "p50 and p99 must be given together, with p50 above zero and at most p99; write p50=10ms p99=80ms"
        ),
        (
            "shop=p50=10ms p99=5ms",
            "p50 and p99 must be given together, with p50 above zero and at most p99; write p50=10ms p99=80ms"
        ),
        ("shop=2h", "'2h' is longer than an hour"),
        ("shop=slow=1%", "'slow=1%' does not say how slow it is; write it as in slow=1%:1s"),
        ("shop=fail=0.01", "'0.01' is not a percentage; write it as in 0.5%"),
        ("shop=fail=101%", "'101%' is more than 100%"),
        ("shop=fail=1%:200", "'200' is not the status of a failure; write it as in fail=2%:500"),
        ("shop=fail=60% hang=50%", "the shares of fail, refuse, hang, garbage add up to more than 100%"),
        ("shop=slow=60%:1s slow=50%:2s", "the shares of slow add up to more than 100%"),
        ("shop=fial=1%", "unknown clause 'fial'; did you mean 'fail'?"),
    ])
    func `a flag's error says what is wrong and what to do`(flag: String, error: String) {
        #expect { try models(flag) } throws: { "\($0)" == "--model '\(flag)': \(error)" }
    }

    @Test func `a file of models has the same, with places`() throws {
        let plan = try plan()
        let good = try ModelReader.read(
            text: "shop: 10ms\n\"shop#1\": [p50=1ms p99=2ms, fail=1%]\n", file: "m.yaml", for: plan.endpoints[0],
            of: plan)
        #expect(good[.upstream(0)] == UpstreamModel(latency: .constant(.milliseconds(10))))
        #expect(good[.host(upstream: 0, host: 0)]?.faults.count == 1)
        #expect {
            try ModelReader.read(
                text: "shp: 10ms\nshop: fail=1\npay: {}\n", file: "m.yaml", for: plan.endpoints[0], of: plan)
        } throws: {
            "\($0)" == """
                m.yaml:1:1: shp: there is no upstream 'shp'; did you mean 'shop'?
                m.yaml:2:7: shop: '1' is not a percentage; write it as in 0.5%
                m.yaml:3:6: pay: expected a model such as p50=10ms p99=80ms, found a mapping
                """
        }
    }

    // MARK: The other arguments

    @Test(
        arguments: [
            (nil, "ENDPOINT: the file has several endpoints; name one of\n  GET /x/{id}\n  GET /y\n  POST /y"),
            ("/orders", "'/orders': the file has no such endpoint; use one of: /x/{id}, /y"),
            ("/x/{idd}", "'/x/{idd}': the file has no such endpoint; did you mean '/x/{id}'?"),
            ("PUT /y", "'PUT /y': the file has no such endpoint; did you mean 'GET /y'?"),
            ("/y", "'/y': the file has several endpoints with this path; name one of GET /y, POST /y"),
        ] as [(String?, String)])
    func `an endpoint is named by its path, with its method if need be`(name: String?, error: String) throws {
        let plan = try plan()
        #expect { try plan.endpoint(named: name) } throws: { "\($0)" == error }
        #expect(try plan.endpoint(named: "/x/{id}").calls.count == 2)
        #expect(try plan.endpoint(named: "POST /y").method == .post)
    }

    @Test func `upstreams go without what is named`() throws {
        let plan = try read(
            """
            version: 1
            upstreams:
              shop:
                hosts: [http://a]
                retry: {}
                hedge: { after: 1ms }
                breaker: {}
                eject: {}
                health: { path: / }
                coalesce: true
                adaptive_limit: true
            endpoints: [{ path: /, calls: { a: { get: "shop:/" } } }]
            """
        ).plan
        let names = ["retry", "hedge", "breaker", "eject", "health", "coalesce", "adaptive_limit"]
        func left(_ plan: Plan) -> [String] {
            let upstream = plan.upstreams[0]
            let has = [
                upstream.retry != nil, upstream.hedge != nil, upstream.breaker != nil, upstream.ejection != nil,
                upstream.health != nil, upstream.coalesces, upstream.adaptsLimit,
            ]
            return zip(names, has).filter(\.1).map(\.0)
        }
        #expect(left(plan) == names)
        for name in names { #expect(try left(plan.without(name)) == names.filter { $0 != name }) }
        #expect(try left(plan.without("retry,coalesce")) == ["hedge", "breaker", "eject", "health", "adaptive_limit"])
        #expect { try plan.without("hedges") } throws: {
            "\($0)" == "--without 'hedges': no upstream has 'hedges'; did you mean 'hedge'?"
        }
    }

    @Test func `values of the request are set by name`() throws {
        let endpoint = try plan().endpoints[0]
        let request = try RequestArguments.read(
            ["query.page=2", "query.q=a=b", "header.x-tenant=acme", "path.id=7"], body: "[1]", for: endpoint)
        #expect(request.queryValues("page") == ["2"])
        #expect(request.queryValues("q") == ["a=b"])
        #expect(request.header(.init("X-Tenant")!) == "acme")
        #expect(request.pathParameter(0) == "7")
        #expect(request.body?.text == Array("[1]".utf8)[...])
    }

    @Test(
        arguments: [
            ("page", nil, "--set 'page': nothing is set here; write it as in --set query.page=2"),
            (
                "query.pag=1", nil,
                "--set 'query.pag=1': the endpoint takes no query parameter 'pag'; did you mean 'page'?"
            ),
            ("header.X=1", nil, "--set 'header.X=1': the endpoint takes no header 'X'; use one of: Accept, X-Tenant"),
            ("path.ix=1", nil, "--set 'path.ix=1': the endpoint takes no path parameter 'ix'; did you mean 'id'?"),
            (
                "body.a=1", nil,
                "--set 'body.a=1': 'body' is not a part of a request; write query.NAME, header.NAME or path.NAME; the body is --body"
            ),
            (
                nil, "{",
                "--body: it is not JSON at byte 1: the text ends too early; write JSON, as in --body '{\"id\": 1}'"
            ),
        ] as [(String?, String?, String)])
    func `a value that cannot be set is an error`(assignment: String?, body: String?, error: String) throws {
        let endpoint = try plan().endpoints[0]
        #expect { try RequestArguments.read(assignment.map { [$0] } ?? [], body: body, for: endpoint) } throws: {
            "\($0)" == error
        }
    }
}
