extension WrongConfiguration {
    /// What an upstream does about failures.
    static let upstreams = [
        WrongConfiguration(
            "retries that are none",
            #"""
            version: 1
            upstreams:
              a: { hosts: [http://h], retry: { attempts: 1, budget: 20, backoff: 2h } }
              b: { hosts: [http://h], retry: { budget: 120%, on: [timeout, 200, 5xx], max_backoff: soon } }
              c: { hosts: [http://h], retry: true }
            demo: {}
            """#,
            errors: [
                #"x.yaml:3:46: upstreams.a.retry.attempts: 1 is out of range; write a value from 2 to 10"#,
                #"x.yaml:3:57: upstreams.a.retry.budget: '20' has no unit; write one of % after the number, as in 20%"#,
                #"x.yaml:3:70: upstreams.a.retry.backoff: 2h is out of range; write a value from 0ms to 1h"#,
                #"x.yaml:4:44: upstreams.b.retry.budget: 120% is out of range; write a value from 0% to 100%"#,
                #"x.yaml:4:64: upstreams.b.retry.on[1]: '200' is nothing that a call is sent again for; write timeout, unreachable, bad_response, or a status from 400 to 599"#,
                #"x.yaml:4:69: upstreams.b.retry.on[2]: '5xx' is nothing that a call is sent again for; write timeout, unreachable, bad_response, or a status from 400 to 599"#,
                #"x.yaml:4:88: upstreams.b.retry.max_backoff: expected a duration such as 300ms, found 'soon'"#,
                #"x.yaml:5:34: upstreams.c.retry: expected a mapping with the keys attempts, budget, on, backoff, max_backoff, found 'true'"#,
            ]),
        WrongConfiguration(
            "breakers that are none",
            #"""
            version: 1
            upstreams:
              a: { hosts: [http://h], breaker: { failure_ratio: 50%, min_calls: 0, window: 1ms } }
              b: { hosts: [http://h], breaker: { failure_ratio: 1.5, open_for: 0s, half_open_calls: many } }
            demo: {}
            """#,
            errors: [
                #"x.yaml:3:53: upstreams.a.breaker.failure_ratio: expected a number such as 0.5, found '50%'"#,
                #"x.yaml:3:69: upstreams.a.breaker.min_calls: 0 is out of range; write a value from 1 to 1000000"#,
                #"x.yaml:3:80: upstreams.a.breaker.window: 1ms is out of range; write a value from 10ms to 1h"#,
                #"x.yaml:4:53: upstreams.b.breaker.failure_ratio: 1.5 is out of range; write a value from 0.01 to 1"#,
                #"x.yaml:4:68: upstreams.b.breaker.open_for: 0ms is out of range; write a value from 1ms to 1h"#,
                #"x.yaml:4:89: upstreams.b.breaker.half_open_calls: expected a whole number, found 'many'"#,
            ]),
        WrongConfiguration(
            "fields and flags that are none",
            #"""
            version: 1
            server: { client_deadline_header: "a b" }
            upstreams:
              a: { hosts: [http://h], deadline_header: Content-Length, coalesce: "yes" }
            demo: {}
            """#,
            errors: [
                #"x.yaml:2:35: server.client_deadline_header: 'a b' is no header's name; use letters, digits and -"#,
                #"x.yaml:4:44: upstreams.a.deadline_header: 'Content-Length' belongs to the connection, not to the call; remove it: gatherd writes it itself where it is needed"#,
                #"x.yaml:4:70: upstreams.a.coalesce: expected true or false, found 'yes'"#,
            ]),
        WrongConfiguration(
            "health checks that are none",
            #"""
            version: 1
            upstreams:
              a: { hosts: [http://h], health: { interval: 0s } }
              b: { hosts: [http://h], health: { path: healthz } }
              c: { hosts: [http://h], health: { path: "/a b", healthy_after: 0 } }
            demo: {}
            """#,
            errors: [
                #"x.yaml:3:35: upstreams.a.health: the key 'path' is missing; add path: /healthz"#,
                #"x.yaml:3:47: upstreams.a.health.interval: 0ms is out of range; write a value from 1ms to 1h"#,
                #"x.yaml:4:43: upstreams.b.health.path: 'healthz' is no path; write one that begins with '/', such as /healthz"#,
                #"x.yaml:5:43: upstreams.c.health.path: '/a b' is no path; write one that begins with '/', such as /healthz"#,
                #"x.yaml:5:66: upstreams.c.health.healthy_after: 0 is out of range; write a value from 1 to 1000"#,
            ]),
        WrongConfiguration(
            "warm-ups that are none",
            #"""
            version: 1
            upstreams:
              a: { hosts: [http://h], warm_up: true }
              b: { hosts: [http://h], warm_up: { connections: 0 } }
              c: { hosts: [http://h], warm_up: { connections: 9, path: healthz }, max_in_flight: 8 }
              d: { hosts: [http://h], warm_up: { conections: 9, path: [] } }
            demo: {}
            """#,
            errors: [
                #"x.yaml:3:36: upstreams.a.warm_up: expected a mapping with the keys connections, path, found 'true'"#,
                #"x.yaml:4:36: upstreams.b.warm_up: the key 'path' is missing; add path: /healthz"#,
                #"x.yaml:4:51: upstreams.b.warm_up.connections: 0 is out of range; write a value from 1 to 1024"#,
                #"x.yaml:5:51: upstreams.c.warm_up.connections: 9 is out of range; write a value from 1 to 8"#,
                #"x.yaml:5:60: upstreams.c.warm_up.path: 'healthz' is no path; write one that begins with '/', such as /healthz"#,
                #"x.yaml:6:38: upstreams.d.warm_up.conections: unknown key 'conections'; did you mean 'connections'?"#,
                #"x.yaml:6:59: upstreams.d.warm_up.path: expected a path such as /healthz, found a list"#,
            ]),
        WrongConfiguration(
            "hedges and ejections that are none",
            #"""
            version: 1
            upstreams:
              a: { hosts: [http://h], hedge: {} }
              b: { hosts: [http://h], hedge: { after: 40ms, extra_load: 2% } }
              c: { hosts: [http://h], hedge: { extra_load: 60% }, eject: { after: 0, for: 1us } }
              d: { hosts: [http://h], hedge: { after: 1ms, attempts: 1 } }
              e: { hosts: [http://h], hedge: { after: 1ms, attempts: 6, atempts: 2 } }
            demo: {}
            """#,
            errors: [
                #"x.yaml:3:34: upstreams.a.hedge: a hedge needs a time; write { extra_load: 2% } to have it learned, or { after: 40ms }"#,
                #"x.yaml:4:49: upstreams.b.hedge.extra_load: a hedge has one time, and this one has 'after' already; keep one of them"#,
                #"x.yaml:5:48: upstreams.c.hedge.extra_load: 60% is out of range; write a value from 0.1% to 50%"#,
                #"x.yaml:5:71: upstreams.c.eject.after: 0 is out of range; write a value from 1 to 1000"#,
                #"x.yaml:5:79: upstreams.c.eject.for: 1us is out of range; write a value from 1ms to 1h"#,
                #"x.yaml:6:58: upstreams.d.hedge.attempts: 1 is out of range; write a value from 2 to 5"#,
                #"x.yaml:7:58: upstreams.e.hedge.attempts: 6 is out of range; write a value from 2 to 5"#,
                #"x.yaml:7:61: upstreams.e.hedge.atempts: unknown key 'atempts'; did you mean 'attempts'?"#,
            ]),
    ]
}
