"""Whether what `gatherd simulate --observed` foretells comes true.

observed.py PROGRAM [SECONDS]: puts a load on a service whose upstream answers after 40 ms at the median and 120 ms at p99, and
one time in a hundred after 300 ms. Then a simulation of what was observed has to agree with what was measured (p50 and p99 to 10%),
and what it foretells of a hedge with what a service shows that has one (to 15%).

The two services have the load in turns of some seconds: a busy machine makes the upstream slower by more from one minute to the
next than the prediction may be wrong. What a gather took is what the service says of it (Server-Timing), without the time that this
script takes to read the answer. Where the machine stood still, which no hedge helps against, the run is made again: this script looks
at how late its own timers are.
"""

import asyncio
import contextlib
import http.client
import math
import random
import re
import subprocess
import sys
import tempfile
import time

from webdriver import free_port

CONFIGURATION = """
version: 1
server: {{ listen: "127.0.0.1:{listen}", admin: "127.0.0.1:{admin}", loops: 1, access_log: false, timeouts: {{ idle: 1h }} }}
upstreams:
  up: {{ hosts: ["http://127.0.0.1:{upstream}"], timeout: 2s{hedge} }}
endpoints:
  - path: /page
    deadline: 3s
    calls:
      a: {{ get: "up:/a" }}
      b: {{ get: "up:/b" }}
      c: {{ get: "up:/c?of={{a.id}}" }}
"""
RATE = 60
# In seconds: how long a turn takes, and what a timer may be late.
TURN = 3
LATE = 0.1
RUNS = 6


class Upstream(asyncio.Protocol):
    """Answers each request on its own time, drawn when it comes."""

    chance = random.Random(7)
    body = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"id":1}'

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        slow = self.chance.random() < 0.01
        delay = 0.3 if slow else 0.04 * math.exp(math.log(3) / 2.326 * self.chance.gauss(0, 1))
        asyncio.get_running_loop().call_later(delay, self.answer)

    def answer(self):
        if not self.transport.is_closing():
            self.transport.write(self.body)


class Client(asyncio.Protocol):
    def __init__(self):
        self.answered = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        calls = re.findall(rb";dur=([\d.]+);start=([\d.]+);desc=ok", data)
        is_good = data.startswith(b"HTTP/1.1 200") and len(calls) == 3
        self.end(max(float(start) + float(duration) for duration, start in calls) if is_good else None)

    def connection_lost(self, _):
        self.end(None)

    def end(self, duration):
        if self.answered and not self.answered.done():
            self.answered.set_result(duration)


class Load:
    """Gathers that begin independently of each other."""

    def __init__(self, port):
        self.port = port
        self.chance = random.Random(3)
        self.idle, self.times = [], []

    async def gather(self):
        if self.idle:
            client = self.idle.pop()
        else:
            client = (await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", self.port))[1]
        client.answered = asyncio.get_running_loop().create_future()
        client.transport.write(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
        duration = await client.answered
        if duration is None:
            sys.exit("observed: a gather failed")
        self.times.append(duration)
        self.idle.append(client)

    async def go_on(self, seconds):
        tasks, due = [], time.perf_counter()
        end = due + seconds
        while due < end:
            due += self.chance.expovariate(RATE)
            await asyncio.sleep(max(0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(self.gather()))
        await asyncio.gather(*tasks)

    def measured(self):
        """p50 and p99 in ms."""
        times = sorted(self.times)
        return percentile(times, 0.5), percentile(times, 0.99)


def percentile(times, share):
    return times[max(0, math.ceil(len(times) * share) - 1)]


def simulated(program, file, admin, *flags):
    """The rows of durations, each with p50 and p99 in ms."""
    command = [program, "simulate", file, "/page", "--observed", f"127.0.0.1:{admin}", "--rate", str(RATE), "--gathers", "20000"]
    output = subprocess.run(command + list(flags), check=True, capture_output=True, text=True).stdout
    print(output)
    unit = {"us": 0.001, "ms": 1, "s": 1000}
    rows = {}
    for line in output.splitlines():
        words = line.split()
        times = [re.fullmatch(r"([\d.]+)(us|ms|s)", word) for word in words[1:]]
        if len(words) == 6 and all(times):
            values = [float(match[1]) * unit[match[2]] for match in times]
            rows[words[0]] = (values[0], values[2])
    return rows


@contextlib.asynccontextmanager
async def serving(program, upstream, hedge):
    """A service with its load, its file and the port of its admin listener."""
    listen, admin = free_port(), free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(CONFIGURATION.format(listen=listen, admin=admin, upstream=upstream, hedge=hedge))
        file.flush()
        service = subprocess.Popen([program, "serve", file.name], stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                try:
                    http.client.HTTPConnection("127.0.0.1", admin).request("GET", "/readyz")
                    break
                except OSError:
                    await asyncio.sleep(0.05)
            yield Load(listen), file.name, admin
        finally:
            service.terminate()
            service.wait()


def compare(what, expected, found, most):
    worst = max(abs(a - b) / b for a, b in zip(expected, found))
    print(f"{what}: p50 {expected[0]:.1f} and p99 {expected[1]:.0f} ms; measured {found[0]:.1f} and {found[1]:.0f} ms: {worst:.1%} apart")
    if worst > most:
        sys.exit(f"observed: more than {most:.0%} apart")


class Watch:
    """How late timers are."""

    def __init__(self):
        self.worst = 0
        self.task = asyncio.create_task(self.look())

    async def look(self):
        while True:
            due = time.perf_counter() + 0.01
            await asyncio.sleep(0.01)
            self.worst = max(self.worst, time.perf_counter() - due)


async def run(program, upstream, seconds):
    """False if the machine stood still."""
    async with (serving(program, upstream, "") as (plain, file, admin),
                serving(program, upstream, ", hedge: { extra_load: 5% }") as (hedged, hedged_file, hedged_admin)):
        watch = Watch()
        for _ in range(math.ceil(seconds / TURN)):
            await plain.go_on(TURN)
            await hedged.go_on(TURN)
            if watch.worst > LATE:
                print(f"a timer was {watch.worst * 1000:.0f} ms late: once more")
                return False
        watch.task.cancel()
        # Not in this thread: the upstream is served by it.
        rows = await asyncio.to_thread(simulated, program, file, admin, "--hedge", "5%")
        compare("without change", rows["before"], plain.measured(), 0.10)
        compare("with a hedge", rows["after"], hedged.measured(), 0.15)
        again = await asyncio.to_thread(simulated, program, hedged_file, hedged_admin)
        print("observed by a service with the hedge, without further change: "
              f"p50 {again['duration'][0]:.1f} and p99 {again['duration'][1]:.0f} ms")
        return True


async def main():
    program, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 45
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=1000)
    upstream = server.sockets[0].getsockname()[1]
    for _ in range(RUNS):
        if await run(program, upstream, seconds):
            return
    sys.exit("observed: the machine stood still in each run")


asyncio.run(main())
