"""What scripts/limits runs.

limits.py PROGRAM [PART...]: measures each part and prints it beside its limit; exits with 1 if one is passed.
"""

import asyncio
import contextlib
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

IDLE_CLIENTS = 10_000
IDLE_UPSTREAMS = 5_000
IDLE_TIMEOUT = 6
SECURED = 32
AUTHORITIES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"

CONFIGURATION = """
version: 1
server:
  listen: "127.0.0.1:{port}"
  admin: off
  loops: 1
  access_log: false
  limits: {{ connections: 20000, gathers: 20000, lag: 24h }}
  timeouts: {{ idle: 10m }}
demo: {{ endpoints: true }}
upstreams:
  up:
    hosts: ["{scheme}://127.0.0.1:{upstream}"]
    timeout: 60s
    connect_timeout: 60s
    max_in_flight: {most}
    queue: {{ max: {most}, timeout: 60s }}
    idle_timeout: {idle}s
{more}
endpoints:
  - {{ path: /a, deadline: 60s, calls: {{ a: {{ get: "up:/a" }} }} }}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Service:
    """The program under test, with one upstream."""

    def __init__(self, program, folder, upstream, scheme="http", more="", options=("--slow-jobs", "2")):
        self.port = free_port()
        file = folder / "limits.yaml"
        file.write_text(
            CONFIGURATION.format(
                port=self.port, scheme=scheme, upstream=upstream, most=IDLE_UPSTREAMS, idle=IDLE_TIMEOUT, more=more
            )
        )
        self.log = folder / "log"
        with open(self.log, "wb") as log:
            self.began = time.monotonic()
            self.process = subprocess.Popen(
                [program, "serve", "--config", str(file), *options], stdin=subprocess.DEVNULL, stderr=log
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def answered(self):
        """Waits for the first answer, and returns how long it took since the start."""
        while time.monotonic() < self.began + 10:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)) as client:
                client.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
                if client.recv(1000).startswith(b"HTTP/1.1 200 "):
                    return time.monotonic() - self.began
            time.sleep(0.0005)
        sys.exit(f"limits: the service did not start: {self.log.read_text()[-300:]}")

    def memory(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1000 * 1.024

    def longest_job(self):
        return max((int(us) for us in re.findall(r"held the loop.*?duration_us=(\d+)", self.log.read_text())), default=0) / 1000


class Client:
    """A connection that is kept."""

    async def open(self, port):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def get(self, target):
        self.writer.write(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target.encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        return int(head[9:12]), await self.reader.readexactly(length)

    async def times(self, target, count=None, until=None):
        """How long requests take, one after the other."""
        times = []
        while len(times) < count if count else not until.done():
            began = time.monotonic()
            status, _ = await self.get(target)
            if status != 200:
                sys.exit(f"limits: {target} is {status}")
            times.append((time.monotonic() - began) * 1000)
        return times


def p99(times):
    return statistics.quantiles(times, n=100)[98] if len(times) > 1 else times[0]


rows = []


def row(what, value, limit, unit, text="{:.1f}"):
    rows.append(value <= limit)
    print(f"{what:<62} {text.format(value):>9} {unit:<3} at most {limit:g} {'' if rows[-1] else '  PASSED'}", flush=True)


def start(program, folder):
    times = []
    for _ in range(9):
        with Service(program, folder, free_port()) as service:
            times.append(service.answered() * 1000)
    row("start to first answer, median of 9", statistics.median(times), 50, "ms")


async def clients(program, folder):
    # Without reports of slow jobs, for which each request takes a task.
    with Service(program, folder, free_port(), options=()) as service:
        service.answered()
        held = []
        while len(held) < IDLE_CLIENTS:
            held += await asyncio.gather(*(Client().open(service.port) for _ in range(500)))
            await asyncio.gather(*(each.get("/hello") for each in held[-500:]))
        row(f"{len(held):,} idle clients, each answered once: memory", service.memory(), 50, "MB")
        one = await Client().open(service.port)
        row("  beside them, /hello: p99", p99(await one.times("/hello", 2000)), 5, "ms")
        for each in held:
            each.writer.close()


class HeldUpstream(asyncio.Protocol):
    """Answers nothing until there are as many requests as connections are wanted; then everything at once."""

    connections = []
    held = []
    wanted = 0
    closed = 0

    def connection_made(self, transport):
        self.transport = transport
        HeldUpstream.connections.append(self)

    def connection_lost(self, _):
        HeldUpstream.closed += 1

    def data_received(self, _):
        if not HeldUpstream.wanted:
            return self.transport.write(OK)
        HeldUpstream.held.append(self.transport)
        if len(HeldUpstream.held) == HeldUpstream.wanted:
            HeldUpstream.wanted = 0
            for transport in HeldUpstream.held:
                transport.write(OK)
        return None


async def upstreams(program, folder):
    upstream = free_port()
    server = await asyncio.get_running_loop().create_server(HeldUpstream, "127.0.0.1", upstream, backlog=8192)
    with Service(program, folder, upstream) as service:
        service.answered()
        HeldUpstream.wanted = IDLE_UPSTREAMS
        asking = [await Client().open(service.port) for _ in range(IDLE_UPSTREAMS)]
        answers = await asyncio.wait_for(asyncio.gather(*(each.get("/a") for each in asking)), 60)
        if {status for status, _ in answers} != {200}:
            sys.exit("limits: not every gather is 200")
        began = time.monotonic()
        for each in asking:
            each.writer.close()
        one = await Client().open(service.port)
        # What the burst took is given back.
        await asyncio.sleep(2)
        row(f"{len(HeldUpstream.connections):,} idle connections to an upstream: memory", service.memory(), 120, "MB")
        times = await one.times("/a", 1000)
        row("  beside them, a gather of one call: p99", p99(times), 5, "ms")
        row("  connections that are not one of them", len(HeldUpstream.connections) - IDLE_UPSTREAMS, 0, "", "{}")
        # The newest has been in use until now.
        left = lambda: len(HeldUpstream.connections) - HeldUpstream.closed
        while left() > 1 and time.monotonic() < began + 3 * IDLE_TIMEOUT:
            await asyncio.sleep(0.05)
        row(f"  left open after {time.monotonic() - began:.1f} s of {IDLE_TIMEOUT} s idle, but for the last used", left() - 1, 0, "", "{}")
        row("  longest job, also while they were closed", service.longest_job(), 20, "ms")
    server.close()


TLS_UPSTREAM = """
import asyncio, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
class Upstream(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, _): self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\n\\r\\n1")
async def serve():
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", int(sys.argv[1]), ssl=context, backlog=1000)
    print("ready", flush=True)
    await server.serve_forever()
