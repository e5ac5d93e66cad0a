"""Asks a service from pages of other origins in a headless Chromium, and fails if they may do more or less than `cors` says.

cors_check.py PROGRAM: one page is at 127.0.0.1, which `cors` lists, and one at localhost, which it does not.
Then the service is started again with rules for every origin. An upstream of this script logs what reaches it.
"""

import contextlib
import http.server
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from page_check import Server, expect, problems
from webdriver import Browser, free_port

CONFIGURATION = """
version: 1
server:
  listen: "127.0.0.1:{port}"
  admin: "off"
  cors: {cors}
upstreams: {{ up: {{ hosts: ["http://127.0.0.1:{upstream}"] }}, gone: {{ hosts: ["http://127.0.0.1:{gone}"] }} }}
endpoints:
  - {{ path: "/passed/{{rest...}}", method: any, proxy: "up:/{{path.rest}}" }}
  - path: /gathered
    calls: {{ a: {{ get: "up:/a", forward_headers: [Cookie] }} }}
  - {{ path: /gathered, method: PUT, calls: {{ a: {{ put: "up:/a", body: "{{body}}", forward_headers: [X-Token] }} }} }}
  - {{ path: /limited, rate_limit: {{ requests: 1, per: 1h }}, calls: {{ a: {{ get: "up:/a" }} }} }}
  - {{ path: /broken, calls: {{ a: {{ get: "gone:/a" }} }} }}
"""
LISTED = """
    origins: ["http://127.0.0.1:{page}"]
    headers: [Content-Type, X-Token]
    methods: [GET, POST, PUT]
    expose: [X-Total, Gather-Complete]
    credentials: true
    max_age: 1h"""
ALL = """
    origins: ["*"]
    headers: ["*"]"""


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    log = []

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.log.append((self.command, self.path, dict(self.headers)))
        body = b'{"secret":"of the upstream"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Total", "42")
        self.send_header("X-Hidden", "43")
        # What an upstream thinks of other origins is not what counts.
        self.send_header("Access-Control-Allow-Origin", "*")
        if self.path == "/login":
            self.send_header("Set-Cookie", "session=1; Path=/; SameSite=Lax")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer

    def log_message(self, *_):
        pass


