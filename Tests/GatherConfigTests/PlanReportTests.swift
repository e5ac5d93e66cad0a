import GatherConfig
import Testing

@Suite struct PlanReportTests {
    @Test func `the report of the dashboard tells its graph`() throws {
        let plan = try Configuration.read(file: GivenFile.path("gatherd.yaml"), environment: [:]).plan
        #expect(
            PlanReport.text(for: plan.endpoints[0], in: plan) == """
                GET /v1/customers/{id}/dashboard
                  policy all, deadline 500ms
                  at once: customer
                  orders waits for customer
                  offers waits for customer
                  reviews waits for orders
                  stock waits for orders
                  delivery waits for customer, stock
                  optional: offers
                  longest chain: customer 500ms → orders 500ms → stock 500ms → delivery 500ms = 2s
                    the timeouts of this chain exceed the deadline by 1.5s: its last calls may get less than their own

                """)
    }

    @Test func `policies and conditions are told`() throws {
        let text = """
            version: 1
            upstreams: { shop: { hosts: [http://127.0.0.1:9100] } }
            endpoints:
              - path: /x
                gather: { quorum: 2 }
                calls:
                  a: { get: "shop:/a", required: true }
                  b: { get: "shop:/b?x={a.x}" }
                  c: { get: "shop:/c", when: "{query.full ?? true}" }
                  d: { get: "shop:/d/{item}", foreach: "{a.list[*].id}", max_parallel: 3 }
              - path: /y
                gather: first
                calls: { a: { get: "shop:/a", stale_for: 5m } }
            """
        let plan = try read(text).plan
        #expect(
            plan.endpoints.map { PlanReport.text(for: $0, in: plan) } == [
                """
                GET /x
                  policy 2 successes of b, c, d, deadline 2s
                  at once: a, c
                  b waits for a
                  d waits for a
                  c only when {query.full}
                  d for each of {a.list[*].id}, 3 at once, at most 100
                  required: a
                  longest chain: a 1s → b 1s = 2s

                """,
                """
                GET /y
                  policy first success of a, deadline 2s
                  at once: a
                  a, if it fails, as it was up to 5m ago
                  longest chain: a 1s

                """,
            ])
    }

    @Test func `timeouts beyond the deadline are remarked on`() throws {
        let text = """
            version: 1
            upstreams: { shop: { hosts: [http://127.0.0.1:9100], timeout: 3s } }
            endpoints:
              - path: /x
                gather: settled
                deadline: 1.2s
                calls:
                  a: { get: "shop:/a" }
                  b: { get: "shop:/b?x={a.x}", timeout: 350ms }
                  c: { get: "shop:/c" }
            """
        let plan = try read(text).plan
        #expect(
            PlanReport.text(for: plan.endpoints[0], in: plan) == """
                GET /x
                  policy settled, deadline 1.2s
                  at once: a, c
                  b waits for a
                  longest chain: a 1.2s → b 350ms = 1.55s
                    the timeouts of this chain exceed the deadline by 350ms: its last calls may get less than their own

                """)
    }
}
