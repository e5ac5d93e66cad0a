extension WrongConfiguration {
    static let calls = [
        WrongConfiguration(
            "stars, which stand for nothing but themselves",
            #"""
            version: 1
            server: { client_deadline_header: "X-*" }
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /w/*
                calls:
                  a:
                    get: "shop:/a?x={query.*}&y={header.X-*}"
                    headers: { "*": a }
                    forward_headers: ["*", "X-*"]
                    forward_query: ["*", "filter*"]
            """#,
            errors: [
                #"x.yaml:2:35: server.client_deadline_header: the '*' in 'X-*' would stand for itself: there are no wildcards; write each name out"#,
                #"x.yaml:6:14: endpoints[0].path: the '*' in '*' would stand for itself: there are no wildcards; use a parameter, which fills one segment: /{name}"#,
                #"x.yaml:9:26: endpoints[0].calls.a.get: the '*' in 'query.*' would stand for itself: there are no wildcards; name one value"#,
                #"x.yaml:10:20: endpoints[0].calls.a.headers['*']: the '*' in '*' would stand for itself: there are no wildcards; write each name out"#,
                #"x.yaml:11:27: endpoints[0].calls.a.forward_headers[0]: the '*' in '*' would stand for itself: there are no wildcards; write each name out"#,
                #"x.yaml:11:32: endpoints[0].calls.a.forward_headers[1]: the '*' in 'X-*' would stand for itself: there are no wildcards; write each name out"#,
                #"x.yaml:12:25: endpoints[0].calls.a.forward_query[0]: the '*' in '*' would stand for itself: there are no wildcards; write each name out"#,
                #"x.yaml:12:30: endpoints[0].calls.a.forward_query[1]: the '*' in 'filter*' would stand for itself: there are no wildcards; write each name out"#,
            ]),
        WrongConfiguration(
            "a misspelt key",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                deadlin: 1s
                calls:
                  a: { get: "shop:/a" }
            """#,
            errors: [
                #"x.yaml:6:5: endpoints[0].deadlin: unknown key 'deadlin'; did you mean 'deadline'?"#
            ]),
        WrongConfiguration(
            "an unknown upstream",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a: { get: "shpo:/a" }
            """#,
            errors: [
                #"x.yaml:7:18: endpoints[0].calls.a.get: there is no upstream 'shpo'; did you mean 'shop'?"#
            ]),
        WrongConfiguration(
            "an unknown call in a reference",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  customer: { get: "shop:/a" }
                  b: { get: "shop:/b?c={custmer.id}" }
            """#,
            errors: [
                #"x.yaml:8:29: endpoints[0].calls.b.get: 'custmer' is neither a call of this endpoint nor one of path, query, header, body, env; did you mean 'customer'?"#
            ]),
        WrongConfiguration(
            "a cycle of three",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a: { get: "shop:/a?x={c}" }
                  b: { get: "shop:/b?x={a}" }
                  c: { get: "shop:/c?x={b.id}" }
            """#,
            errors: [
                #"x.yaml:7:7: endpoints[0].calls.a: calls wait for each other: a → c → b → a; remove one of the references on this way"#
            ]),
        WrongConfiguration(
            "a call that refers to itself",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a: { get: "shop:/a?x={a.next}" }
            """#,
            errors: [
                #"x.yaml:7:7: endpoints[0].calls.a: the call 'a' refers to itself; remove one of the references on this way"#
            ]),
        WrongConfiguration(
            "a character that a URL cannot have",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a: { get: "shop:/a b" }
            """#,
            errors: [
                #"x.yaml:7:23: endpoints[0].calls.a.get: a space at byte 3 of '/a b' cannot stand in a URL; write it as %20"#
            ]),
        WrongConfiguration(
            "a fallback of a required call",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a: { get: "shop:/a", on_error: [] }
            """#,
            errors: [
                #"x.yaml:7:28: endpoints[0].calls.a.on_error: a required call has no fallback: its failure fails the gather; add required: false, or remove on_error"#
            ]),
        WrongConfiguration(
            "a reference in a fallback",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a: { get: "shop:/a", required: false, on_error: { x: "{query.x}" } }
            """#,
            errors: [
                #"x.yaml:7:55: endpoints[0].calls.a.on_error: a fallback cannot hold a reference; write a plain value, and '{{' for the character itself"#
            ]),
        WrongConfiguration(
            "conditions that are none",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a: { get: "shop:/a", when: ~ }
                  b: { get: "shop:/b", when: "{query.a} or {query.b}" }
                  c: { get: "shop:/c", when: {query.a} }
                  d: { get: "shop:/d", when: "{quary.a}" }
                  e: { get: "shop:/e", when: "{e.x}" }
            """#,
            errors: [
                #"x.yaml:7:34: endpoints[0].calls.a.when: expected a reference, as in when: "{query.full}", found nothing"#,
                #"x.yaml:8:34: endpoints[0].calls.b.when: '{query.a} or {query.b}' is not one reference and nothing else; write it as in when: "{query.full}""#,
                #"x.yaml:9:34: endpoints[0].calls.c.when: expected a reference, as in when: "{query.full}", found a mapping; write the reference in quotes: "{…}""#,
                #"x.yaml:10:36: endpoints[0].calls.d.when: 'quary' is neither a call of this endpoint nor one of path, query, header, body, env; did you mean 'query'?"#,
                #"x.yaml:11:7: endpoints[0].calls.e: the call 'e' refers to itself; remove one of the references on this way"#,
            ]),
        WrongConfiguration(
            "lists that are none",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/{id}
                calls:
                  a: { get: "shop:/a?x={item}" }
                  b: { get: "shop:/b", key: "{path.id}", max_parallel: 2, max_items: 3, on_item_error: null }
                  c: { get: "shop:/c?x={item}", foreach: "{query.ids}" }
                  d: { get: "shop:/d?x={item}", foreach: "{item}" }
                  e: { get: "shop:/e?x={item}", foreach: "{e}" }
                  f: { get: "shop:/f?x={itm}", foreach: "{a}", max_parallel: 0, max_items: 10001, key: [x] }
                  g: { get: "shop:/g?x={item}", foreach: [1, 2] }
                  h: { get: "shop:/h?x={item}", foreach: "{a}", when: "{item.new}", on_item_error: "{item}" }
            """#,
            errors: [
                #"x.yaml:7:29: endpoints[0].calls.a.get: 'item' means nothing here: only what a call with 'foreach' sends is made for an item; add foreach to the call, or refer to something else"#,
                #"x.yaml:8:28: endpoints[0].calls.b.key: 'key' goes with 'foreach'; add foreach, or remove it"#,
                #"x.yaml:8:46: endpoints[0].calls.b.max_parallel: 'max_parallel' goes with 'foreach'; add foreach, or remove it"#,
                #"x.yaml:8:63: endpoints[0].calls.b.max_items: 'max_items' goes with 'foreach'; add foreach, or remove it"#,
                #"x.yaml:8:77: endpoints[0].calls.b.on_item_error: 'on_item_error' goes with 'foreach'; add foreach, or remove it"#,
                #"x.yaml:9:46: endpoints[0].calls.c.foreach: {query.ids} is a text, not a list; refer to a list of a call or of the request's body"#,
                #"x.yaml:10:48: endpoints[0].calls.d.foreach: 'item' means nothing here: only what a call with 'foreach' sends is made for an item; add foreach to the call, or refer to something else"#,
                #"x.yaml:11:7: endpoints[0].calls.e: the call 'e' refers to itself; remove one of the references on this way"#,
                #"x.yaml:12:29: endpoints[0].calls.f.get: 'itm' is neither a call of this endpoint nor one of path, query, header, body, env; did you mean 'item'?"#,
                #"x.yaml:12:66: endpoints[0].calls.f.max_parallel: 0 is out of range; write a value from 1 to 1000"#,
                #"x.yaml:12:80: endpoints[0].calls.f.max_items: 10001 is out of range; write a value from 1 to 10000"#,
                #"x.yaml:12:92: endpoints[0].calls.f.key: expected a text such as "{item.sku}", found a list"#,
                #"x.yaml:13:46: endpoints[0].calls.g.foreach: expected a reference, as in foreach: "{orders.items}", found a list"#,
                #"x.yaml:14:61: endpoints[0].calls.h.when: 'item' means nothing here: only what a call with 'foreach' sends is made for an item; add foreach to the call, or refer to something else"#,
                #"x.yaml:14:88: endpoints[0].calls.h.on_item_error: a fallback cannot hold a reference; write a plain value, and '{{' for the character itself"#,
            ]),
        WrongConfiguration(
            "bodies that are not kept",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a: { post: "shop:/a", stale_for: 5m }
                  b: { get: "shop:/b", stale_for: 0ms }
                  c: { get: "shop:/c", stale_for: 5m, forward_headers: [Accept, authorization] }
                  d: { get: "shop:/d", stale_for: 5m, headers: { Cookie: "session={query.session}" } }
                  e: { get: "shop:/e?x={header.Cookie}", stale_for: 5m }
                  f: { get: "shop:/f", stale_for: 5m, headers: { Authorization: "Bearer 1", X-Tenant: "{header.X-Tenant}" } }
            """#,
            errors: [
                #"x.yaml:7:29: endpoints[0].calls.a.stale_for: only what a get call gives is kept; remove stale_for, or give the call an on_error"#,
                #"x.yaml:8:39: endpoints[0].calls.b.stale_for: 0ms is out of range; write a value from 1ms to 24h"#,
                #"x.yaml:9:28: endpoints[0].calls.c.stale_for: the call sends a client's 'Authorization', and what came for one client is not kept; remove stale_for, or do not send the field"#,
                #"x.yaml:10:28: endpoints[0].calls.d.stale_for: the call sends a client's 'Cookie', and what came for one client is not kept; remove stale_for, or do not send the field"#,
                #"x.yaml:11:46: endpoints[0].calls.e.stale_for: the call sends a client's 'Cookie', and what came for one client is not kept; remove stale_for, or do not send the field"#,
            ]),
        WrongConfiguration(
            "a line break in a header",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a:
                    get: "shop:/a"
                    headers: { X-Tenant: "a\r\nHost: b" }
            """#,
            errors: [
                #"x.yaml:9:30: endpoints[0].calls.a.headers.X-Tenant: the value holds a carriage return, which a header cannot carry; write the value on one line"#
            ]),
        WrongConfiguration(
            "headers of the connection",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a:
                    get: "shop:/a"
                    headers: { Host: example.org, "X Y": z }
                    forward_headers: [Transfer-Encoding, accept]
            """#,
            errors: [
                #"x.yaml:9:20: endpoints[0].calls.a.headers.Host: 'Host' belongs to the connection, not to the call; remove it: gatherd writes it itself where it is needed"#,
                #"x.yaml:9:39: endpoints[0].calls.a.headers['X Y']: 'X Y' is no header's name; use letters, digits and -"#,
                #"x.yaml:10:27: endpoints[0].calls.a.forward_headers[0]: 'Transfer-Encoding' belongs to the connection, not to the call; remove it: gatherd writes it itself where it is needed"#,
            ]),
        WrongConfiguration(
            "a brace that is not closed",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a: { get: "shop:/a?x={query.x" }
            """#,
            errors: [
                #"x.yaml:7:28: endpoints[0].calls.a.get: a '{' without its '}'; write '{{' for the character itself"#
            ]),
        WrongConfiguration(
            "two methods",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a: { get: "shop:/a", post: "shop:/b" }
            """#,
            errors: [
                #"x.yaml:7:28: endpoints[0].calls.a.post: a call has one method, and this one has 'get' already; make it two calls"#
            ]),
        WrongConfiguration(
            "no method",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a: { timeout: 1s }
            """#,
            errors: [
                #"x.yaml:7:10: endpoints[0].calls.a: the call has no method; add one such as get: "shop:/path""#
            ]),
        WrongConfiguration(
            "a body that is got",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a: { get: "shop:/a", body: { x: 1 } }
            """#,
            errors: [
                #"x.yaml:7:28: endpoints[0].calls.a.body: a GET call has no body; use post, put or patch, or put the values into the path or the query"#
            ]),
        WrongConfiguration(
            "a dot segment",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a: { get: "shop:/a/../b" }
            """#,
            errors: [
                #"x.yaml:7:23: endpoints[0].calls.a.get: the path has a '..' segment; write the path without it"#
            ]),
        WrongConfiguration(
            "a URL in place of an upstream",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a: { get: "http://127.0.0.1:9100/a" }
            """#,
            errors: [
                #"x.yaml:7:17: endpoints[0].calls.a.get: a call names an upstream, not a host; declare the host under upstreams, and write get: "shop:/path""#
            ]),
        WrongConfiguration(
            "names that are taken",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  body: { get: "shop:/a" }
                  b: { get: "shop:/b", group: c }
                  c: { get: "shop:/c" }
                  2d: { get: "shop:/d" }
            """#,
            errors: [
                #"x.yaml:7:7: endpoints[0].calls.body: a call cannot be named 'body'; references mean something else by it: choose another name"#,
                #"x.yaml:9:7: endpoints[0].calls.c: the calls 'b' and 'c' both answer under 'c'; choose another name or group"#,
                #"x.yaml:10:7: endpoints[0].calls.2d: '2d' is no call's name; a name has letters, digits, '_' and '-', and begins with a letter or '_'"#,
            ]),
        WrongConfiguration(
            "shaping that contradicts itself",
            #"""
            version: 1
            upstreams:
              shop: { hosts: [http://127.0.0.1:9100] }
            endpoints:
              - path: /v1/x
                calls:
                  a: { get: "shop:/a", allow: [x], deny: [y] }
                  b: { get: "shop:/b", deny: ["x..y"] }
                  c: { get: "shop:/c", group: g, flatten: true }
            """#,
            errors: [
                #"x.yaml:7:46: endpoints[0].calls.a.deny: allow and deny exclude each other: keep one of them"#,
                #"x.yaml:8:38: endpoints[0].calls.b.deny[0]: not a path at column 3: a key was expected; write the way to a key, such as items.sku"#,
                #"x.yaml:9:38: endpoints[0].calls.c.flatten: a call cannot have both group and flatten; keep one of them"#,
            ]),
    ]
}
