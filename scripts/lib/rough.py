"""What scripts/soak MINUTES runs: upstreams and clients that leave, are slow or break the rules, and a check of every answer.

    rough.py upstream PORT TLS_PORT CERTIFICATE KEY
    rough.py drive HOST:PORT PID MINUTES

Each request has a tag of its own in its path, which the upstream repeats in its answer: an answer that has another tag was
another's.
"""

import asyncio
import collections
import contextlib
import json
import os
import random
import socket
import ssl
import struct
import sys
import time

CLIENTS = 48
GROWTH_KIB = 16 * 1024
# How long an answer may take: far more than any deadline of the configuration.
PATIENCE = 30
SEED = 1

# What an upstream does with a request, and how often of a hundred times.
FAULTS = {
    "a length": 52,
    "chunks": 10,
    "pieces": 5,
    "until it closes": 2,
    "after 103": 2,
    "closes after": 3,
    "resets after": 3,
    "answers twice": 3,
    "408 while idle": 2,
    "503": 2,
    "closes before": 3,
    "resets before": 3,
    "cut short": 3,
    "never": 2,
    "no HTTP": 2,
    "chunk garbage": 2,
    "chunk extension": 1,
}


def reset(transport):
    """Closes a connection so that the peer's next call fails."""
    if (raw := transport.get_extra_info("socket")) is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Upstream(asyncio.Protocol):
    """Answers requests one after the other, each by a fault that is drawn."""

    def __init__(self, generator, counts):
        self.random, self.counts = generator, counts
        self.rest = b""
        self.task = None

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, _):
        if self.task:
            self.task.cancel()

    def data_received(self, data):
        self.rest += data
        while self.task is None or self.task.done():
            head, end, rest = self.rest.partition(b"\r\n\r\n")
            if not end:
                return
            length = 0
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if len(rest) < length:
                return
            self.rest = rest[length:]
            target = head.split(b" ")[1].decode()
            content = {"tag": target.split("?")[0].rsplit("/", 1)[1], "pad": "x" * self.random.choice([0, 10, 1000, 9000])}
            if length:
                content["body"] = json.loads(rest[:length])
            body = json.dumps(content).encode()
            fault = self.random.choices(list(FAULTS), FAULTS.values())[0]
            self.counts[fault] += 1
            self.task = asyncio.ensure_future(self.answer(fault, body))
            self.task.add_done_callback(lambda _: self.data_received(b""))

    async def answer(self, fault, body):
        def send(data):
            # The service may have given the request up between two pieces.
            if not self.transport.is_closing():
                self.transport.write(data)

        ok = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        whole = ok + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        half = len(body) // 2
        chunks = b"%x\r\n%s\r\n%x;a=b\r\n%s\r\n0\r\n\r\n" % (half, body[:half], len(body) - half, body[half:])
        chunked = ok + b"Transfer-Encoding: chunked\r\n\r\n"
        match fault:
            case "a length":
                send(whole)
            case "chunks":
                send(chunked + chunks)
            case "pieces":
                for start in range(0, len(whole), len(whole) // 3 + 1):
                    send(whole[start : start + len(whole) // 3 + 1])
                    await asyncio.sleep(0.005)
            case "until it closes":
                send(ok + b"\r\n" + body)
                self.transport.close()
            case "after 103":
                send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + whole)
            case "closes after":
                send(whole)
                self.transport.close()
            case "resets after":
                send(whole)
                # By then it is read; what is not is lost with the connection.
                await asyncio.sleep(0.02)
                reset(self.transport)
            case "answers twice":
                second = b'{"tag":"nobody\'s"}'
                send(whole + b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(second), second))
            case "408 while idle":
                send(whole)
                await asyncio.sleep(0.002)
                send(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                self.transport.close()
            case "503":
                send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
            case "closes before":
                self.transport.close()
            case "resets before":
                reset(self.transport)
            case "cut short":
                send(whole[: -len(body) // 2])
                self.transport.close()
            case "never":
                await asyncio.sleep(60)
            case "no HTTP":
                send(b"hello, this is no HTTP\r\n\r\n")
            case "chunk garbage":
                send(chunked + b"xyz\r\n" + body)
            case "chunk extension":
                send(chunked + b"5;" + b"x" * 200_000)


async def serve(port, tls_port, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    counts = collections.Counter()
    generator = random.Random(SEED)
    loop = asyncio.get_running_loop()
    for where, secured in [(port, None), (tls_port, context)]:
        await loop.create_server(lambda: Upstream(generator, counts), "127.0.0.1", where, backlog=4096, ssl=secured)
    await asyncio.Event().wait()


class Wrong(Exception):
    """An answer that is none, or not to what was asked."""


def value_is_own(value, tag, body=None):
    if value.get("tag") != tag or (body is not None and value.get("body") != body):
        raise Wrong(f"of another: {str(value)[:80]} for {tag}")


class Client:
    def __init__(self, drive, number):
        self.drive, self.number = drive, number
        self.random = random.Random(SEED * 1000 + number)
        self.requests = 0
        self.reader = self.writer = None

    def request(self):
        """A request in bytes, and what its answer is checked with."""
        self.requests += 1
        tag = f"{self.number}-{self.requests}-"
        kind = self.random.choices(["gather", "required", "passed", "posted", "streamed"], [50, 15, 10, 15, 10])[0]
        body, fields, method = None, "", "GET"
        match kind:
            case "gather" | "streamed":
                target = f"/g/{tag}a/{tag}b/{tag}c"
                if kind == "streamed":
                    fields = "Accept: application/x-ndjson\r\n"
            case "required":
                target = f"/r/{tag}a"
            case "passed":
                target = f"/p/{tag}a"
            case "posted":
                method, target = "POST", f"/e/{tag}a"
                body = json.dumps({"of": tag, "pad": "y" * self.random.choice([0, 100, 20_000])})
                fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        text = f"{method} {target} HTTP/1.1\r\nHost: soak\r\n{fields}\r\n{body or ''}"
        return text.encode(), (kind, tag, body and json.loads(body))

    def check(self, asked, status, content):
        kind, tag, body = asked
        self.drive.outcomes[f"{kind} {status}"] += 1
        if kind in ("required", "passed", "posted") and status != 200:
            if status not in (408, 502, 503, 504):
                raise Wrong(f"{kind}: {status}")
            return
        if status != 200:
            raise Wrong(f"{kind}: {status} {content[:80]}")
        if kind == "streamed":
            # A record for each call that has ended, among others.
            records = [record for record in map(json.loads, content.splitlines()) if "call" in record]
            if sorted(record["call"] for record in records) != ["a", "b", "c"]:
                raise Wrong(f"streamed: {content[:80]}")
            for record in records:
                if record["outcome"] == "ok":
                    value_is_own(record["body"], tag + record["call"])
                    self.drive.own += 1
            return
        answer = json.loads(content)
        match kind:
            case "gather":
                for name in "abc":
                    if answer[name] is not None:
                        value_is_own(answer[name], tag + name)
                        self.drive.own += 1
            case "passed":
                value_is_own(answer, tag + "a")
                self.drive.own += 1
            case _:
                value_is_own(answer["a"], tag + "a", body)
                self.drive.own += 1

    async def connect(self):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(self.drive.host, self.drive.port)

    def leave(self, abruptly=False):
        if self.writer is not None:
            if abruptly:
                reset(self.writer.transport)
            else:
                self.writer.close()
        self.reader = self.writer = None

    async def read(self, asked):
        """Reads an answer and checks it; an answer to what is passed through may be cut short like the upstream's."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status = int(head.split(" ", 2)[1])
            content = b""
            if "\r\ntransfer-encoding: chunked" in head:
                while size := int(await self.reader.readline(), 16):
                    content += await self.reader.readexactly(size)
                    await self.reader.readexactly(2)
                await self.reader.readexactly(2)
            elif "\r\ncontent-length:" in head:
                length = int(head.split("\r\ncontent-length:")[1].split("\r\n")[0])
                content = await self.reader.readexactly(length)
            else:
                content = await self.reader.read(-1)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            self.leave()
            if asked[0] != "passed":
                raise Wrong(f"{asked[0]}: the connection ended") from None
            self.drive.outcomes["passed cut"] += 1
            return
        if "\r\nconnection: close" in head:
            self.leave()
        self.check(asked, status, content)

    async def step(self):
        await self.connect()
        data, asked = self.request()
        how = self.random.choices(
            ["plain", "leaves", "slow", "trickles", "pipelines", "half-closes", "babbles", "reads slowly"],
            [60, 12, 6, 4, 6, 4, 4, 4],
        )[0]
        self.drive.manners[how] += 1
        match how:
            case "leaves":
                self.writer.write(data[: self.random.randint(1, len(data))] if self.random.random() < 0.3 else data)
                await asyncio.sleep(self.random.random() * 0.03)
                return self.leave(abruptly=self.random.random() < 0.5)
            case "slow":
                await asyncio.sleep(self.random.random() * 0.2)
                self.writer.write(data)
            case "trickles":
                cut = min(len(data), 200)
                for start in range(0, cut, 20):
                    self.writer.write(data[start : min(start + 20, cut)])
                    await asyncio.sleep(0.005)
                self.writer.write(data[cut:])
            case "pipelines":
                more, other = self.request()
                self.writer.write(data + more)
                await self.read(asked)
                if self.writer is not None:
                    await self.read(other)
                return None
            case "half-closes":
                # Which counts as leaving: an answer that comes nevertheless is a whole one.
                self.writer.write(data)
                self.writer.write_eof()
                if rest := await self.reader.read(-1):
                    self.drive.outcomes[f"half-closed {rest.split(b' ', 2)[1].decode()}"] += 1
                return self.leave()
            case "babbles":
                self.writer.write(self.random.choice([b"\r\n\r\nwhat?\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET  /a\r\n\r\n"]))
                answer = await self.reader.read(-1)
                if not answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 505 ")):
                    raise Wrong(f"to no request: {answer[:60]}")
                return self.leave()
            case "reads slowly":
                self.writer.write(data)
                await asyncio.sleep(0.2)
            case _:
                self.writer.write(data)
        await self.read(asked)
        return None

    async def run(self):
        while time.monotonic() < self.drive.end:
            try:
                await asyncio.wait_for(self.step(), PATIENCE)
            except Wrong as wrong:
                self.drive.fail(wrong)
                self.leave()
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                self.drive.fail(f"{type(error).__name__} {error}")
                self.leave()
        self.leave()


class Drive:
    def __init__(self, address, pid, minutes):
        self.host, port = address.rsplit(":", 1)
        self.port, self.pid, self.minutes = int(port), pid, minutes
        self.own = self.errors = 0
        self.outcomes, self.manners = collections.Counter(), collections.Counter()

    def fail(self, why):
        self.errors += 1
        if self.errors <= 20:
            print(f"error: {why}", flush=True)

    def memory_kib(self):
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def tell(self, when):
        descriptors = len(os.listdir(f"/proc/{self.pid}/fd"))
        answers = sum(self.outcomes.values())
        print(
            f"{when:<12} {self.memory_kib() / 1024:6.1f} MiB {descriptors:5} descriptors {answers:9,} answers"
            f" {self.own:9,} values, each its own",
            flush=True,
        )
        return descriptors

    async def run(self):
        self.tell("start")
        began = time.monotonic()
        self.end = began + self.minutes * 60
        clients = [asyncio.ensure_future(Client(self, number).run()) for number in range(CLIENTS)]
        memory = 0
        while time.monotonic() < self.end:
            await asyncio.sleep(min(30, max(0, self.end - time.monotonic())))
            self.tell(f"{(time.monotonic() - began) / 60:.1f} min")
            # What caches and pools grow to is reached early.
            memory = memory or self.memory_kib()
        await asyncio.gather(*clients)
        await asyncio.sleep(3)
        descriptors = self.tell("end")
        print("clients:", ", ".join(f"{how} {count:,}" for how, count in self.manners.most_common()))
        print("answers:", ", ".join(f"{kind} {count:,}" for kind, count in sorted(self.outcomes.items())))
        if self.memory_kib() > memory + GROWTH_KIB:
            self.fail(f"memory grew by more than {GROWTH_KIB // 1024} MiB since the first half minute")
        # Kept connections to upstreams, at most as many as calls were under way.
        if descriptors > 64 + 4 * CLIENTS:
            self.fail("descriptors of what has ended are still open")
        print(f"errors: {self.errors}")
        return 1 if self.errors else 0


if sys.argv[1] == "upstream":
    asyncio.run(serve(int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:6]))
else:
    sys.exit(asyncio.run(Drive(sys.argv[2], int(sys.argv[3]), float(sys.argv[4])).run()))
