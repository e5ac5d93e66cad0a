"""What scripts/restarts runs; scripts/restarts --help has what it does."""
import argparse
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

from generator import Requests, Run, summary
from loads import ROOT
from process import Failure, Process, free_port, listener_of, memory_mib, run_program
from replicas import Replica, haproxy_figures, start_haproxy, start_shop, wait_until_up
from rounds import print_table

CONNECTIONS = 128
# How long to wait, at most, for what has to happen.
PATIENCE = 30

# The endpoints that the load asks for, among them one that each reload changes.
CONFIGURATION = """
version: 1
server:
  listen: "127.0.0.1:{listen}"
  admin: "127.0.0.1:{admin}"
  access_log: false
  timeouts: {{ lame_duck: 1s, shutdown: 4s }}
  # A machine that is short of CPU time is not what this is about.
  limits: {{ lag: 10s }}
demo: {{ endpoints: true }}
upstreams:
  shop: {{ hosts: ["http://127.0.0.1:{shop}"], timeout: 5s }}
  changing: {{ hosts: ["http://127.0.0.1:{shop}"], timeout: {timeout}ms }}
endpoints:
  - path: /v1/customers/{{id}}
    deadline: 10s
    calls:
      customer: {{ get: "shop:/customers/{{path.id}}" }}
      offers: {{ get: "shop:/offers/{{customer.segment}}" }}
      orders: {{ get: "shop:/orders?customer={{path.id}}" }}
  - path: /v1/changing
    deadline: 10s
    calls: {{ customer: {{ get: "changing:/customers/1?round={round}" }} }}
"""
# What comes and goes.
ADDED = '  - {{ path: /v1/added/{round}, calls: {{ customer: {{ get: "shop:/customers/{round}" }} }} }}\n'
WRONG = "  - { path: /v1/wrong, dedline: 1s }\n"
REQUESTS = [
    Requests("/hello", 60, expect=[200]), Requests("/v1/customers/1", 15, expect=[200]), Requests("/v1/customers/2", 10, expect=[200]),
    Requests("/v1/changing", 10, expect=[200]), Requests("/nothing", 5, expect=[404]),
]


