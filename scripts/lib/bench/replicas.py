"""What scripts/replicas runs; scripts/replicas --help has what it does."""
import argparse
import contextlib
import csv
import http.client
import os
import signal
import socket
import sys
import tempfile
import time

from generator import Requests, Run, error_of, percentile, summary
from loads import ROOT, nginx_command
from process import Failure, Process, free_port, run_program
from rounds import print_table

CONNECTIONS = 32


class Replica:
    """A place behind HAProxy, and the process that has it."""

    def __init__(self, number, shop, folder, configuration=ROOT / "config/haproxy/gatherd.yaml"):
        self.number, self.shop, self.folder, self.configuration = number, shop, folder, configuration
        self.port, self.admin = free_port(), free_port()
        self.process = None

    def start(self, program):
        environment = {"GATHERD_LISTEN": f"127.0.0.1:{self.port}", "GATHERD_ADMIN": f"127.0.0.1:{self.admin}",
                       "SHOP": f"http://127.0.0.1:{self.shop}"}
        command = [program, "serve", str(self.configuration), "--log-level", "error"]
        self.process = Process(f"replica {self.number}", command, self.port, os.sched_getaffinity(0), environment,
                               f"{self.folder}/replica-{self.number}.log")

    def signal(self, number):
        self.process.child.send_signal(number)

    def wait(self):
        return self.process.child.wait(40)


def start_shop(program, folder):
    """The demonstration's shop, in a process of its own, which nothing happens to."""
    ports = [free_port() for _ in range(3)]
    environment = {"GATHERD_LISTEN": f"127.0.0.1:{ports[0]}", "GATHERD_ADMIN": f"127.0.0.1:{ports[1]}",
                   "GATHERD_SHOP": f"127.0.0.1:{ports[2]}"}
    command = [program, "serve", str(ROOT / "config/gatherd.yaml"), "--log-level", "error"]
    return Process("the shop", command, ports[2], os.sched_getaffinity(0), environment, f"{folder}/shop.log"), ports[2]


def start_haproxy(replicas, folder):
    front = free_port()
    environment = {"FRONT": f"127.0.0.1:{front}"}
    for replica in replicas:
        environment[f"GATHERD_{replica.number}"] = f"127.0.0.1:{replica.port}"
        environment[f"GATHERD_{replica.number}_ADMIN"] = str(replica.admin)
    with open(f"{folder}/socket.cfg", "w", encoding="utf-8") as file:
        file.write(f"global\n    stats socket {folder}/haproxy.sock\n")
    command = ["haproxy", "-db", "-f", str(ROOT / "config/haproxy/haproxy.cfg"), "-f", f"{folder}/socket.cfg"]
    return Process("HAProxy", command, front, os.sched_getaffinity(0), environment, f"{folder}/haproxy.log"), front


