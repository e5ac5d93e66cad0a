"""What a request costs in things that can be counted exactly: instructions, allocations, retains, system calls.

The service stands still between two events. This program is client and upstream at once, and does the next thing (a
request, one upstream response) only when every thread of the service sleeps. So the service sees one event for each turn of
its loop, however busy the machine is, and a request takes the same way each time; a figure is the median of the requests
that were measured, which leaves out the one in which a second begins and `Date` is written anew.
"""
import os
import pathlib
import re
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter

import parts
from loads import LOADS, RECORD, make_certificate, upstream_environment
from process import Failure, Process, free_port
from rounds import gatherd, print_table

BASELINE = pathlib.Path(__file__).with_name("counts.json")
COUNTED = ["hello", "gather1", "limited1", "gather8", "gather32", "diamond", "guarded8", "post", "chunked8", "tls8"]
# By how much a figure may be above its baseline. Digits of times and addresses of memory move instructions and retains a
# little; allocations and system calls do not move at all.
MARGINS = {"instructions": 0.02, "retains": 0.02, "allocations": 0, "system calls": 0}
ALLOCATIONS = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"}
RETAINS = {"swift_retain", "swift_release", "swift_retain_n", "swift_release_n"}
WARM_UP = 30
MEASURED = 9


class Watched:
    """The threads of a process, seen from outside."""

    def __init__(self, pid):
        self.pid = pid
        self.switches = self.look()[1]

    def look(self):
        """Whether all sleep, and how often they went to sleep so far."""
        asleep, switches = True, 0
        for thread in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            status = (thread / "status").read_text()
            asleep = asleep and "\nState:\tS" in status
            switches += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)[1])
        return asleep, switches

    def sleep(self, again, until):
        """Waits until it sleeps: again, if something was done that wakes it up."""
        while True:
            asleep, switches = self.look()
            if asleep and not (again and switches == self.switches):
                self.switches = switches
                return
            if time.monotonic() > until:
                raise Failure("the service neither answers nor calls, or does not come to rest")


class Upstream:
    """Reads requests when told to, and answers the oldest when told to. One port is plain, one has TLS."""

    def __init__(self, folder):
        self.listeners = [socket.create_server(("127.0.0.1", 0), backlog=128) for _ in range(2)]
        make_certificate(folder)
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.tls.load_cert_chain(f"{folder}/ca.pem", f"{folder}/ca.key")
        self.environment = upstream_environment(folder, *(listener.getsockname()[1] for listener in self.listeners))
        self.unread = {}
        self.waiting = []
        body = RECORD.encode()
        head = b"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: application/json\r\n"
        self.whole = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:100], body[100:700], body[700:]))
        self.chunked = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"

    def read(self):
        for listener, tls in zip(self.listeners, [None, self.tls]):
            listener.setblocking(False)
            while (connection := accepted(listener)) is not None:
                if tls:
                    connection = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                self.unread[connection] = b""
        for connection in list(self.unread):
            data = received(connection)
            if data == b"":
                connection.close()
                del self.unread[connection]
            elif data:
                self.take(connection, self.unread[connection] + data)

    def take(self, connection, data):
        """Notes a request when it is there as a whole."""
        head, end, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\ncontent-length: *(\d+)", head)
        if end and len(body) == int(length[1] if length else 0):
            self.waiting.append((connection, self.chunked if b" /u/chunked" in head else self.whole))
            data = b""
        self.unread[connection] = data

    def answer(self):
        """False if there is no request, as in the middle of a handshake."""
        if not self.waiting:
            return False
        connection, response = self.waiting.pop(0)
        connection.sendall(response)
        return True

    def close(self):
        for open_socket in [*self.listeners, *self.unread]:
            open_socket.close()


def accepted(listener):
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return None
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def received(connection):
    """Bytes, none at the end, nothing if there are none yet."""
    try:
        return connection.recv(1 << 20)
    except (BlockingIOError, ssl.SSLWantReadError):
        return None
    except (ConnectionResetError, ssl.SSLError):
        return b""


class Session:
    """The service under a tool that counts, and one client connection to it."""

    def __init__(self, tool, binary, name, folder):
        self.upstream = Upstream(folder)
        load, port = LOADS[name], free_port()
        command = gatherd(name, binary).command(load, port)
        environment = {**self.upstream.environment, "GATHERD_LOOPS": "1",
                       # The order in a dictionary, and so what a look-up takes, is drawn anew in each process otherwise.
                       "SWIFT_DETERMINISTIC_HASHING": "1"}
        self.process = Process("gatherd", tool + command, port, os.sched_getaffinity(0), environment, f"{folder}/log")
        tool_process = self.process.child.pid
        below = pathlib.Path(f"/proc/{tool_process}/task/{tool_process}/children").read_text().split()
        self.pid = int(below[0]) if below else tool_process
        head = "Host: bench\r\nAccept: */*\r\n"
        if load.posts:
            text = f"POST {load.path} HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
            text += f"Content-Length: {len(RECORD)}\r\n\r\n{RECORD}"
        else:
            text = f"GET {load.path} HTTP/1.1\r\n{head}\r\n"
        self.request = text.encode()
        self.client = socket.create_connection(("127.0.0.1", port))
        self.client.setblocking(False)
        self.service = Watched(self.pid)

    def ask(self):
        """One request, one event at a time."""
        self.service.switches = self.service.look()[1]
        self.client.sendall(self.request)
        answer, did_something, until = b"", True, time.monotonic() + 20
        while True:
            self.service.sleep(did_something, until)
            data = received(self.client)
            if data == b"":
                raise Failure("the service closed the connection")
            answer += data or b""
            head, end, body = answer.partition(b"\r\n\r\n")
            if end and len(body) == int(re.search(rb"(?i)\ncontent-length: *(\d+)", head)[1]):
                return head.split()[1]
            self.upstream.read()
            did_something = self.upstream.answer()

    def warm_up(self):
        status = None
        for _ in range(WARM_UP):
            status = self.ask()
        if status != b"200":
            raise Failure(f"status {status.decode()}")

    def stop(self):
        self.client.close()
        if self.pid != self.process.child.pid:
            os.kill(self.pid, 15)
        self.process.stop()
        self.upstream.close()