asyncio.run(serve())
"""


async def beside(service, asking):
    """How long /hello takes while other requests are asked, and their answers."""
    one = await Client().open(service.port)
    await one.times("/hello", 100)
    work = asyncio.ensure_future(asyncio.wait_for(asyncio.gather(*asking), 60))
    times = await one.times("/hello", until=work)
    return times, await work


async def tls(program, folder):
    key, certificate = folder / "up.key", folder / "up.pem"
    subprocess.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=up".split()
        + ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )
    trusted = folder / "trusted.pem"
    trusted.write_text((AUTHORITIES.read_text() if AUTHORITIES.exists() else "") + certificate.read_text())
    port = free_port()
    upstream = subprocess.Popen(
        [sys.executable, "-c", TLS_UPSTREAM, str(port), certificate, key], stdout=subprocess.PIPE, text=True
    )
    try:
        upstream.stdout.readline()
        with Service(program, folder, port, "https", f"    tls: {{ ca: {trusted} }}") as service:
            service.answered()
            asking = [await Client().open(service.port) for _ in range(SECURED)]
            times, answers = await beside(service, [each.get("/a") for each in asking])
            if {status for status, _ in answers} != {200}:
                sys.exit(f"limits: {answers[0]}")
            row(f"{SECURED} TLS connections at once: longest job", service.longest_job(), 10, "ms")
            row(f"  beside them, {len(times)} × /hello: p99", p99(times), 20, "ms")
    finally:
        upstream.kill()
        upstream.wait()


ENDLESS_UPSTREAM = """
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
piece = b"x" * 1_000_000
def serve(connection):
    try:
        connection.recv(10_000)
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n5;")
        while True: connection.sendall(piece)
    except OSError: pass
while True: threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


async def extension(program, folder):
    port = free_port()
    upstream = subprocess.Popen([sys.executable, "-c", ENDLESS_UPSTREAM, str(port)], stdout=subprocess.PIPE, text=True)
    try:
        upstream.stdout.readline()
        with Service(program, folder, port) as service:
            service.answered()
            asking = [await Client().open(service.port) for _ in range(8)]
            times, answers = [], []
            for _ in range(10):
                more, ended = await beside(service, [each.get("/a") for each in asking])
                times, answers = times + more, answers + ended
            wrong = sum(status != 502 or b"bad_response" not in body for status, body in answers)
            row(f"{len(answers)} endless chunk extensions, not told as bad_response", wrong, 0, "", "{}")
            row("  longest job", service.longest_job(), 20, "ms")
            row(f"  beside them, {len(times)} × /hello: p99", p99(times), 20, "ms")
    finally:
        upstream.kill()
        upstream.wait()


PARTS = {"start": start, "clients": clients, "upstreams": upstreams, "tls": tls, "extension": extension}


def run(program, names):
    for name in names or PARTS:
        if name not in PARTS:
            sys.exit(f"limits: there is no '{name}'; there are {', '.join(PARTS)}")
        with tempfile.TemporaryDirectory() as folder:
            part = PARTS[name](program, pathlib.Path(folder))
            if asyncio.iscoroutine(part):
                asyncio.run(part)
    return 0 if all(rows) else 1


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
