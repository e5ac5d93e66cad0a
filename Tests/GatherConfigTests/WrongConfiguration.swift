/// A configuration with errors, and what is printed about it.
struct WrongConfiguration: Sendable, CustomStringConvertible {
    let description: String
    let text: String
    let errors: [String]

    init(_ description: String, _ text: String, errors: [String]) {
        self.description = description
        self.text = text
        self.errors = errors
    }

    static let all = files + endpoints + calls + upstreams + tests

    /// The file as YAML, the root's keys, server, upstreams and demo.
    static let files = [
        WrongConfiguration(
            "a key that is like no other",
            #"""
            version: 1
            demo: { zebra: 1 }
            """#,
            errors: [
                #"x.yaml:2:9: demo.zebra: unknown key 'zebra'; known are: endpoints, shop"#
            ]),
        WrongConfiguration(
            "a duration without a unit",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100], timeout: 300 }
            demo: {}
            """#,
            errors: [
                #"x.yaml:3:52: upstreams.shop.timeout: '300' has no unit; write one of us, ms, s, m, h after the number, as in 300ms"#
            ]),
        WrongConfiguration(
            "a unit that does not exist",
            #"""
            version: 1
            server: { limits: { body: 4Mb }, timeouts: { idle: 1min } }
            demo: {}
            """#,
            errors: [
                #"x.yaml:2:27: server.limits.body: 'Mb' is not a unit of a size; write one of B, kB, KiB, MB, MiB, GB, GiB, as in 16KiB"#,
                #"x.yaml:2:52: server.timeouts.idle: 'min' is not a unit of a duration; write one of us, ms, s, m, h, as in 300ms"#,
            ]),
        WrongConfiguration(
            "values of the wrong type",
            #"""
            version: 1
            server:
              loops: many
              limits: { fields: "100", connections: [1] }
            demo: { endpoints: yes }
            """#,
            errors: [
                #"x.yaml:3:10: server.loops: expected a whole number or auto, found 'many'"#,
                #"x.yaml:4:21: server.limits.fields: expected a whole number, found '100'; write it without quotes"#,
                #"x.yaml:4:41: server.limits.connections: expected a whole number, found a list"#,
                #"x.yaml:5:20: demo.endpoints: expected true or false, found 'yes'"#,
            ]),
        WrongConfiguration(
            "values out of range",
            #"""
            version: 1
            server: { loops: 0, limits: { head: 1B } }
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100], timeout: 0ms }
            demo: {}
            """#,
            errors: [
                #"x.yaml:2:18: server.loops: 0 is out of range; write a value from 1 to 256"#,
                #"x.yaml:2:37: server.limits.head: 1B is out of range; write a value from 1KiB to 1MiB"#,
                #"x.yaml:4:52: upstreams.shop.timeout: 0ms is out of range; write a value from 1ms to 1h"#,
            ]),
        WrongConfiguration(
            "a variable that is not set",
            #"""
            version: 1
            upstreams:
              shop: { hosts: ["http://${SHOP}:9100"] }
            demo: {}
            """#,
            errors: [
                #"x.yaml:3:27: upstreams.shop.hosts[0]: the environment has no 'SHOP'; set it, or give a default: ${SHOP:-value}"#
            ]),
        WrongConfiguration(
            "a host that is none",
            #"""
            version: 1
            upstreams:
              shop: { hosts: ["127.0.0.1:9100"] }
              other: { hosts: [] }
            demo: {}
            """#,
            errors: [
                #"x.yaml:3:20: upstreams.shop.hosts[0]: a host begins with http://, https:// or unix:/"#,
                #"x.yaml:4:19: upstreams.other.hosts: an upstream needs at least one host; write one, such as [http://127.0.0.1:9100]"#,
            ]),
        WrongConfiguration(
            "a key that stands twice",
            #"""
            version: 1
            server:
              loops: 1
              loops: 2
            demo: {}
            """#,
            errors: [
                #"x.yaml:3:3: the key 'loops' stands more than once in this mapping; keep one of them"#
            ]),
        WrongConfiguration(
            "brackets that are not closed",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100 }
            """#,
            errors: [
                #"x.yaml:3:41: not YAML: did not find expected ',' or ']' while parsing a flow sequence; close the bracket, and quote a text that holds brackets or commas"#
            ]),
        WrongConfiguration(
            "a tab for indentation",
            #"""
            version: 1
            server:
            	loops: 1
            """#,
            errors: [
                #"x.yaml:3:1: not YAML: found character that cannot start any token while scanning for the next token; indent with spaces, not tabs"#
            ]),
        WrongConfiguration(
            "an alias in the place of a version",
            #"""
            version: 2
            endpoints: &a
              - *b
            """#,
            errors: [
                #"x.yaml:3:5: not YAML: found undefined alias; quote a text that begins with *"#
            ]),
        WrongConfiguration(
            "several errors, in the order of the file",
            #"""
            version: 1
            server: { listen: localhost, colour: red }
            upstreams:
              shop: { hosts: [ftp://127.0.0.1], timeout: 1 }
            endpoints:
              - path: v1/x
                calls:
                  a: { get: "shop:/a" }
              - path: /v1/y
                deadline: 0s
                calls:
                  a: { get: "shop:/a/{path.id}", required: maybe }
                  b: { get: "shop:/b?x={c}&y={d" }
            """#,
            errors: [
                #"x.yaml:2:19: server.listen: expected an address such as 127.0.0.1:8080 or [::1]:8080, found 'localhost'"#,
                #"x.yaml:2:30: server.colour: unknown key 'colour'; known are: listen, admin, loops, access_log, client_deadline_header, disclose, half_close, limits, timeouts"#,
                #"x.yaml:4:19: upstreams.shop.hosts[0]: a host begins with http://, https:// or unix:/"#,
                #"x.yaml:4:46: upstreams.shop.timeout: '1' has no unit; write one of us, ms, s, m, h after the number, as in 300ms"#,
                #"x.yaml:6:11: endpoints[0].path: a path begins with '/'"#,
                #"x.yaml:10:15: endpoints[1].deadline: 0ms is out of range; write a value from 1ms to 1h"#,
                #"x.yaml:12:27: endpoints[1].calls.a.get: the endpoint's path has no parameter 'id'; add {id} to the path"#,
                #"x.yaml:12:48: endpoints[1].calls.a.required: expected true or false, found 'maybe'"#,
                #"x.yaml:13:29: endpoints[1].calls.b.get: 'c' is neither a call of this endpoint nor one of path, query, header, body, env; known are: path, query, header, body, env, a, b"#,
            ]),
    ]
}
