"""CPU time, rates and latency of services, measured in interleaved rounds.

In each round every service has every load in turn, so that what else the machine does falls on all of them; figures are
medians over the rounds, ratios medians of each round's own ratio.
"""
import http.client
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from loads import RECORD, ROOT, start_upstream
from process import Failure, Process, free_port

# More of a processor than this taken by the hypervisor, and a measurement is made again.
STOLEN = 0.06


class Service:
    """Something to measure: a label, and its command for a load, a port, the upstream's port and a folder for its files."""

    def __init__(self, label, command):
        self.label = label
        self.command = command


def gatherd(label, binary, config=None):
    """A program; it serves the load's configuration, unless another is named."""
    return Service(label, lambda load, port, *_: [
        binary, "serve", "--config", config or str(ROOT / load.config), "--listen", f"127.0.0.1:{port}",
        "--admin", "127.0.0.1:0"])


def measure(services, loads, rounds, seconds):
    """{(service, load): [cell, …]}, a cell the figures of one round. What fails is left out, and a line says why."""
    cells = {(service, load): [] for service in services for load in loads}
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        print("one processor: load and service share it, and rates mean little", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        upstream, environment = start_upstream(folder, {processors[-1]})
        try:
            for number in range(1, rounds + 1):
                for load in loads:
                    for service in services:
                        try:
                            cell = measure_once(service, load, seconds, environment, processors, folder)
                        except (Failure, OSError, http.client.HTTPException) as error:
                            print(f"{service.label}, {load.name}: {error}", file=sys.stderr)
                            continue
                        cells[service, load].append(cell)
                        print(f"round {number} of {rounds}: {service.label}, {load.name}: {cell['cpu']:.1f} µs",
                              file=sys.stderr, flush=True)
        finally:
            upstream.stop()
    return cells


def measure_once(service, load, seconds, environment, processors, folder):
    """The attempt from which the hypervisor took least, of three at most."""
    port = free_port()
    environment = {**environment, "PORT": str(port), "GATHERD_LOOPS": str(load.loops)}
    command = service.command(load, port, environment["UPSTREAM_PORT"], folder)
    process = Process(service.label, command, port, set(processors[:load.loops]), environment, f"{folder}/service.log")
    try:
        check_answer(port, load)
        run_wrk(port, load, 1, processors)
        best = None
        for _ in range(3):
            cell = measure_running(process, port, load, seconds, processors)
            if best is None or cell["stolen"] < best["stolen"]:
                best = cell
            if best["stolen"] <= STOLEN:
                break
        return {**best, "memory": process.memory_mib()}
    finally:
        process.stop()


def measure_running(process, port, load, seconds, processors):
    stolen, before = stolen_seconds(), process.cpu_seconds()
    requests, rate, p50, _, p99, _, errors = run_wrk(port, load, seconds, processors)
    after = process.cpu_seconds()
    if not requests:
        raise Failure("no answer")
    user, system = ((b - a) / requests * 1e6 for a, b in zip(before, after))
    return {"cpu": user + system, "user": user, "system": system, "rate": rate, "p50": p50, "p99": p99,
            "errors": errors, "stolen": (stolen_seconds() - stolen) / seconds}


def stolen_seconds():
    """The time that the hypervisor gave to others, of all processors."""
    return int(pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[8]) / os.sysconf("SC_CLK_TCK")


def check_answer(port, load):
    """Fails unless the service gives the right answer, of a path that is not ours any with 200: speed is no use without."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST" if load.posts else "GET", load.path, RECORD if load.posts else None,
                       {"Content-Type": "application/json"} if load.posts else {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise Failure(f"{load.path}: status {answer.status}")
    if load.name == load.path:
        return
    if load.path == "/hello":
        right = len(body) == 13
    else:
        members = json.loads(body)
        right = bool(members) and all(member == json.loads(RECORD) for member in members.values())
        if load.path[1:].startswith("gather"):
            right = right and members.keys() == {f"k{index}" for index in range(int(load.path[7:]))}
    if not right:
        raise Failure(f"{load.path}: not the expected answer: {body[:80]!r}")


def run_wrk(port, load, seconds, processors):
    """Requests, requests per second, p50, p90, p99 and maximum in µs, errors."""
    environment = {**os.environ, "WRK_POST": RECORD} if load.posts else os.environ
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s", "--timeout", "10s",
               "-s", str(ROOT / "scripts/lib/wrk-report.lua"), f"http://127.0.0.1:{port}{load.path}"]
    output = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=seconds + 60,
        preexec_fn=lambda: os.sched_setaffinity(0, {processors[-1]})).stdout
    for line in output.splitlines():
        if line.startswith("REPORT "):
            return [float(field) for field in line.split()[1:]]
    raise Failure(f"wrk got no answer: {output[-200:]}")


def median(cells, figure):
    return statistics.median(cell[figure] for cell in cells)


def written(figure):
    return f"{figure:.0f}" if figure >= 100 else f"{figure:.1f}"


def print_table(head, rows):
    """A table that is read in a terminal and rendered where Markdown is."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, ["-" * (width - 1) + ":" if column else "-" * width for column, width in enumerate(widths)], *rows]:
        print("| " + " | ".join(cell.rjust(width) if column else cell.ljust(width)
                                for column, (cell, width) in enumerate(zip(row, widths))) + " |")


def print_alone(service, loads, cells):
    """A line for each load of one service."""
    rows = []
    for load in loads:
        runs = cells[service, load]
        if runs:
            rows.append([load.name, *(written(median(runs, figure)) for figure in ("cpu", "user", "system")),
                         f"{median(runs, 'rate'):.0f}", f"{median(runs, 'p50'):.0f}", f"{median(runs, 'p99'):.0f}",
                         f"{sum(run['errors'] for run in runs):.0f}", f"{median(runs, 'memory'):.0f}"])
    print_table(["load", "CPU µs/req", "user", "system", "requests/s", "p50 µs", "p99 µs", "errors", "MiB"], rows)


def print_pair(first, second, loads, cells):
    """A line for each load of two services, and how the second compares."""
    rows = []
    for load in loads:
        pairs = list(zip(cells[first, load], cells[second, load]))
        if not pairs:
            continue
        ratios = [b["cpu"] / a["cpu"] for a, b in pairs]
        row = [load.name]
        for figure in ("cpu", "p50", "p99"):
            row += [written(median([pair[side] for pair in pairs], figure)) for side in (0, 1)]
        rows.append(row + [f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f}–{max(ratios):.2f}",
                           f"{sum(a['errors'] + b['errors'] for a, b in pairs):.0f}"])
    print_table(["load", "CPU µs/req A", "B", "p50 µs A", "B", "p99 µs A", "B", "CPU B/A", "of rounds", "errors"], rows)


def print_peers(services, loads, cells):
    """A line for each service: CPU time for a request of each load, p99 of the gathers of eight, memory."""
    rows = []
    for service in services:
        runs = [cells[service, load] for load in loads]
        if not any(runs):
            continue
        tail = [f"{median(run, 'p99'):.0f}" for run, load in zip(runs, loads) if run and load.name == "gather8"]
        rows.append([service.label, *(written(median(run, "cpu")) if run else "–" for run in runs), *(tail or ["–"]),
                     f"{max(median(run, 'memory') for run in runs if run):.0f}",
                     f"{sum(cell['errors'] for run in runs for cell in run):.0f}"])
    print_table(["CPU µs/req", *(load.name for load in loads), "p99 µs, 8 calls", "MiB", "errors"], rows)
