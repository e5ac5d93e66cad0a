import HTTPServer
import HTTPTypes
import Testing

@testable import DemoUpstream

struct WelcomeTests {
    private let welcome = Welcome(
        endpoints: [
            Welcome.Endpoint(.get, "/v1/customers/{id}/dashboard", title: "A dashboard in one answer"),
            Welcome.Endpoint(.post, "/v1/orders"),
        ],
        address: "127.0.0.1:8080")

    @Test func `a terminal gets text with commands to paste`() {
        let response = welcome.response(accept: "*/*")
        #expect(response.fields[.contentType] == "text/plain; charset=utf-8")
        #expect(
            text(response) == """
                gatherd answers one request by calling many services at once. To try:

                  A dashboard in one answer
                  curl http://127.0.0.1:8080/v1/customers/1/dashboard

                  POST /v1/orders
                  curl -X POST -H 'Content-Type: application/json' -d '{}' http://127.0.0.1:8080/v1/orders

                  Three sleeps at once, on one thread: 3 s, not 6
                  curl 'http://127.0.0.1:8080/tasks?sleep=1s,2s,3s'

                  The same one after the other: 6 s
                  curl 'http://127.0.0.1:8080/tasks?sleep=1s,2s,3s&mode=sequential'

                  The first to succeed; also wait-first, as-completed, and timeout with timeout=1500ms
                  curl 'http://127.0.0.1:8080/tasks?sleep=1s,2s,3s&mode=race'

                  One fails, and the rest is cancelled
                  curl 'http://127.0.0.1:8080/tasks?sleep=1s,2s:fail,3s'

                  The server alone
                  curl http://127.0.0.1:8080/hello

                With the field 'Accept: application/x-ndjson' or 'Accept: text/event-stream' each call and each task is reported as it starts and ends.
                  curl -N -H 'Accept: application/x-ndjson' …

                """)
    }

    @Test func `a browser gets a page with links for what a link can ask`() {
        let response = welcome.response(accept: "text/html,application/xhtml+xml,*/*;q=0.8")
        let page = text(response)
        #expect(response.fields[.contentType] == "text/html; charset=utf-8")
        #expect(page.contains(#"<a href="/v1/customers/1/dashboard">GET /v1/customers/{id}/dashboard</a>"#))
        #expect(page.contains("<h3>POST /v1/orders</h3>"))
        #expect(page.contains(#"<a href="/tasks?sleep=1s,2s,3s&amp;mode=sequential">"#))
        #expect(page.contains(">With the field &#39;Accept: application/x-ndjson&#39;"))
    }

    @Test func `the two forms are told apart by Accept, which caches are told`() {
        #expect(text(welcome.response(accept: nil)).hasPrefix("gatherd"))
        #expect(text(welcome.response(accept: "TEXT/HTML")).hasPrefix("<!doctype html>"))
        #expect(welcome.response(accept: nil).fields[.vary] == "Accept")
    }

    @Test func `what a configuration says cannot break out of the page or the command`() {
        let welcome = Welcome(
            endpoints: [Welcome.Endpoint(.get, #"/a"><script>'x'</script>"#, title: "<b>fish & chips</b>")],
            address: "127.0.0.1:8080")
        let page = text(welcome.response(accept: "text/html"))
        #expect(page.count(of: "<script") == 2)
        #expect(!page.contains("<b>"))
        #expect(page.contains(#"<a href="/a&quot;&gt;&lt;script&gt;&#39;x&#39;&lt;/script&gt;">"#))
        #expect(page.contains(">&lt;b&gt;fish &amp; chips&lt;/b&gt;</p>"))
        let command = #"curl 'http://127.0.0.1:8080/a"><script>'\''x'\''</script>'"#
        #expect(text(welcome.response(accept: nil)).contains(command))
    }

    @Test func `the plan of the script cannot end the element that it is in`() {
        // U+0600 and what follows it are one character.
        let plan = Array("{\"endpoints\":[{\"path\":\"/\u{600}</script><img>\"}]}".utf8)
        let page = text(Welcome(endpoints: [], address: "", plan: plan).response(accept: "text/html"))
        #expect(
            page.contains(
                #"<script type="application/json" id="plan">{"endpoints":[{"path":"/"#
                    + "\u{600}" + #"\u003c/script>\u003cimg>"}]}</script>"#
            ))
    }

    @Test func `the page has nothing inline and nothing from elsewhere, and its fields allow neither`() {
        let response = welcome.response(accept: "text/html")
        let page = text(response)
        for attribute in ["style=", "onclick=", "onload=", "src=\"http", "href=\"http", "@import", "url("] {
            #expect(!page.contains(attribute) && !Page.style.contains(attribute))
        }
        #expect(page.contains(#"<script type="module" src="gatherd.js"></script>"#))
        for response in [response, Welcome.style, Welcome.script] {
            let policy = response.fields[.contentSecurityPolicy] ?? ""
            #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"))
            #expect(!policy.contains("unsafe") && response.fields[.xContentTypeOptions] == "nosniff")
        }
    }

    @Test func `what others say is never markup in the script`() {
        for way in [
            "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser",
        ] {
            #expect(!Page.script.contains(way))
        }
    }

    @Test(
        "Parameters of a path are 1 in an example",
        arguments: [
            ("/a/{id}", "/a/1"), ("/{a}/{b}/c", "/1/1/c"), ("/plain", "/plain"), ("/open/{id", "/open/{id"),
            ("/close}/{id}", "/close}/1"), ("bare", "/bare"),
        ])
    func examples(_ path: String, _ example: String) {
        #expect(Welcome.Endpoint(.get, path).examplePath == example)
    }

    @Test(
        "A service that listens on all interfaces is shown on localhost",
        arguments: [
            ("0.0.0.0:80", "localhost:80"), (":80", "localhost:80"), ("[::]:80", "localhost:80"),
            ("[::1]:80", "'http://[::1]:80"),
            ("shop.example:80", "shop.example:80"),
        ])
    func addresses(_ address: String, _ shown: String) {
        let text = text(Welcome(endpoints: [], address: address).response(accept: nil))
        #expect(text.contains("\(shown)/hello"))
    }

    @Test func `a method has the command that sends it`() {
        let command = { Welcome.command(Welcome.Endpoint($0, "/x"), origin: "http://h") }
        #expect(command(.head) == "curl --head http://h/x")
        #expect(command(.delete) == "curl -X DELETE http://h/x")
        #expect(command(.patch) == "curl -X PATCH -H 'Content-Type: application/json' -d '{}' http://h/x")
    }

    private func text(_ response: Response) -> String { String(decoding: response.body, as: UTF8.self) }
}

extension String {
    fileprivate func count(of text: String) -> Int { ranges(of: text).count }
}
