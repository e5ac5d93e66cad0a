"""Whether all that tell of a gather tell the same: 100 random graphs over real sockets.

sights.py PROGRAM [GRAPHS]: each graph is drawn by the page at `/` in a headless Chromium, asked for as a stream of records, by
`gatherd trace`, and plainly with its Server-Timing field. Starts and ends must be those of the upstream's own log, to 3 ms in one of some
runs, since a busy machine may delay either side; what `/gathers` keeps of a gather must be what its stream has told, to the last digit.
"""

import asyncio
import json
import random
import re
import subprocess
import sys
import tempfile
import time

from page_check import Page
from webdriver import Browser, free_port

CONFIGURATION = """
version: 1
server: {{ listen: "127.0.0.1:{listen}", admin: "127.0.0.1:{admin}", loops: 2, access_log: false, disclose: everything }}
demo: {{ endpoints: true }}
upstreams: {{ up: {{ hosts: ["http://127.0.0.1:{upstream}"], timeout: 5s }} }}
endpoints:
"""
# More than a machine needs that is not short of processor time.
RUNS = 60
CLOSE = 3
FAILS = 0.08


class Upstream(asyncio.Protocol):
    log = {}

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        begun = time.monotonic()
        (name, delay, status) = re.match(rb"GET /(\w+)\?delay=(\d+)&status=(\d+)", data).groups()
        asyncio.get_running_loop().call_later(int(delay) / 1000, self.answer, name.decode(), int(status), begun)

    def answer(self, name, status, begun):
        body = b'{"x":1}'
        self.log[name] = (begun, time.monotonic(), status)
        self.transport.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))


def graph(chance):
    """Calls with what each waits for, how long it takes, and its status."""
    calls = {}
    for number in range(chance.randint(2, 9)):
        inputs = chance.sample(sorted(calls), min(len(calls), chance.choice([0, 1, 1, 2])))
        calls[f"c{number}"] = (inputs, chance.randint(3, 60), 500 if chance.random() < FAILS else 200)
    return calls


def endpoint(number, calls):
    lines = [f"  - path: /g{number}", "    gather: settled", "    deadline: 10s", "    calls:"]
    for name, (inputs, delay, status) in calls.items():
        waits = "".join(f"&{other}={{{other}.x}}" for other in inputs)
        lines.append(f'      {name}: {{ get: "up:/{name}?delay={delay}&status={status}{waits}" }}')
    return "\n".join(lines) + "\n"


async def get(port, target, accept=None):
    (reader, writer) = await asyncio.open_connection("127.0.0.1", port)
    field = f"Accept: {accept}\r\n" if accept else ""
    writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{field}\r\n".encode())
    (head, _, body) = (await reader.read(-1)).partition(b"\r\n\r\n")
    writer.close()
    if b"chunked" in head.lower():
        (rest, body) = (body, b"")
        while rest:
            (size, _, rest) = rest.partition(b"\r\n")
            (body, rest) = (body + rest[: int(size, 16)], rest[int(size, 16) + 2 :])
    return head.decode(), body.decode()


async def by_stream(port, admin, target):
    (_, body) = await get(port, target, "application/x-ndjson")
    records = [json.loads(line) for line in body.splitlines()]
    told = {r["call"]: (r.get("start_ms"), r["duration_ms"], r["outcome"]) for r in records if "call" in r}
    path = records[-1]["gather"]["critical_path"]
    (_, kept) = await get(admin, "/gathers")
    latest = json.loads(kept)["recent"][0]
    again = {name: (c.get("start_ms"), c["duration_ms"], c["outcome"]) for name, c in latest["calls"].items()}
    if again != told or latest["critical_path"] != path or latest["endpoint"] != f"GET {target}":
        sys.exit(f"sights: /gathers and the stream of {target} differ:\n{latest}\n{told} {path}")
    return told, path


async def by_timing(port, _, target):
    (head, _) = await get(port, target)
    field = re.search(r"(?im)^server-timing: (.*?)\r?$", head)[1]
    told = {}
    for entry in field.split(", "):
        (name, *rest) = entry.split(";")
        values = dict(part.split("=") for part in rest)
        told[name] = (float(values["start"]) if "start" in values else None, float(values["dur"]), values["desc"])
    return told, None


