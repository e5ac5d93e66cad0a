"""metrics.py GATHERD RULES: what /metrics says, as Prometheus' own tools read it.

Serves a configuration whose upstream answers in every way that an outcome is counted for, sends a known load, and compares what each of
the two formats says of it. Needs prometheus-client (PyPI) and promtool (Debian's package prometheus).
"""
import collections
import http.client
import http.server
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

CONFIGURATION = """
version: 1
server: {{ listen: "127.0.0.1:0", admin: "127.0.0.1:0", loops: 2, access_log: false }}
upstreams:
  up: {{ hosts: ["http://127.0.0.1:{port}"], timeout: 200ms, retry: {{}} }}
  down: {{ hosts: ["http://127.0.0.1:1"] }}
  open: {{ hosts: ["http://127.0.0.1:1"], breaker: {{ min_calls: 1, open_for: 1h }} }}
  full: {{ hosts: ["http://127.0.0.1:{port}"], max_in_flight: 1, queue: {{ max: 1, timeout: 1ms }} }}
endpoints:
  - path: /v1/all/{{id}}
    gather: settled
    calls:
      ok: {{ get: "up:/ok?x={{path.id}}" }}
      error: {{ post: "up:/error", body: 1 }}
      missing: {{ get: "up:/missing" }}
      slow: {{ post: "up:/slow", body: 1 }}
      garbage: {{ post: "up:/garbage", body: 1 }}
      down: {{ post: "down:/", body: 1 }}
      skipped: {{ get: "up:/ok?x={{error.x}}" }}
      refused: {{ post: "open:/", body: 1 }}
      shed: {{ get: "full:/ok?x={{path.id}}" }}
  - path: /v1/first
    gather: first
    calls:
      quick: {{ get: "up:/ok" }}
      cancelled: {{ post: "up:/slow", body: 1 }}
  - path: /v1/one
    calls: {{ ok: {{ get: "up:/ok" }} }}
"""


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path[1:].split("?")[0]
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if name == "slow":
            time.sleep(0.4)
        body = b"garbage" if name == "garbage" else b"{}"
        self.send_response({"error": 500, "missing": 404}.get(name, 200))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass

    do_POST = do_GET

    def log_message(self, *_):
        pass

    def handle_error(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 500

    def handle_error(self, *_):
        pass


def get(port, path, **fields):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=fields)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response, body


def samples(families):
    """Each sample's value by its name and labels, the same for both formats."""
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def total(values, name, **labels):
    return sum(v for (n, l), v in values.items() if n == name and labels.items() <= dict(l).items())


