import GatherConfig
import Testing

@Suite struct WarningTests {
    @Test func `what is declared and not used is warned of`() throws {
        let text = """
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
              spare: { hosts: [http://127.0.0.1:9200] }
            endpoints:
              - path: /v1/{a}/{b}
                calls:
                  used: { get: "shop:/{path.a}", group: g }
                  input: { get: "shop:/i" }
                  unused: { get: "shop:/u" }
                  effect: { post: "shop:/e?x={input.x}" }
                response: "{used}"
            """
        #expect(
            try read(text).warnings.map(\.description) == [
                "x.yaml:4:3: warning: upstreams.spare: no call uses the upstream 'spare'; remove it, or call it",
                "x.yaml:6:11: warning: endpoints[0].path: nothing uses the parameter 'b'; refer to it as {path.b}, or leave it out",
                "x.yaml:8:45: warning: endpoints[0].calls.used.group: has no effect beside 'response', "
                    + "which decides what the answer is; remove it",
                "x.yaml:10:7: warning: endpoints[0].calls.unused: neither the response nor another call uses what this call gets; "
                    + "use {unused}, or remove the call",
            ])
    }

    @Test func `a list whose items are not used is warned of`() throws {
        let text = """
            version: 1
            upstreams: { shop: { hosts: [http://127.0.0.1:9100] } }
            endpoints:
              - path: /x
                calls:
                  a: { get: "shop:/a" }
                  b: { get: "shop:/b", foreach: "{a}", key: "{item}" }
                  c: { post: "shop:/c", foreach: "{a}", body: ["{item}"] }
            """
        #expect(
            try read(text).warnings.map(\.description) == [
                "x.yaml:7:28: warning: endpoints[0].calls.b.foreach: the call is the same for every item; "
                    + "put {item} into it, or remove foreach"
            ])
    }

    @Test func `an error silences the warnings`() {
        let text = """
            version: 1
            upstreams: { spare: { hosts: [http://127.0.0.1:9200] } }
            demo: { endpoints: 1 }
            """
        #expect(errors(in: text) == ["x.yaml:3:20: demo.endpoints: expected true or false, found '1'"])
    }
}
