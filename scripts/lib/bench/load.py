"""What scripts/load runs; scripts/load --help has what it does."""
import argparse
import json
import os
import pathlib
import platform
import sys
import tempfile
import time

import picture
from generator import Progress, Requests, Run, summary
from loads import ROOT
from process import Failure, Process, cpu_seconds, free_port, listener_of, memory_mib, run_program
from rounds import print_table, written

DASHBOARD = "/v1/customers/%d/dashboard"
DASHBOARDS = [Requests(DASHBOARD % customer) for customer in range(1, 9)]
TASKS = Requests("/tasks?sleep=10ms,20ms,30ms")
# Of config/gatherd.yaml, whose shop obeys fail_NAME and delay_NAME. A status that is not expected is an error.
PROFILES = {
    "hello": [Requests("/hello")],
    "gather": DASHBOARDS,
    "tasks": [TASKS],
    "mixed": [
        Requests("/hello", 40), Requests(DASHBOARD % 1, 25), Requests("/v1/customers/2/summary", 15),
        Requests("/v1/customers/3/orders?reviews=yes", 10), Requests("/tasks?sleep=10ms,20ms,30ms", 5),
        Requests("/v1/customers/4/settled", 4), Requests(DASHBOARD % 10000, 1, expect=[404])],
    # A required call takes 200 ms more; an optional one is too late for its 80 ms.
    "slow": [Requests(DASHBOARD % 1 + "?delay_orders=200ms", 3), Requests(DASHBOARD % 2 + "?delay_offers=200ms", 1)],
    # An optional call fails: its fallback. A required one fails: 502.
    "failing": [Requests(DASHBOARD % 1 + "?fail_offers=500", 3, expect=[200]),
                Requests(DASHBOARD % 2 + "?fail_orders=500", 1, expect=[502])],
}


def measure(name, requests, address, pid, options):
    """A run of a second to warm up, and the one that counts."""
    Run(address, requests, options.connections, 1, options.rate).records()
    before = cpu_seconds(pid) if pid else None
    progress = Progress(name, options.seconds)
    run = Run(address, requests, options.connections, options.seconds, options.rate)
    records = run.records(progress)
    progress.end()
    result = summary(records, requests, options.seconds)
    if pid and result["requests"]:
        result["cpu_us_per_request"] = round((sum(cpu_seconds(pid)) - sum(before)) / result["requests"] * 1e6, 1)
        result["memory_mib"] = round(memory_mib(pid, "VmRSS"), 1)
    return result


def print_results(results):
    rows = []
    for name, result in results.items():
        latency = result["latency_us"]
        rows.append([
            name, str(result["requests"]), written(result["rate"]),
            *(written(latency[each] / 1000) if latency[each] is not None else "–" for each in ("p50", "p90", "p99", "p99.9", "max")),
            str(sum(result["errors"].values())),
            written(result["cpu_us_per_request"]) if "cpu_us_per_request" in result else "–",
            written(result["memory_mib"]) if "memory_mib" in result else "–"])
    print_table(["profile", "requests", "per second", "p50 ms", "p90", "p99", "p99.9", "max", "errors", "CPU µs/req", "MiB"], rows)
    for name, result in results.items():
        if result["errors"]:
            print(f"\n{name}: " + ", ".join(f"{count} × {error}" for error, count in result["errors"].items()))


def start(options, folder):
    """A service of our own, on ports that are free."""
    ports = [free_port() for _ in range(3)]
    variables = {"GATHERD_LISTEN": f"127.0.0.1:{ports[0]}", "GATHERD_ADMIN": f"127.0.0.1:{ports[1]}",
                 "GATHERD_SHOP": f"127.0.0.1:{ports[2]}"}
    service = Process(
        "gatherd", [options.program, "serve", options.config, "--listen", variables["GATHERD_LISTEN"], "--admin",
                    variables["GATHERD_ADMIN"], "--log-level", "error"],
        ports[0], os.sched_getaffinity(0), variables, f"{folder}/gatherd.log")
    return service, variables["GATHERD_LISTEN"]


def profiles(names):
    chosen = {}
    for name in names or PROFILES:
        if name.startswith("/"):
            chosen[name] = [Requests(name)]
        elif name in PROFILES:
            chosen[name] = PROFILES[name]
        else:
            raise Failure(f"there is no profile '{name}'; there are {', '.join(PROFILES)}, and paths")
    return chosen


def run(options):
    chosen = profiles(options.profiles)
    service = None
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            if options.address:
                address, pid = options.address, listener_of(int(options.address.rpartition(":")[2]))
            else:
                service, address = start(options, folder)
                pid = service.child.pid
            for name, requests in chosen.items():
                results[name] = measure(name, requests, address, pid, options)
        finally:
            if service:
                service.stop()
    loop = f"open loop, {options.rate:g} a second" if options.rate else "closed loop"
    print(f"{loop}, {options.connections} connections, {options.seconds:g} s each\n")
    print_results(results)

    out = pathlib.Path(options.out or ROOT / ".build/load" / time.strftime("%Y%m%d-%H%M%S"))
    out.mkdir(parents=True, exist_ok=True)
    report = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "loop": "open" if options.rate else "closed", "rate": options.rate, "connections": options.connections,
        "seconds": options.seconds, "profiles": results}
    (out / "load.json").write_text(json.dumps(report, indent=1) + "\n")
    (out / "load.svg").write_text(picture.draw(report))
    print(f"\n{out}/load.json, {out}/load.svg")
    return 0 if all(result["successes"] and not result["errors"] for result in results.values()) else 1


def main():
    parser = argparse.ArgumentParser(prog="load")
    parser.add_argument("profiles", nargs="*")
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--address")
    parser.add_argument("--config", default=str(ROOT / "config/gatherd.yaml"))
    parser.add_argument("--out")
    parser.add_argument("--program")
    return run_program(parser, run)


if __name__ == "__main__":
    sys.exit(main())
