"""Large bodies through a proxy: gatherd's beside nginx's, in turns. Every byte is compared with what was sent.

The upstream is a process of its own, which this file is the program of as well: passing.py PORT MIB.
"""
import os
import pathlib
import random
import shutil
import socket
import statistics
import sys
import tempfile
import time

from loads import nginx_command
from process import Failure, Process, free_port
from rounds import Service, print_table

# Whole blocks, which differ, so that a lost or repeated piece is noticed.
PIECE = 1 << 20

# What it has of buffers is in memory: on disk, which is its default, bodies would cost more.
NGINX = """
daemon off;
worker_processes 1;
pid {folder}/proxy.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_request_buffering off;
            proxy_max_temp_file_size 0;
        }}
    }}
}}
"""

GATHERD = """
version: 1
upstreams: {{ up: {{ hosts: ["http://127.0.0.1:{upstream}"], timeout: 30s }} }}
endpoints: [{{ path: "/{{rest...}}", method: any, max_body: 1GiB, proxy: "up:/{{path.rest}}" }}]
"""


def content(mib):
    return memoryview(random.Random(1).randbytes(mib << 20))


class Reader:
    """What comes on a socket: a head, then so many bytes that have to be those of the content."""

    def __init__(self, connection, expected):
        (self.connection, self.expected) = (connection, expected)
        self.buffer = bytearray(PIECE)
        self.rest = b""

    def head(self):
        """The start line and the fields; None at the end of the connection."""
        head = self.rest
        while b"\r\n\r\n" not in head:
            more = self.connection.recv(65536)
            if not more:
                return None
            head += more
        (head, _, self.rest) = head.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        return lines[0], {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}

    def body(self, length):
        """Whether the body is the content's beginning."""
        (count, isGood) = (len(self.rest), self.rest == self.expected[:len(self.rest)])
        self.rest = b""
        while count < length:
            received = self.connection.recv_into(self.buffer, min(PIECE, length - count))
            if not received:
                return False
            isGood = isGood and memoryview(self.buffer)[:received] == self.expected[count:count + received]
            count += received
        return isGood


def serve(port, mib):
    """The upstream: GET gives the content, PUT says whether it has come."""
    expected = content(mib)
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = Reader(connection, expected)
        try:
            while (request := reader.head()) is not None:
                (line, fields) = request
                if line.startswith("GET"):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(expected))
                    connection.sendall(expected)
                else:
                    length = int(fields["content-length"])
                    isSame = length == len(expected) and reader.body(length)
                    status = b"200 OK" if isSame else b"409 Conflict"
                    connection.sendall(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status)
        except OSError:
            pass
        connection.close()


def transfer(port, kind, expected):
    """The seconds that one takes."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        reader = Reader(connection, expected)
        if kind == "download":
            connection.sendall(b"GET /file HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        else:
            connection.sendall(b"PUT /file HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(expected))
            connection.sendall(expected)
        answer = reader.head()
        if answer is None or " 200" not in answer[0]:
            raise Failure(f"{kind}: {answer and answer[0]}")
        if kind == "download" and not (int(answer[1]["content-length"]) == len(expected) and reader.body(len(expected))):
            raise Failure("download: the bytes differ")
    return time.monotonic() - begun


def run_nanoseconds(pid):
    """The time that a process has run, all its threads together: finer than the ticks of its user and system time."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
        for child in (task / "children").read_text().split():
            total += run_nanoseconds(int(child))
    return total


def services(binary):
    def gatherd(upstream, port, folder):
        file = pathlib.Path(folder, "gatherd.yaml")
        file.write_text(GATHERD.format(upstream=upstream))
        return [binary, "serve", str(file), "--listen", f"127.0.0.1:{port}", "--admin", "off"]

    def nginx(upstream, port, folder):
        return nginx_command(folder, NGINX.format(folder=folder, upstream=upstream, port=port))

    return [Service("gatherd", gatherd), Service("nginx", nginx)]


def measure(binary, rounds, mib, times=5):
    expected = content(mib)
    processors = sorted(os.sched_getaffinity(0))
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        upstream_port = free_port()
        upstream = Process(
            "the upstream", [sys.executable, __file__, str(upstream_port), str(mib)], upstream_port, {processors[-1]}, {},
            f"{folder}/upstream.log")
        os.sched_setaffinity(0, {processors[-1]})
        try:
            for number in range(1, rounds + 1):
                for kind in ("download", "upload"):
                    for service in services(binary):
                        port = free_port()
                        process = Process(
                            service.label, service.command(upstream_port, port, folder), port, {processors[0]},
                            {"GATHERD_LOOPS": "1"}, f"{folder}/service.log")
                        try:
                            transfer(port, kind, expected)
                            before = run_nanoseconds(process.child.pid)
                            seconds = sum(transfer(port, kind, expected) for _ in range(times))
                            cpu = (run_nanoseconds(process.child.pid) - before) / 1e9
                            memory = process.memory_mib()
                        finally:
                            process.stop()
                        megabytes = times * len(expected) / 1e6
                        cell = {"cpu": cpu * 1e6 / megabytes, "rate": megabytes / seconds, "memory": memory}
                        figures.setdefault((kind, service.label), []).append(cell)
                        print(f"round {number} of {rounds}: {kind}, {service.label}: {cell['cpu']:.0f} µs/MB",
                              file=sys.stderr, flush=True)
        finally:
            upstream.stop()
            os.sched_setaffinity(0, set(processors))
    return figures


def print_figures(figures):
    rows = []
    for kind in ("download", "upload"):
        (ours, theirs) = (figures[kind, "gatherd"], figures[kind, "nginx"])
        ratios = [a["cpu"] / b["cpu"] for a, b in zip(ours, theirs)]
        row = [kind]
        for figure in ("cpu", "rate", "memory"):
            row += [f"{statistics.median(cell[figure] for cell in cells):.0f}" for cells in (ours, theirs)]
        rows.append([*row, f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f}–{max(ratios):.2f}"])
    print_table(["", "CPU µs/MB", "nginx", "MB/s", "nginx", "peak MiB", "nginx", "CPU ratio", "of rounds"], rows)


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
