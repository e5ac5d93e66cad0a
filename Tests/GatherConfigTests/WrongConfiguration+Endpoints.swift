extension WrongConfiguration {
    static let endpoints = [
        WrongConfiguration(
            "two routes of one shape",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x/{id}
                calls: { a: { get: "shop:/a/{path.id}" } }
              - path: /v1/x/{name}
                calls: { a: { get: "shop:/a/{path.name}" } }
            """#,
            errors: [
                #"x.yaml:7:11: endpoints[1].path: endpoints[0] answers GET /v1/x/{name} already; change the path or the method, or remove one"#
            ]),
        WrongConfiguration(
            "a reference without quotes",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls: { a: { get: "shop:/a" } }
                response:
                  name: {a.name}
            """#,
            errors: [
                #"x.yaml:8:13: endpoints[0].response.name: expected a value, found a mapping; write the reference in quotes: "{…}""#
            ]),
        WrongConfiguration(
            "policies that there are not",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                gather: any
                calls: { a: { get: "shop:/a" } }
              - path: /v1/y
                gather: [first]
                calls: { a: { get: "shop:/a" } }
              - path: /v1/z
                gather: { qorum: 1 }
                calls: { a: { get: "shop:/a" } }
            """#,
            errors: [
                #"x.yaml:6:13: endpoints[0].gather: 'any' is not a value of this key; known are: all, settled, first, { quorum: 2 }"#,
                #"x.yaml:9:13: endpoints[1].gather: expected one of all, settled, first, { quorum: 2 }, found a list"#,
                #"x.yaml:12:13: endpoints[2].gather: the key 'quorum' is missing; add quorum: 2"#,
                #"x.yaml:12:15: endpoints[2].gather.qorum: unknown key 'qorum'; did you mean 'quorum'?"#,
            ]),
        WrongConfiguration(
            "quorums that cannot be",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                gather: { quorum: 0 }
                calls: { a: { get: "shop:/a" }, b: { get: "shop:/b" } }
              - path: /v1/y
                gather: { quorum: 3 }
                calls: { a: { get: "shop:/a" }, b: { get: "shop:/b" } }
              - path: /v1/z
                gather: { quorum: 2 }
                calls: { a: { get: "shop:/a" }, b: { get: "shop:/b?x={a.x}" } }
              - path: /v1/q
                gather: { quorum: two }
                calls: { a: { get: "shop:/a" } }
            """#,
            errors: [
                #"x.yaml:6:23: endpoints[0].gather.quorum: 0 is out of range; write a value from 1 to 2"#,
                #"x.yaml:9:23: endpoints[1].gather.quorum: 3 is out of range; write a value from 1 to 2"#,
                #"x.yaml:12:13: endpoints[2].gather: the quorum is 2, but what counts is only 'b': no other call refers to it; write a number from 1 to 1"#,
                #"x.yaml:15:23: endpoints[3].gather.quorum: expected a whole number, found 'two'"#,
            ]),
        WrongConfiguration(
            "paths that are none",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x/
                calls: { a: { get: "shop:/a" } }
              - path: /v1/x{id}
                calls: { a: { get: "shop:/a" } }
              - path: /caf%C3%A9
                calls: { a: { get: "shop:/a" } }
              - path: /{id}/{id}
                calls: { a: { get: "shop:/a" } }
            """#,
            errors: [
                #"x.yaml:5:17: endpoints[0].path: the path has an empty segment; write it with single slashes, and none at its end"#,
                #"x.yaml:7:16: endpoints[1].path: a parameter fills its whole segment; write /{name}/"#,
                #"x.yaml:9:15: endpoints[2].path: a path is compared decoded, so it has no escapes; use a parameter for this segment"#,
                #"x.yaml:11:17: endpoints[3].path: the parameter 'id' stands twice; give one another name"#,
            ]),
        WrongConfiguration(
            "a name that the outcomes take",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                expose: outcomes
                calls: { _gather: { get: "shop:/a" }, b: { get: "shop:/b", group: _gather } }
            """#,
            errors: [
                #"x.yaml:7:14: endpoints[0].calls._gather: the outcomes that 'expose' adds are under '_gather' already; choose another name or group"#,
                #"x.yaml:7:71: endpoints[0].calls.b.group: the calls '_gather' and 'b' both answer under '_gather'; choose another name or group"#,
            ]),
        WrongConfiguration(
            "an endpoint with an error in its path and one in a call",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: v1/x/{id}
                calls: { a: { get: "shop:/a/{path.id}/{path.ib}" } }
            """#,
            errors: [
                #"x.yaml:5:11: endpoints[0].path: a path begins with '/'"#,
                #"x.yaml:6:44: endpoints[0].calls.a.get: the endpoint's path has no parameter 'ib'; did you mean 'id'?"#,
            ]),
    ]
}
