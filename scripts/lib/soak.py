"""What scripts/soak runs: an upstream that answers 1 KB, and a client that counts its requests exactly.

    soak.py upstream PORT
    soak.py drive HOST:PORT PID
"""

import asyncio
import json
import os
import sys
import time

CONNECTIONS = 64
PHASE_SECONDS = 300
GROWTH_KIB = 16 * 1024
# The upstream's max_in_flight: connections to it are opened when they are needed first, and kept.
GROWTH_DESCRIPTORS = 64
IDLE_CONNECTIONS = 2000
BODY = json.dumps({"data": "x" * 1013}, separators=(",", ":")).encode()


class Upstream(asyncio.Protocol):
    """Answers every request head with the same body; requests have no bodies."""

    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)

    def connection_made(self, transport):
        self.transport = transport
        self.rest = b""

    def data_received(self, data):
        *heads, self.rest = (self.rest + data).split(b"\r\n\r\n")
        self.transport.write(self.answer * len(heads))


class Failure(Exception):
    pass


class Client:
    """One keep-alive connection."""

    async def open(self, host, port):
        self.reader, self.writer = await asyncio.open_connection(host, port)
        return self

    async def get(self, path):
        self.writer.write(b"GET %s HTTP/1.1\r\nHost: soak\r\n\r\n" % path.encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise Failure(head.split(b"\r\n", 1)[0].decode())
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        return await self.reader.readexactly(length)

    def close(self):
        self.writer.close()


class Soak:
    def __init__(self, address, pid):
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)
        self.pid = pid
        self.errors = 0

    def memory_kib(self):
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def tell(self, what):
        print(f"{what:<44} {self.memory_kib() / 1024:6.1f} MiB {self.descriptors():6} descriptors", flush=True)

    def fail(self, why):
        self.errors += 1
        if self.errors <= 5:
            print(f"error: {why}", flush=True)

    async def requests(self, path, count, expected):
        """Exactly `count` requests on 64 connections, each answer compared with the expected one."""
        left = count

        async def work():
            nonlocal left
            client = None
            while left > 0:
                left -= 1
                try:
                    client = client or await Client().open(self.host, self.port)
                    if await client.get(path) != expected:
                        self.fail(f"{path}: another body than expected")
                except (Failure, OSError, asyncio.IncompleteReadError) as error:
                    self.fail(f"{path}: {error or type(error).__name__}")
                    client = None
            if client:
                client.close()

        began = time.monotonic()
        await asyncio.wait_for(asyncio.gather(*(work() for _ in range(CONNECTIONS))), PHASE_SECONDS)
        seconds = time.monotonic() - began
        await asyncio.sleep(0.5)
        self.tell(f"{count:,} × {path}, {seconds:.1f} s")

    async def idle(self, path, expected):
        """One gather while many other connections are held open."""
        held = []
        for _ in range(IDLE_CONNECTIONS):
            held.append(await Client().open(self.host, self.port))
        client = await Client().open(self.host, self.port)
        began = time.monotonic()
        if await client.get(path) != expected:
            self.fail(f"{path}: another body than expected")
        milliseconds = (time.monotonic() - began) * 1000
        self.tell(f"{IDLE_CONNECTIONS:,} idle, one {path} in {milliseconds:.1f} ms")
        for each in [client, *held]:
            each.close()
        await asyncio.sleep(1)

    async def run(self):
        hello = b"Hello, World!"
        gather = b"{" + b",".join(b'"k%d":%s' % (call, BODY) for call in range(8)) + b"}"
        self.tell("at the start")
        await self.requests("/hello", 1000, hello)
        await self.requests("/gather8", 1000, gather)
        memory, descriptors = self.memory_kib(), self.descriptors()
        await self.requests("/hello", 99_000, hello)
        await self.requests("/gather8", 19_000, gather)
        if self.memory_kib() > memory + GROWTH_KIB:
            self.fail(f"memory grew by more than {GROWTH_KIB // 1024} MiB since the first 1,000 of each")
        if self.descriptors() > descriptors + GROWTH_DESCRIPTORS:
            self.fail(f"descriptors grew by more than {GROWTH_DESCRIPTORS} since the first 1,000 of each")
        await self.idle("/gather8", gather)
        self.tell("at the end")
        if self.descriptors() > descriptors + GROWTH_DESCRIPTORS:
            self.fail("descriptors of closed connections are still open")
        print(f"errors: {self.errors}")
        return 1 if self.errors else 0


async def serve(port):
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=4096)
    async with server:
        await server.serve_forever()


if sys.argv[1] == "upstream":
    asyncio.run(serve(int(sys.argv[2])))
else:
    sys.exit(asyncio.run(Soak(sys.argv[2], int(sys.argv[3])).run()))