class Page(http.server.BaseHTTPRequestHandler):
    """The page that asks: an empty one, of whatever origin it was opened at."""

    def do_GET(self):
        body = b"<!doctype html><title>page</title>"
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(handler):
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@contextlib.contextmanager
def serving(program, text, port):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        service = subprocess.Popen([program, "serve", file.name], stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/gathered").close()
                    break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            service.terminate()
            service.wait()


class Visitor:
    """A page of an origin, and what its requests do."""

    def __init__(self, browser, origin):
        self.browser = browser
        browser.open(origin + "/")
        browser.log("performance")

    def ask(self, url, fields=(), **options):
        """What the page gets: status, body and some fields, or "refused"; how many preflights that took; and what has reached
        the upstream."""
        Upstream.log.clear()
        got = self.browser.run(
            """const [url, options, fields] = arguments
            return fetch(url, options).then(
                async answer => [answer.status, await answer.text(), fields.map(name => answer.headers.get(name))],
                () => "refused")""",
            url, options, list(fields),
        )
        preflights = 0
        for entry in self.browser.log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                preflights += message["params"]["request"]["method"] == "OPTIONS"
        return got, preflights, list(Upstream.log)


def check_listed(browser, page, service):
    visitor = Visitor(browser, page)
    (got, preflights, asked) = visitor.ask(service + "/gathered", ["Gather-Complete", "Server-Timing"])
    expect(got == [200, '{"a":{"secret":"of the upstream"}}', ["true", None]], f"a page of a listed origin reads an answer: {got}")
    expect(preflights == 0 and len(asked) == 1, "a simple request takes no preflight")
    (got, preflights, asked) = visitor.ask(service + "/passed/a", ["X-Total", "X-Hidden"])
    expect(got[2] == ["42", None] and preflights == 0, f"of a proxy's fields it reads those that are exposed: {got}")
    (got, preflights, asked) = visitor.ask(
        service + "/gathered", method="PUT", body='{"a":1}', headers={"Content-Type": "application/json", "X-Token": "t"})
    reached = [(method, fields.get("X-Token")) for (method, _, fields) in asked]
    expect(got[0] == 200 and preflights == 1 and reached == [("PUT", "t")], f"another is asked for before: {got}, {preflights}, {reached}")
    (got, preflights, asked) = visitor.ask(
        service + "/gathered", method="PUT", body='{"a":2}', headers={"Content-Type": "application/json", "X-Token": "t"})
    expect(got[0] == 200 and preflights == 0, "the answer to a preflight is kept")
    (got, preflights, asked) = visitor.ask(service + "/passed/a", method="PUT", body="x", headers={"X-Token": "t"})
    expect(got[0] == 200 and preflights == 1 and [entry[0] for entry in asked] == ["PUT"], "a proxy's preflight is answered here")
    for (path, status) in (("/broken", 502), ("/nothing", 404)):
        (got, _, _) = visitor.ask(service + path)
        expect(got[0] == status and f'"status":{status}' in got[1], f"an error can be read: {got[0]}")
    visitor.ask(service + "/limited")
    (got, _, asked) = visitor.ask(service + "/limited")
    expect(got[0] == 429 and not asked, "so can a refusal")


def check_credentials(browser, page, service):
    visitor = Visitor(browser, page)
    visitor.ask(service + "/passed/login", credentials="include")
    (got, _, asked) = visitor.ask(service + "/gathered", credentials="include")
    expect(got[0] == 200 and asked[0][2].get("Cookie") == "session=1", f"cookies are sent where they may be: {asked}")
    (got, _, asked) = visitor.ask(service + "/gathered", credentials="omit")
    expect(got[0] == 200 and "Cookie" not in asked[0][2], "and not where the page does not want it")


def check_refused(browser, page, other, service):
    visitor = Visitor(browser, page)
    for (what, options) in {
        "a method": {"method": "DELETE"},
        "a field": {"headers": {"X-Other": "1"}},
    }.items():
        (got, preflights, asked) = visitor.ask(service + "/passed/a", **options)
        expect(got == "refused" and preflights == 1 and not asked, f"{what} that is not listed is refused, and nothing goes upstream: {got}, {asked}")
    visitor = Visitor(browser, other)
    (got, preflights, asked) = visitor.ask(service + "/gathered")
    expect(got == "refused" and preflights == 0, f"a page of another origin does not read an answer: {got}")
    (got, _, _) = visitor.ask(service + "/passed/a")
    expect(got == "refused", "nor one that its upstream would let it read")
    (got, _, _) = visitor.ask(service + "/gathered", credentials="include")
    expect(got == "refused", "nor with cookies")
    (got, _, _) = visitor.ask(service + "/nothing")
    expect(got == "refused", "nor an error")
    (got, preflights, asked) = visitor.ask(service + "/passed/a", method="PUT", body="x", headers={"X-Token": "t"})
    expect(got == "refused" and preflights == 1 and not asked, f"what takes a preflight does not reach the upstream: {got}, {asked}")


def check_all(browser, other, service):
    visitor = Visitor(browser, other)
    (got, preflights, asked) = visitor.ask(service + "/gathered")
    expect(got[0] == 200 and preflights == 0, f"with \"*\" a page of any origin reads an answer: {got}")
    (got, preflights, asked) = visitor.ask(service + "/passed/a", method="DELETE", headers={"X-Any": "1", "Authorization": "Bearer x"})
    expect(got[0] == 200 and preflights == 1 and asked[0][2].get("X-Any") == "1", f"and sends any field with any method: {got}")
    (got, _, _) = visitor.ask(service + "/gathered", credentials="include")
    expect(got == "refused", f"but not with cookies: {got}")


def main():
    program = sys.argv[1]
    with served(Upstream) as upstream, served(Page) as port, Browser() as browser:
        (page, other) = (f"http://127.0.0.1:{port}", f"http://localhost:{port}")
        for cors in (LISTED, ALL):
            listen = free_port()
            text = CONFIGURATION.format(cors=cors.format(page=port), port=listen, upstream=upstream, gone=free_port())
            with serving(program, text, listen) as service:
                if cors is LISTED:
                    check_listed(browser, page, service)
                    check_credentials(browser, page, service)
                    check_refused(browser, page, other, service)
                else:
                    check_all(browser, other, service)
    if problems:
        sys.exit(f"cors check: {len(problems)} failed")


if __name__ == "__main__":
    main()
