"""A process that is measured, or helps to: started on given processors, stopped, and what the kernel knows of it."""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

TICK = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """What cannot be measured, and why."""


def run_program(parser, run):
    """Runs a program's `run` with its options, and returns its exit status; SIGTERM ends it with all that it started."""
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return run(options) or 0
    except Failure as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        pass
    return 1


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def children(pid):
    """The processes below it, itself first."""
    found = [pid]
    for parent in found:
        for tasks in pathlib.Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, tasks.read_text().split())
            except OSError:
                pass
    return found


def cpu_seconds(pid):
    """User and system time of the process so far, of its children too."""
    user = system = 0
    for each in children(pid):
        fields = pathlib.Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        user += int(fields[11])
        system += int(fields[12])
    return user / TICK, system / TICK


def memory_mib(pid, figure="VmHWM"):
    """The most that was resident at once, or (VmRSS) what is now; children added up."""
    kib = 0
    for each in children(pid):
        for line in pathlib.Path(f"/proc/{each}/status").read_text().splitlines():
            if line.startswith(f"{figure}:"):
                kib += int(line.split()[1])
    return kib / 1024


def listener_of(port):
    """The process that listens on a port of this machine, if it may be seen."""
    inodes = {fields[9] for table in ("tcp", "tcp6") for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]
              if (fields := line.split())[3] == "0A" and fields[1].endswith(f":{port:04X}")}
    for descriptor in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = os.readlink(descriptor)
        except OSError:
            continue
        if target.startswith("socket:[") and target[8:-1] in inodes:
            return int(descriptor.parts[2])
    return None


class Process:
    def __init__(self, name, command, port, processors, environment, log):
        self.name = name
        with open(log, "wb") as output:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **environment},
                preexec_fn=lambda: os.sched_setaffinity(0, processors))
        until = time.monotonic() + 20
        while not is_listening(port):
            if self.child.poll() is not None or time.monotonic() > until:
                self.stop()
                raise Failure(f"{name} did not start: {pathlib.Path(log).read_text(errors='replace')[-300:]}")
            time.sleep(0.02)

    def cpu_seconds(self):
        return cpu_seconds(self.child.pid)

    def memory_mib(self):
        return memory_mib(self.child.pid)

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