def main():
    gatherd, rules = sys.argv[1:3]
    subprocess.run(["promtool", "check", "rules", rules], check=True, stdout=subprocess.DEVNULL)
    upstream = Server(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(CONFIGURATION.format(port=upstream.server_address[1]))
        file.flush()
        service = subprocess.Popen([gatherd, "serve", file.name], stderr=subprocess.PIPE, text=True)
        try:
            check(service)
        finally:
            service.terminate()
            service.wait(30)
    print("metrics: both formats are read by prometheus-client, promtool has nothing to complain of, and the counts add up")


def check(service):
    line = next(line for line in service.stderr if " serving " in line)
    port, admin = (int(re.search(rf"{key}=\S+:(\d+)", line)[1]) for key in ("listen", "admin"))
    threading.Thread(target=service.stderr.read, daemon=True).start()
    # Failures of each outcome among ten thousand requests.
    gathers, firsts, strays = 500, 300, 200
    ones = 10_000 - gathers - firsts - strays

    def load(paths):
        for path in paths:
            get(port, path)

    paths = [f"/v1/all/{n}" for n in range(gathers)] + ["/v1/one"] * ones + ["/v1/first"] * firsts + ["/v1/nothing"] * strays
    threads = [threading.Thread(target=load, args=(paths[n::12],)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    plain_response, plain = get(admin, "/metrics")
    open_response, opened = get(admin, "/metrics", Accept="application/openmetrics-text; version=1.0.0, text/plain;q=0.5")
    assert plain_response.getheader("Content-Type").startswith("text/plain; version=0.0.4"), plain_response.headers
    assert open_response.getheader("Content-Type").startswith("application/openmetrics-text"), open_response.headers
    lint = subprocess.run(["promtool", "check", "metrics"], input=plain, text=True, capture_output=True)
    assert lint.returncode == 0 and not lint.stderr.strip(), lint.stdout + lint.stderr
    both = [samples(prometheus(plain)), samples(openmetrics(opened))]
    assert {name for name, _ in both[0]} == {name for name, _ in both[1]}
    for values in both:
        duration = "http_server_request_duration_seconds_count"
        assert total(values, duration, http_route="/v1/all/{id}", http_response_status_class="2xx") == gathers
        assert total(values, duration, http_route="/v1/one", http_response_status_class="2xx") == ones
        assert total(values, duration, http_route="/v1/first", http_response_status_class="2xx") == firsts
        assert total(values, duration, http_response_status_class="4xx") == strays
        assert total(values, duration) == 10_000
        ends = dict(ok="ok", error="http_error", missing="http_error", slow="timeout", garbage="bad_response",
                    down="unreachable", skipped="skipped")
        for call, outcome in ends.items():
            found = total(values, "gatherd_calls_total", http_route="/v1/all/{id}", call=call)
            assert found == gathers == total(values, "gatherd_calls_total", http_route="/v1/all/{id}", call=call, outcome=outcome), (call, found)
        # The first attempt opens the breaker; how many calls find their upstream full is not known, but each has ended somehow.
        for call, outcomes in {"refused": ("refused", "unreachable"), "shed": ("shed", "ok")}.items():
            found = [total(values, "gatherd_calls_total", http_route="/v1/all/{id}", call=call, outcome=outcome) for outcome in outcomes]
            assert sum(found) == gathers and min(found) > 0, (call, found)
        assert total(values, "gatherd_calls_total", call="cancelled", outcome="cancelled") == firsts
        assert total(values, "gatherd_calls_total", call="quick", outcome="ok") == firsts
        shed = total(values, "gatherd_calls_total", call="shed", outcome="shed")
        assert shed == total(values, "gatherd_calls_shed_total", upstream="full"), shed
        for call in ends.keys() - {"skipped"}:
            sent = total(values, "gatherd_call_duration_seconds_count", http_route="/v1/all/{id}", call=call)
            assert sent == gathers, (call, sent)
        attempts = collections.Counter()
        for (name, labels), value in values.items():
            if name == "http_client_request_duration_seconds_count":
                labels = dict(labels)
                attempts[labels["upstream"], labels["outcome"], labels.get("http_response_status_class", "")] += value
        assert attempts == {
            ("up", "ok", "2xx"): gathers + ones + firsts, ("up", "cancelled", ""): firsts,
            ("full", "ok", "2xx"): total(values, "gatherd_calls_total", call="shed", outcome="ok"),
            ("open", "unreachable", ""): total(values, "gatherd_calls_total", call="refused", outcome="unreachable"), ("up", "http_error", "5xx"): gathers, ("up", "http_error", "4xx"): gathers,
            ("up", "timeout", ""): gathers, ("up", "bad_response", ""): gathers,
            ("down", "unreachable", ""): gathers + total(values, "gatherd_retries_total", upstream="down")}, attempts
        assert total(values, "gatherd_loops") == 2 and total(values, "gatherd_loops_silent") == 0
        assert total(values, "process_open_fds") > 5 and total(values, "process_cpu_seconds_total") > 0
        assert abs(total(values, "process_start_time_seconds") - time.time()) < 120
        assert total(values, "process_resident_memory_bytes") > 1 << 20


main()