class Service:
    """A process of gatherd, and those that take its place."""

    def __init__(self, options, folder, shop, arguments=()):
        self.options, self.folder, self.shop = options, folder, shop
        self.ports = [free_port()]
        self.admin = free_port()
        self.file = f"{folder}/gatherd.yaml"
        self.log = f"{folder}/gatherd.log"
        self.arguments = list(arguments)
        self.round = 0
        self.write()

    def text(self, extra=""):
        text = CONFIGURATION.format(
            listen=self.ports[-1], admin=self.admin, shop=self.shop, timeout=5000 + self.round // 2, round=self.round)
        # Every other time there is an endpoint that was not there before and will not be there after.
        return text + (ADDED.format(round=self.round) if self.round % 2 else "") + extra

    def write(self, extra=""):
        pathlib.Path(self.file).write_text(self.text(extra))

    @property
    def command(self):
        return [self.options.program, "serve", self.file, "--log-level", "notice", *self.arguments]

    def start(self):
        processors = os.sched_getaffinity(0)
        self.process = Process("gatherd", self.command, self.ports[-1], processors, {}, self.log)
        self.pid = self.process.child.pid
        self.wait_until_ready()

    def ask(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=PATIENCE)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def is_ready(self):
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def wait_until_ready(self):
        wait_until(self.is_ready, "the service is not ready")

    def reload(self):
        self.round += 1
        self.write()
        status, answer = self.ask("POST", "/-/reload")
        if status != 200 or not answer.startswith("serving configuration"):
            raise Failure(f"not reloaded: {status} {answer}")

    def hand_over(self):
        """Has a new process take over, and waits until the old one has ended."""
        old = self.pid
        os.kill(old, signal.SIGUSR2)
        wait_until(lambda: has_ended(old), "the old process does not end")
        self.take_successor()

    def take_successor(self):
        wait_until(lambda: listener_of(self.ports[-1]), "no process has the socket")
        self.pid = listener_of(self.ports[-1])

    def stop(self):
        if not has_ended(self.pid):
            os.kill(self.pid, signal.SIGTERM)
            wait_until(lambda: has_ended(self.pid), "the service does not end")
        self.process.stop()


def has_ended(pid):
    """Whether a process is no more, or waits for its parent to notice."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(holds, complaint):
    until = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > until:
            raise Failure(complaint)
        time.sleep(0.01)


class Load:
    """A load that runs while things happen, for as long as they take: its seconds are the most that they may."""

    def __init__(self, options, address, requests=None, rate=None):
        self.requests, self.seconds = requests or REQUESTS, options.seconds
        self.began = time.monotonic()
        self.run = Run(address, self.requests, CONNECTIONS, self.seconds, rate or options.rate)
        time.sleep(0.5)

    def end(self):
        """The records, when the load has gone on for another half second."""
        time.sleep(0.5)
        took = time.monotonic() - self.began
        self.run.child.send_signal(signal.SIGINT)
        return summary(self.run.records(), self.requests, took)


def row(name, done, result, remark=""):
    latency = result["latency_us"]
    print(f"{name}: done", file=sys.stderr, flush=True)
    return [name, done, str(result["requests"]), f"{result['rate']:.0f}", str(sum(result["errors"].values())),
            *(f"{latency[each] / 1000:.0f}" if latency[each] is not None else "–" for each in ("p50", "p99", "max")),
            ", ".join([f"{count} × {error}" for error, count in result["errors"].items()] + ([remark] if remark else []))]


def reloads(options, folder, shop):
    """Endpoints and an upstream change each time, the listener once; in between come files that are wrong."""
    service = Service(options, folder, shop)
    service.start()
    service.ports.append(free_port())
    try:
        moved = options.reloads // 2
        load = Load(options, f"127.0.0.1:{service.ports[0]},{service.ports[1]}")
        current, wrong = service.ports.pop(), 0
        for number in range(options.reloads):
            time.sleep(0.2)
            if number == moved:
                service.ports.append(current)
            service.reload()
            if number % 10 == 9:
                service.write(WRONG)
                status, answer = service.ask("POST", "/-/reload")
                if status != 422 or "dedline" not in answer:
                    raise Failure(f"a wrong file was answered with {status} {answer}")
                wrong += 1
        result = load.end()
        metrics = service.ask("GET", "/metrics")[1]
        for name, count in (("changed", options.reloads), ("failed", wrong)):
            if f'gatherd_configuration_reloads_total{{result="{name}"}} {count}\n' not in metrics:
                raise Failure(f"/metrics does not count {count} reloads as {name}")
        complaints = pathlib.Path(service.log).read_text().count("unknown key 'dedline'")
        if complaints != wrong:
            raise Failure(f"the log has {complaints} lines about a wrong file, and not {wrong}")
        return row("reload", f"{options.reloads}, and {wrong} wrong files", result)
    finally:
        service.stop()


def handovers(options, folder, shop):
    """SIGUSR2: a new process takes the sockets over."""
    service = Service(options, folder, shop)
    service.start()
    try:
        load = Load(options, f"127.0.0.1:{service.ports[0]}")
        for _ in range(options.times):
            service.hand_over()
        return row("hand-over", f"{options.times}", load.end())
    finally:
        service.stop()


def socket_restarts(options, folder, shop):
    """SIGTERM and a new start, while someone else (here this program, as systemd does) holds the listening socket."""
    service = Service(options, folder, shop)
    with socket.create_server(("127.0.0.1", service.ports[0]), backlog=4096) as listener:
        # The variable names the process that it is for, which is known when there is one.
        inherit = f"export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=listen; exec 3<&{listener.fileno()}; exec \"$@\""

        def start():
            with open(service.log, "ab") as log:
                child = subprocess.Popen(["bash", "-c", inherit, "bash", *service.command], stdin=subprocess.DEVNULL, stdout=log,
                                         stderr=log, pass_fds=[listener.fileno()])
            service.wait_until_ready()
            return child

        child = start()
        try:
            load = Load(options, f"127.0.0.1:{service.ports[0]}")
            for _ in range(options.times):
                time.sleep(0.5)
                child.terminate()
                if status := child.wait(PATIENCE):
                    raise Failure(f"the service ended with {status}")
                child = start()
            return row("socket activation", f"{options.times}", load.end())
        finally:
            child.terminate()
            child.wait(PATIENCE)


def proxied_restarts(options, folder, shop):
    """One of three replicas after the other is stopped and started again behind HAProxy, which sees the lame ducks."""
    # With time enough for a machine that is short of it.
    patient = pathlib.Path(folder, "replica.yaml")
    patient.write_text((ROOT / "config/haproxy/gatherd.yaml").read_text().replace("deadline: 1s", "deadline: 10s")
                       .replace("timeout: 300ms", "timeout: 9s").replace("  timeouts:", "  limits: { lag: 10s }\n  timeouts:"))
    replicas = [Replica(number, shop, folder, patient) for number in (1, 2, 3)]
    proxy = None
    try:
        for replica in replicas:
            replica.start(options.program)
        proxy, front = start_haproxy(replicas, folder)
        for replica in replicas:
            wait_until_up(folder, replica.number)
        requests = [Requests(f"/v1/customers/{customer}", expect=[200, 404]) for customer in range(1, 9)]
        load = Load(options, f"127.0.0.1:{front}", requests)
        for number in range(options.times):
            replica = replicas[number % 3]
            replica.signal(signal.SIGTERM)
            if status := replica.wait():
                raise Failure(f"a replica ended with {status}")
            replica.start(options.program)
            wait_until_up(folder, replica.number)
        result = load.end()
        servers = [figures for name, figures in haproxy_figures(folder).items() if name.startswith("gatherd-")]
        retried, elsewhere = (sum(int(figures[key]) for figures in servers) for key in ("wretr", "wredis"))
        return row("behind HAProxy", f"{options.times}", result, f"{retried} retried, {elsewhere} sent elsewhere")
    finally:
        for replica in replicas:
            if replica.process:
                replica.process.stop()
        if proxy:
            proxy.stop()


def kills(options, folder, shop):
    """kill -9 during hand-overs, of the new process and of the old: the other one serves. What the killed one had is lost."""
    service = Service(options, folder, shop)
    service.start()
    try:
        load = Load(options, f"127.0.0.1:{service.ports[0]}")
        late = 0
        for number in range(options.times):
            old, log = service.pid, pathlib.Path(service.log)
            before = len(log.read_text())
            os.kill(old, signal.SIGUSR2)
            wait_until(lambda: "starting a new process, which takes over" in log.read_text()[before:], "no new process was started")
            new = int(log.read_text()[before:].split("process=")[1].split()[0])
            # At a different point of its start each time.
            time.sleep(number * 0.0005)
            if "a new process has taken over" in log.read_text()[before:]:
                # It was quick: a kill would now be one of the service, and not of a hand-over.
                late += 1
                wait_until(lambda: has_ended(old), "the old process does not end")
                service.take_successor()
                continue
            killed = (new, old)[number % 2]
            os.kill(killed, signal.SIGKILL)
            wait_until(lambda: has_ended(killed), "a killed process does not end")
            if killed == new:
                wait_until(lambda: "no new process has taken over" in log.read_text()[before:], "no word of the kill")
            else:
                service.take_successor()
            service.wait_until_ready()
        return row("kill -9 in a hand-over", f"{options.times - late}", load.end())
    finally:
        service.stop()


def memory(options, folder, shop):
    """Many reloads without a load: what each leaves behind would add up."""
    service = Service(options, folder, shop)
    service.start()
    try:
        def reload(count):
            for _ in range(count):
                service.reload()
            return memory_mib(service.pid, "VmRSS")

        first, count = reload(200), 800
        last = reload(count)
        print(f"memory: done, {first:.1f} MiB after 200 reloads, {last:.1f} MiB after {200 + count}", file=sys.stderr)
        if last > first * 1.1:
            raise Failure(f"{first:.1f} MiB after 200 reloads have become {last:.1f} MiB after {200 + count}")
        return ["memory", f"{200 + count} reloads", *["–"] * 6, f"{first:.1f} MiB after 200, {last:.1f} MiB at the end"]
    finally:
        service.stop()


def large(options, folder, shop):
    """Reloads of 2,000 endpoints, each of which changes: no job may hold a loop for more than 20 ms."""
    service = Service(options, folder, shop, ["--slow-jobs", "20"])
    many = "".join(
        f'  - {{ path: "/v1/many/{index}/{{id}}", deadline: ROUNDs, calls: {{ a: {{ get: "shop:/customers/{{path.id}}" }}, '
        f'b: {{ get: "shop:/orders?customer={{a.id}}" }} }} }}\n' for index in range(2000))
    plain = service.text
    service.text = lambda extra="": plain(extra + many.replace("ROUND", str(service.round + 1)))
    service.write()
    service.start()
    try:
        # So few that no job waits for a processor, which would count as holding the loop.
        load = Load(options, f"127.0.0.1:{service.ports[0]}", rate=min(options.rate, 200))
        for _ in range(10):
            service.reload()
        result = load.end()
        slow = [line for line in pathlib.Path(service.log).read_text().splitlines() if "a job held the loop" in line]
        held = max((int(line.split("duration_us=")[1].split()[0]) for line in slow), default=0)
        remark = f"{len(slow)} jobs over 20 ms, the longest {held / 1000:.1f} ms" if slow else "no job over 20 ms"
        return row("2,000 endpoints", "10 reloads", result, remark)
    finally:
        service.stop()


# Of the last three the first may lose what the killed process had; the others are not about requests.
PARTS = {"reload": reloads, "handover": handovers, "socket": socket_restarts, "proxy": proxied_restarts, "kill": kills,
         "memory": memory, "large": large}
LOSSLESS = ("reload", "handover", "socket", "proxy", "large")


def run(options):
    rows, good = [], True
    with tempfile.TemporaryDirectory() as folder:
        shop, port = start_shop(options.program, folder)
        try:
            for name in options.parts or PARTS:
                if name not in PARTS:
                    raise Failure(f"there is no '{name}'; there are {', '.join(PARTS)}")
                rows.append(PARTS[name](options, folder, port))
                good &= name not in LOSSLESS or rows[-1][4] == "0"
        finally:
            shop.stop()
            if rows:
                print(f"open loop, {options.rate:g} requests a second, {CONNECTIONS} connections\n")
                print_table(["", "times", "requests", "per second", "failed", "p50 ms", "p99", "max"], [row[:-1] for row in rows])
                print("".join(f"\n{name}: {remark}" for name, *_, remark in rows if remark))
    return 0 if good else 1


def main():
    parser = argparse.ArgumentParser(prog="restarts")
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--rate", type=float, default=3000)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--reloads", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--program", required=True)
    return run_program(parser, run)


if __name__ == "__main__":
    sys.exit(main())
