extension WrongConfiguration {
    private static func test(_ description: String, _ test: String, errors: [String]) -> WrongConfiguration {
        let head = """
            version: 1
            upstreams: { shop: { hosts: [http://127.0.0.1:9100] } }
            endpoints:
              - path: /x/{id}
                calls: { orders: { get: "shop:/orders/{path.id}?page={query.page ?? 1}" } }
                tests:

            """
        return WrongConfiguration(description, head + test, errors: errors)
    }

    /// An endpoint's tests.
    static let tests = [
        test(
            "a test without a name and an expectation", "      - {}",
            errors: [
                "x.yaml:7:9: endpoints[0].tests[0]: the key 'name' is missing; add name: a sentence about what is expected",
                "x.yaml:7:9: endpoints[0].tests[0]: the key 'expect' is missing; add expect: { status: 200 }",
            ]),
        test(
            "a test that expects nothing", "      - { name: a, expect: {} }",
            errors: [
                "x.yaml:7:28: endpoints[0].tests[0].expect: a test expects something; add one of status, complete, body, body_includes, outcomes, within"
            ]),
        test(
            "a test of what the endpoint does not have",
            #"""
                  - name: a
                    request: { path: { ix: 1 }, query: { pag: 1 }, headers: { X-A: b } }
                    calls: { order: { body: {} } }
                    expect: { outcomes: { ordres: ok, orders: fine } }
            """#,
            errors: [
                "x.yaml:8:28: endpoints[0].tests[0].request.path.ix: the endpoint takes no path parameter 'ix'; did you mean 'id'?",
                "x.yaml:8:46: endpoints[0].tests[0].request.query.pag: the endpoint takes no query parameter 'pag'; did you mean 'page'?",
                "x.yaml:8:67: endpoints[0].tests[0].request.headers.X-A: the endpoint takes no header 'X-A'; it takes none at all: leave it out",
                "x.yaml:9:18: endpoints[0].tests[0].calls.order: the endpoint has no call 'order'; did you mean 'orders'?",
                "x.yaml:10:31: endpoints[0].tests[0].expect.outcomes.ordres: the endpoint has no call 'ordres'; did you mean 'orders'?",
                "x.yaml:10:51: endpoints[0].tests[0].expect.outcomes.orders: 'fine' is not a value of this key; known are: ok, http_error, timeout, unreachable, bad_response, refused, shed, skipped, cancelled",
            ]),
        test(
            "replies that contradict themselves",
            #"""
                  - name: a
                    calls: { orders: [{ timeout: true, body: {} }, { unreachable: true, status: 200 }, { delay: 5 }] }
                    expect: { status: 42 }
            """#,
            errors: [
                "x.yaml:8:29: endpoints[0].tests[0].calls.orders[0].timeout: a reply has 'body' already; keep one of them",
                "x.yaml:8:77: endpoints[0].tests[0].calls.orders[1].status: what does not answer has no status; keep one of them",
                "x.yaml:8:101: endpoints[0].tests[0].calls.orders[2].delay: '5' has no unit; write one of us, ms, s, m, h after the number, as in 300ms",
                "x.yaml:9:27: endpoints[0].tests[0].expect.status: 42 is out of range; write a value from 100 to 599",
            ]),
        test(
            "an empty list of replies", "      - { name: a, calls: { orders: [] }, expect: { status: 200 } }",
            errors: [
                "x.yaml:7:37: endpoints[0].tests[0].calls.orders: a list of replies has one or more; add one, or leave the call out"
            ]),
    ]
}