def make_trace(program):
    async def by_trace(port, _, target):
        process = await asyncio.create_subprocess_exec(program, "trace", f"127.0.0.1:{port}{target}", stdout=asyncio.subprocess.PIPE)
        (output, _) = await process.communicate()
        (starts, told) = ({}, {})
        for line in output.decode().splitlines():
            if match := re.match(r"([\d.]+) ms  (c\d+) starts", line):
                starts[match[2]] = float(match[1])
            elif match := re.match(r"(?:([\d.]+) ms  )?(c\d+) (\w+)(?:, ([\d.]+) ms)?", line):
                told[match[2]] = (starts.get(match[2]), float(match[4] or 0), match[3])
        path = re.search(r"the longest chain was (.*)\.", output.decode())
        return told, path and path[1].split(" → ")

    return by_trace


def make_page(page):
    """What the page draws: bars by their places, and in words what became of the calls."""
    def draw(target):
        page.choose(f"GET {target}", runs=False)
        page.submit()
        told = {}
        for name, row in page.rows().items():
            bar = row["bars"][0] if row["bars"] else {"start": None, "length": 0.0}
            outcome = "ok" if row["value"].endswith(" ms") else "http_error" if row["value"].startswith("status ") else row["value"]
            told[name] = (bar["start"], bar["length"], outcome, "critical" in row["marks"])
        path = sorted((name for name, row in told.items() if row[3]), key=lambda name: told[name][0])
        return {name: row[:3] for name, row in told.items()}, path

    async def by_page(_, __, target):
        # Not in this thread: the upstream is served by it.
        return await asyncio.to_thread(draw, target)

    return by_page


def outcomes(calls):
    """What becomes of each call, by the graph alone."""
    ends = {}
    for name, (inputs, _, status) in calls.items():
        isThere = all(ends[other] == "ok" for other in inputs)
        ends[name] = ("ok" if status == 200 else "http_error") if isThere else "skipped"
    return ends


def apart(told, log):
    """The most that a start or an end differs from the log, which has a clock of its own."""
    shift = min(begun for begun, _, _ in log.values())
    differences = []
    for name, (begun, ended, _) in log.items():
        (start, duration, _) = told[name]
        differences += [abs((begun - shift) * 1000 - start), abs((ended - shift) * 1000 - start - duration)]
    return max(differences)


async def main():
    program, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100
    chance = random.Random(11)
    graphs = [graph(chance) for _ in range(count)]
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    (listen, admin) = (free_port(), free_port())
    worst, repeated, calls_seen, browser = 0, 0, 0, None
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(CONFIGURATION.format(listen=listen, admin=admin, upstream=server.sockets[0].getsockname()[1]))
        file.write("".join(endpoint(number, calls) for number, calls in enumerate(graphs)))
        file.flush()
        service = subprocess.Popen([program, "serve", file.name], stderr=subprocess.DEVNULL)
        try:
            while service.poll() is None:
                try:
                    (_, writer) = await asyncio.open_connection("127.0.0.1", listen)
                    writer.close()
                    break
                except OSError:
                    await asyncio.sleep(0.05)
            browser = await asyncio.to_thread(Browser)
            page = Page(browser, f"http://127.0.0.1:{listen}")
            await asyncio.to_thread(page.open)
            for number, calls in enumerate(graphs):
                expected = outcomes(calls)
                for sight in (make_page(page), by_stream, make_trace(program), by_timing):
                    best = None
                    for run in range(RUNS):
                        Upstream.log.clear()
                        (told, path) = await sight(listen, admin, f"/g{number}")
                        found = {name: outcome for name, (_, _, outcome) in told.items()}
                        if found != expected or set(Upstream.log) != {name for name, end in expected.items() if end != "skipped"}:
                            sys.exit(f"sights: {sight.__name__} tells of graph {number}: {found}; it is {expected}, sent {set(Upstream.log)}")
                        if path and any(before not in calls[after][0] for before, after in zip(path, path[1:])):
                            sys.exit(f"sights: {sight.__name__}: {path} is no chain of graph {number}")
                        best = min(best or 1e9, apart(told, Upstream.log))
                        if best <= CLOSE:
                            break
                        repeated += 1
                    worst = max(worst, best)
                    if best > CLOSE:
                        sys.exit(f"sights: {sight.__name__} of graph {number} is {best:.1f} ms from the upstream's log")
                calls_seen += len(calls)
        finally:
            if browser:
                await asyncio.to_thread(browser.close)
            service.terminate()
            service.wait()
    print(f"{count} graphs with {calls_seen} calls: page, stream, /gathers, trace and Server-Timing agree with the upstream's log, "
          f"at most {worst:.1f} ms apart; {repeated} of {count * 4 + repeated} runs were repeated")


asyncio.run(main())
