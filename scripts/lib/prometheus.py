"""Has a real Prometheus scrape gatherd, an alert fire and clear, and every query of the dashboard answered.

prometheus.py PROGRAM RULES DASHBOARD: the rules with their waiting times shortened, all else as it is.
"""

import http.server
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from webdriver import free_port

CONFIGURATION = """
version: 1
server: {{ listen: "127.0.0.1:{listen}", admin: "127.0.0.1:{admin}", loops: 1, access_log: false }}
upstreams:
  up: {{ hosts: ["http://127.0.0.1:{upstream}"], breaker: {{ min_calls: 5, open_for: 1s }}, eject: {{}}, health: {{ path: / }}, retry: {{}} }}
endpoints: [{{ path: /page, calls: {{ a: {{ get: "up:/a" }}, b: {{ get: "up:/b?of={{a.x ?? 1}}" }} }} }}]
"""
SCRAPES = """
global: {{ scrape_interval: 1s, evaluation_interval: 1s, scrape_timeout: 1s }}
rule_files: [{rules}]
scrape_configs: [{{ job_name: gatherd, static_configs: [{{ targets: ["127.0.0.1:{admin}"] }}] }}]
"""
# What has no samples where nothing of the kind has happened.
QUIET = ("gatherd_log_lines_dropped_total",)


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fails = False

    def do_GET(self):
        body = b'{"x":1}'
        self.send_response(500 if self.fails else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Prometheus:
    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}/api/v1/"

    def get(self, what, **parameters):
        with urllib.request.urlopen(self.base + what + "?" + urllib.parse.urlencode(parameters)) as response:
            return json.load(response)["data"]

    def alerts(self):
        return {alert["labels"]["alertname"]: alert["state"] for alert in self.get("alerts")["alerts"]}

    def wait_for(self, what, condition, seconds=60):
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            try:
                if condition():
                    return print(f"{what} after {time.monotonic() - begun:.0f} s", flush=True)
            except OSError:
                pass
            time.sleep(0.2)
        sys.exit(f"prometheus: not within {seconds} s: {what}")


def load(port, ended):
    while not ended.is_set():
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/page").read()
        except urllib.error.HTTPError as error:
            error.read()
        except OSError:
            pass
        time.sleep(0.02)


def check_alert(prometheus):
    prometheus.wait_for("scraped", lambda: prometheus.get("query", query='up{job="gatherd"} == 1')["result"])
    prometheus.wait_for("the load is seen", lambda: prometheus.get("query", query="http_route:http_server_requests:rate5m > 1")["result"])
    if prometheus.alerts():
        sys.exit(f"prometheus: alerts where all is well: {prometheus.alerts()}")
    Upstream.fails = True
    prometheus.wait_for("GatherdBreakerOpen fires", lambda: prometheus.alerts().get("GatherdBreakerOpen") == "firing")
    Upstream.fails = False
    prometheus.wait_for("GatherdBreakerOpen clears", lambda: "GatherdBreakerOpen" not in prometheus.alerts())


def check_dashboard(prometheus, dashboard):
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    queries += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
    values = {"$__rate_interval": "15s", "$job": "gatherd", "$route": ".*", "$upstream": ".*"}
    empty = []
    for query in queries:
        asked = query
        for name, value in values.items():
            asked = asked.replace(name, value)
        if not prometheus.get("query", query=asked)["result"]:
            empty.append(query)
    expected = [query for query in empty if " > 0" not in query and not any(name in query for name in QUIET)]
    if expected:
        sys.exit("prometheus: queries of the dashboard that find nothing: " + "; ".join(expected))
    print(f"{len(queries)} queries of the dashboard are answered")


def main():
    (program, rules, dashboard) = sys.argv[1:4]
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    (listen, admin, port) = (free_port(), free_port(), free_port())
    ended = threading.Event()
    with tempfile.TemporaryDirectory() as directory:
        place = pathlib.Path(directory)
        (place / "gatherd.yaml").write_text(CONFIGURATION.format(listen=listen, admin=admin, upstream=upstream.server_port))
        text = pathlib.Path(rules).read_text()
        (place / "rules.yaml").write_text(re.sub(r"\bfor: \d+m", "for: 2s", text))
        (place / "prometheus.yaml").write_text(SCRAPES.format(rules=place / "rules.yaml", admin=admin))
        service = subprocess.Popen([program, "serve", place / "gatherd.yaml"], stderr=subprocess.DEVNULL)
        scraper = subprocess.Popen(
            ["prometheus", f"--config.file={place / 'prometheus.yaml'}", f"--storage.tsdb.path={place / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        loading = threading.Thread(target=load, args=(listen, ended))
        loading.start()
        try:
            prometheus = Prometheus(port)
            check_alert(prometheus)
            check_dashboard(prometheus, json.loads(pathlib.Path(dashboard).read_text()))
        finally:
            ended.set()
            loading.join()
            for process in (service, scraper):
                process.terminate()
                process.wait()
    print("prometheus: an alert has fired and cleared, and the dashboard finds what it asks for")


main()