def count_calls(binary, name, folder):
    """System calls of a request."""
    trace = pathlib.Path(folder, "trace")
    session = Session(["strace", "-f", "-qq", "-o", str(trace)], binary, name, folder)
    try:
        session.warm_up()
        figures = []
        for _ in range(MEASURED):
            before = trace.stat().st_size
            session.ask()
            with open(trace, "rb") as lines:
                lines.seek(before)
                # The call in which it sleeps has no line yet, and one that another thread's interrupts has two.
                figures.append(sum(line.endswith(b"\n") and b"resumed>" not in line for line in lines))
        return {"system calls": statistics.median_low(figures)}
    finally:
        session.stop()


def count_instructions(binary, name, folder):
    """Instructions, allocations and retains of a request."""
    out = pathlib.Path(folder, f"callgrind.{name}")
    session = Session(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"], binary, name, folder)
    try:
        session.warm_up()
        dump(session.pid)
        for _ in range(MEASURED):
            session.ask()
            dump(session.pid)
    finally:
        session.stop()
    requests = [read_dump(file) for file in dumps(folder, name)]
    return {figure: statistics.median_low([request[figure] for request in requests]) for figure in requests[0]}


def profile(binary, name):
    """Instructions of a request by part of the program."""
    with tempfile.TemporaryDirectory() as folder:
        count_instructions(without_debug_information(binary, folder), name, folder)
        totals = {file: read_dump(file)["instructions"] for file in dumps(folder, name)}
        return parts.read_parts(min(totals, key=totals.get))


def dump(pid):
    """Has callgrind write what it counted since the last time."""
    subprocess.run(["vgdb", f"--pid={pid}", "dump"], check=True, capture_output=True, timeout=30)


def read_dump(file):
    names, calls, callee, total = {}, Counter(), "", 0
    with open(file) as lines:
        for line in lines:
            # A name stands with its number the first time only. 'N behind it is the depth of a recursion.
            if match := re.match(r"(c?)fn=\((\d+)\)(?: (.*))?", line):
                if match[3]:
                    names[match[2]] = match[3].split("'")[0].strip()
                if match[1]:
                    callee = names[match[2]]
            elif line.startswith("calls="):
                calls[callee] += int(line[6:].split()[0])
            elif line.startswith("totals:"):
                total = int(line.split()[1])
    return {"instructions": total, "allocations": sum(calls[name] for name in ALLOCATIONS),
            "retains": sum(calls[name] for name in RETAINS)}


def dumps(folder, name):
    """What callgrind wrote for each request; the first dump is that of the warming up."""
    return [f"{folder}/callgrind.{name}.{number}" for number in range(2, MEASURED + 2)]


def without_debug_information(binary, folder):
    """A copy of the binary: valgrind takes minutes over what is left out. Names stay."""
    stripped = f"{folder}/gatherd"
    subprocess.run(["objcopy", "--strip-debug", binary, stripped], check=True)
    return stripped


def count(binary, names):
    """{load: {figure: count}}, without the loads that fail, such as those whose configuration an old binary does not know."""
    with tempfile.TemporaryDirectory() as folder:
        stripped = without_debug_information(binary, folder)
        counts = {}
        for name in names:
            try:
                counts[name] = {**count_instructions(stripped, name, folder), **count_calls(stripped, name, folder)}
            except Failure as failure:
                print(f"{name}: {failure}", file=sys.stderr)
        return counts


def toolchain():
    """What the figures depend on besides the code."""
    def first_match(pattern, *command):
        found = re.search(pattern, subprocess.run(command, capture_output=True, text=True).stdout)
        return found[1] if found else "unknown"

    swift = first_match(r"Swift version (\S+)", "swift", "--version")
    glibc = first_match(r"glibc (\S+)", "getconf", "GNU_LIBC_VERSION")
    libcurl = first_match(r"(\S+)", "pkg-config", "--modversion", "libcurl")
    return f"Swift {swift}, glibc {glibc}, libcurl {libcurl}"


def compare(counts, baseline):
    """Prints figures next to the baseline's; true if none is above it by more than its margin."""
    rows, good = [], True
    for name, figures in counts.items():
        row = [name]
        for figure, margin in MARGINS.items():
            now, before = figures[figure], baseline["counts"].get(name, {}).get(figure)
            text = f"{now:,}"
            if before is not None and now != before:
                text += f" ({now - before:+,})"
            if before is None:
                text += " new"
            elif now > before * (1 + margin):
                text += " !"
                good = False
            row.append(text)
        rows.append(row)
    print_table(["per request", *MARGINS], rows)
    return good
