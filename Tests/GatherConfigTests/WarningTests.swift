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

    @Test func `what has no effect on what clients are told is warned of`() throws {
        let text = """
            version: 1
            server: { disclose: nothing }
            upstreams: { shop: { hosts: [http://127.0.0.1:9100] } }
            endpoints:
              - path: /x
                expose: outcomes
                calls:
                  a: { get: "shop:/a", internal: true }
                  b: { get: "shop:/b?x={c.x}" }
                  c: { get: "shop:/c", internal: true, group: g }
            """
        #expect(
            try read(text).warnings.map(\.description) == [
                "x.yaml:6:13: warning: endpoints[0].expose: has no effect beside 'disclose: nothing' of the server; remove one of them",
                "x.yaml:8:7: warning: endpoints[0].calls.a: neither the response nor another call uses what this call gets; "
                    + "use {a}, or remove the call",
                "x.yaml:10:51: warning: endpoints[0].calls.c.group: has no effect beside 'internal', which keeps the body out of the answer; remove it",
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

    @Test func `a timeout that never comes is warned of`() throws {
        let text = """
            version: 1
            upstreams: { shop: { hosts: [http://127.0.0.1:9100], timeout: 9s } }
            endpoints:
              - path: /x
                deadline: 500ms
                calls:
                  a: { get: "shop:/a", timeout: 600ms }
                  b: { get: "shop:/b", timeout: 500ms }
              - { path: /y, calls: { a: { get: "shop:/a", timeout: 10s } } }
            """
        #expect(
            try read(text).warnings.map(\.description) == [
                "x.yaml:7:37: warning: endpoints[0].calls.a.timeout: is longer than the endpoint's deadline of 500ms, "
                    + "which ends the call before; write a shorter one, or leave it out"
            ])
    }

    @Test func `what others write for a parameter or a text is warned of`() throws {
        let text = """
            version: 1
            upstreams: { shop: { hosts: [http://127.0.0.1:9100] } }
            endpoints:
              - path: /x/:id/a:b
                calls:
                  a: { get: "shop:/a?x={query.x ?? 'x'}&y={query.y ?? y}&z={query.z ?? it's}" }
                response: { a: "{a.b ?? 'none'}", b: '{a.c ?? "none"}' }
            """
        #expect(
            try read(text).warnings.map(\.description) == [
                "x.yaml:4:11: warning: endpoints[0].path: ':id' is matched as it stands; a parameter is written {id}",
                "x.yaml:6:10: warning: endpoints[0].calls.a: the single quotes of the default in {query.x ?? …} are part of "
                    + "its text; leave them out, or write double quotes",
                "x.yaml:7:15: warning: endpoints[0].response: the single quotes of the default in {a.b ?? …} are part of "
                    + "its text; leave them out, or write double quotes",
            ])
    }

    @Test func `a warning has a form without the word, for a log that says it`() throws {
        let text = """
            version: 1
            upstreams: { spare: { hosts: [http://127.0.0.1:9200] } }
            demo: {}
            """
        let warning = try #require(try read(text).warnings.first)
        #expect(warning.description.hasPrefix("x.yaml:2:14: warning: upstreams.spare: no call"))
        #expect(warning.message.hasPrefix("x.yaml:2:14: upstreams.spare: no call"))
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
