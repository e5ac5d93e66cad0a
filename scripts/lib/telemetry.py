"""Whether being seen holds a service up: a collector that is gone, slow or refuses, and a scrape of a large configuration.

telemetry.py PROGRAM [scrapes]: services with such a collector have the same load, in turns, as one that sends no spans: each request has
to be answered, about as fast, and each span that is not accepted has to be counted as dropped.
With "scrapes", for which the program is one that was built for release, a service with 200 endpoints of eight calls is scraped instead:
no job of its loop may take 5 ms for that. Only a busy machine makes jobs longer: in half of the scrapes none may be.
"""

import contextlib
import http.client
import http.server
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from page_check import Server
from webdriver import free_port

TURNS, REQUESTS = 8, 250
# How much slower a service may be at its median: noise.
SLOWER = 1.5
SCRAPES = 40
CONFIGURATION = """
version: 1
server: {{ listen: "127.0.0.1:{listen}", admin: "127.0.0.1:{admin}", loops: 1, access_log: false }}
upstreams: {{ up: {{ hosts: ["http://127.0.0.1:{upstream}"] }} }}
{traces}endpoints:
"""
SMALL = '  - { path: /one, calls: { a: { get: "up:/a" } } }\n'
TRACES = 'traces: {{ endpoint: "http://127.0.0.1:{port}", queue: 200, delay: 20ms }}\n'


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    status, delay = 200, 0

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        time.sleep(self.delay)
        with contextlib.suppress(OSError):
            self.send_response(self.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")
            self.wfile.flush()

    do_POST = do_GET

    def log_message(self, *_):
        pass


def server(**behaviour):
    made = Server(("127.0.0.1", 0), type("Other", (Upstream,), behaviour))
    threading.Thread(target=made.serve_forever, daemon=True).start()
    return made.server_port


class Service:
    def __init__(self, program, stack, upstream, traces="", endpoints=SMALL, *flags):
        self.listen, self.admin = free_port(), free_port()
        file = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())) / "gatherd.yaml"
        file.write_text(CONFIGURATION.format(listen=self.listen, admin=self.admin, upstream=upstream, traces=traces) + endpoints)
        self.log = file.with_name("log")
        self.process = subprocess.Popen([program, "serve", *flags, file], stderr=self.log.open("w"))
        stack.callback(self.process.wait)
        stack.callback(self.process.terminate)
        for _ in range(400):
            with contextlib.suppress(OSError):
                self.client = http.client.HTTPConnection("127.0.0.1", self.listen)
                self.client.connect()
                break
            time.sleep(0.05)
        self.times = []

    def ask(self, path):
        begun = time.perf_counter()
        self.client.request("GET", path)
        response = self.client.getresponse()
        response.read()
        self.times.append((time.perf_counter() - begun) * 1000)
        if response.status != 200:
            sys.exit(f"telemetry: {path} is answered with {response.status}")

    def counted(self, name):
        client = http.client.HTTPConnection("127.0.0.1", self.admin)
        client.request("GET", "/metrics")
        text = client.getresponse().read().decode()
        return sum(float(value) for value in re.findall(rf"(?m)^{name}(?:{{.*}})? (\S+)$", text))


def check_collectors(program):
    collectors = {"takes all": server(), "gone": free_port(), "slow": server(delay=5), "answers 429": server(status=429),
                  "answers 503": server(status=503)}
    with contextlib.ExitStack() as stack:
        upstream = server()
        services = {"no collector": Service(program, stack, upstream)}
        for name, port in collectors.items():
            services[name] = Service(program, stack, upstream, TRACES.format(port=port))
        for _ in range(TURNS):
            for service in services.values():
                for _ in range(REQUESTS):
                    service.ask("/one")
        time.sleep(1)
        alone = statistics.median(services["no collector"].times)
        for name, service in services.items():
            times = sorted(service.times)
            dropped, sent = service.counted("gatherd_spans_dropped_total"), service.counted("gatherd_spans_exported_total")
            print(f"{name}: {len(times)} × 200, p50 {times[len(times) // 2]:.2f} and p99 {times[len(times) * 99 // 100]:.2f} ms; "
                  f"{sent:.0f} spans sent, {dropped:.0f} dropped")
            if times[len(times) // 2] > alone * SLOWER:
                sys.exit(f"telemetry: with a collector that is '{name}' requests take longer")
            # Three spans of each gather: the request, the call, the attempt. Some may wait.
            spans = 3 * len(times)
            if name in ("gone", "slow", "answers 429", "answers 503") and not spans - 1500 <= dropped <= spans:
                sys.exit(f"telemetry: of {spans} spans {dropped:.0f} were counted as dropped")
            if name == "takes all" and sent + dropped < spans - 1500:
                sys.exit(f"telemetry: {sent:.0f} of {spans} spans arrived")


def check_scrapes(program):
    calls = ", ".join(f'c{number}: {{ get: "up:/c{number}" }}' for number in range(8))
    endpoints = "".join(f"  - {{ path: /e{number}, calls: {{ {calls} }} }}\n" for number in range(200))
    with contextlib.ExitStack() as stack:
        service = Service(program, stack, server(), "", endpoints, "--slow-jobs", "5")
        for number in range(200):
            service.ask(f"/e{number}")
        size = 0
        for _ in range(SCRAPES):
            client = http.client.HTTPConnection("127.0.0.1", service.admin)
            client.request("GET", "/metrics")
            size = len(client.getresponse().read())
        # A line stands for those of a second.
        lines = re.findall(r"a job held the loop duration_us=\d+ loop=\d+(?: repeated=(\d+))?", service.log.read_text())
        long = sum(1 + int(more or 0) for more in lines)
        print(f"{SCRAPES} scrapes of 200 endpoints with eight calls, {size / 1e6:.1f} MB each: {long} jobs took 5 ms or more")
        if size < 1e6 or long > SCRAPES / 2:
            sys.exit(f"telemetry: too many long jobs:\n{service.log.read_text()[-2000:]}")


if sys.argv[2:] == ["scrapes"]:
    check_scrapes(sys.argv[1])
else:
    check_collectors(sys.argv[1])