def start_nginx(replicas, folder):
    front = free_port()
    text = (ROOT / "config/nginx/gatherd.conf").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{front}")
    for replica in replicas:
        text = text.replace(f"127.0.0.1:808{replica.number}", f"127.0.0.1:{replica.port}")
    temporary = "".join(f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    command = nginx_command(
        folder, f"daemon off; pid {folder}/nginx.pid; events {{}} http {{ access_log off; {temporary} {text} }}")
    return Process("nginx", command, front, os.sched_getaffinity(0), {}, f"{folder}/nginx.out"), front


def haproxy_figures(folder):
    """Of each server: requests, retries, requests that went elsewhere, and whether it is up."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"{folder}/haproxy.sock")
        connection.sendall(b"show stat\n")
        text = b""
        while piece := connection.recv(65536):
            text += piece
    rows = csv.DictReader(text.decode().removeprefix("# ").splitlines())
    return {row["svname"]: row for row in rows if row["pxname"] == "gatherd"}


def wait_until_up(folder, number):
    for _ in range(100):
        # Its socket comes a little later than its port.
        with contextlib.suppress(OSError):
            if haproxy_figures(folder)[f"gatherd-{number}"]["status"].startswith("UP"):
                return
        time.sleep(0.1)
    raise Failure(f"HAProxy does not see replica {number}")


def events(replicas, program):
    """What happens, in order: seconds to wait for before, a name, and the deed."""
    killed, drained, restarted = replicas

    def kill():
        killed.signal(signal.SIGKILL)
        killed.wait()

    def drain():
        drained.signal(signal.SIGTERM)
        if status := drained.wait():
            raise Failure(f"the drained replica ended with {status}")

    def restart():
        restarted.signal(signal.SIGTERM)
        restarted.wait()
        restarted.start(program)

    return [("all three serve", lambda: None), ("replica 1 is killed", kill), ("replica 1 starts again", lambda: killed.start(program)),
            ("replica 2 drains and ends", drain), ("replica 2 starts again", lambda: drained.start(program)),
            ("replica 3 is restarted", restart)]


def report(records, requests, marks, seconds, rate):
    rows = []
    ends = [mark[0] for mark in marks[1:]] + [seconds]
    for (began, name), ended in zip(marks, ends):
        within = [record for record in records if began <= record[0] / 1e6 < ended]
        good = sorted(record[1] for record in within if not error_of(record, requests))
        rows.append([f"{began:.1f} s: {name}", str(len(within)), str(len(within) - len(good)),
                     *(f"{percentile(good, percent) / 1000:.0f}" if good else "–" for percent in (50, 99)),
                     f"{good[-1] / 1000:.0f}" if good else "–"])
    result = summary(records, requests, seconds)
    total = sorted(record[1] for record in records if not error_of(record, requests))
    rows.append(["all", str(result["requests"]), str(sum(result["errors"].values())),
                 *(f"{percentile(total, percent) / 1000:.0f}" for percent in (50, 99)), f"{total[-1] / 1000:.0f}"])
    print(f"open loop, {rate:g} GET a second, {CONNECTIONS} connections\n")
    print_table(["from", "requests", "failed", "p50 ms", "p99", "max"], rows)
    if result["errors"]:
        print("\nfailed: " + ", ".join(f"{count} × {error}" for error, count in result["errors"].items()))
    return not result["errors"] and result["requests"] > 0


def run(options):
    requests = [Requests(f"/v1/customers/{customer}", expect=[200]) for customer in range(1, 9)]
    started = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            shop, shop_port = start_shop(options.program, folder)
            started.append(shop)
            replicas = [Replica(number, shop_port, folder) for number in (1, 2, 3)]
            for replica in replicas:
                replica.start(options.program)
            proxy, front = (start_nginx if options.nginx else start_haproxy)(replicas, folder)
            started.append(proxy)
            for replica in replicas if not options.nginx else []:
                wait_until_up(folder, replica.number)
            connection = http.client.HTTPConnection("127.0.0.1", front, timeout=10)
            connection.request("GET", requests[0].path)
            if (status := connection.getresponse().status) != 200:
                raise Failure(f"{requests[0].path}: status {status}")

            load = Run(f"127.0.0.1:{front}", requests, CONNECTIONS, options.seconds, options.rate)
            began = time.monotonic()
            marks = []
            steps = events(replicas, options.next)
            for index, (name, deed) in enumerate(steps):
                # Evenly over the time; a deed that takes longer delays the next.
                time.sleep(max(0, began + index * options.seconds / len(steps) - time.monotonic()))
                marks.append((time.monotonic() - began, name))
                print(f"{marks[-1][0]:5.1f} s  {name}", file=sys.stderr, flush=True)
                deed()
            good = report(load.records(), requests, marks, options.seconds, options.rate)
            if options.nginx:
                return 0 if good else 1
            figures = haproxy_figures(folder)
            print("\nHAProxy: " + "; ".join(
                f"{name} {row['stot']} requests, {row['wretr']} retried, {row['wredis']} sent elsewhere"
                for name, row in figures.items() if name.startswith("gatherd-")))
            return 0 if good else 1
        finally:
            for replica in replicas if started else []:
                if replica.process:
                    replica.process.stop()
            for process in reversed(started):
                process.stop()


def main():
    parser = argparse.ArgumentParser(prog="replicas")
    parser.add_argument("--rate", type=float, default=400)
    parser.add_argument("--seconds", type=float, default=24)
    parser.add_argument("--nginx", action="store_true")
    parser.add_argument("program")
    parser.add_argument("next")
    return run_program(parser, run)


if __name__ == "__main__":
    sys.exit(main())
