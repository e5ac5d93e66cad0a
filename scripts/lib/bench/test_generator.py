"""Whether what scripts/load counts is what happened: the generator against a server that misbehaves in known ways.

python3 -m unittest discover -s scripts/lib/bench
"""
import contextlib
import signal
import socket
import struct
import threading
import time
import unittest

from generator import Requests, Run, summary
from process import free_port

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def reset(connection):
    """Closes so that the peer sees a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def in_pieces(connection, text):
    for byte in text:
        connection.sendall(bytes([byte]))


# What the server does with a request for a path; it closes the connection if that returns True.
DEEDS = {
    "/ok": lambda connection: connection.sendall(WHOLE),
    "/pieces": lambda connection: in_pieces(connection, WHOLE),
    "/chunked": lambda connection: connection.sendall(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    "/chunked-pieces": lambda connection: in_pieces(
        connection, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n0\r\n0\r\n\r\n"),
    "/large": lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + bytes(100000)),
    "/until-close": lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nok") or True,
    "/busy": lambda connection: connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"),
    "/missing": lambda connection: connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    "/cut": lambda connection: connection.sendall(WHOLE[:-1]) or True,
    "/cut-head": lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-") or True,
    "/reset": lambda connection: reset(connection) or True,
    "/hang": lambda connection: time.sleep(1) or True,
    "/nonsense": lambda connection: connection.sendall(b"hello\r\n\r\n") or True,
    "/too-much": lambda connection: connection.sendall(WHOLE + b"!") or True,
}


class Server:
    def __init__(self, deed=None):
        self.deed = deed
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        with connection, contextlib.suppress(OSError):
            while piece := connection.recv(65536):
                received += piece
                while b"\r\n\r\n" in received:
                    head, _, received = received.partition(b"\r\n\r\n")
                    if (self.deed or DEEDS[head.split()[1].decode()])(connection):
                        return

    def close(self):
        self.listener.close()


def run(requests, server=None, connections=2, seconds=0.1, rate=0, timeout=10):
    server = server or Server()
    try:
        records = Run(server.address, requests, connections, seconds, rate, timeout).records()
        return summary(records, requests, seconds), records
    finally:
        server.close()


class GeneratorTests(unittest.TestCase):
    def test_an_answer_is_a_success_in_whatever_pieces_and_framing_it_comes(self):
        for path in ("/ok", "/pieces", "/chunked", "/chunked-pieces", "/large", "/until-close"):
            with self.subTest(path):
                result, _ = run([Requests(path)])
                self.assertEqual(result["errors"], {})
                self.assertGreater(result["successes"], 0)

    def test_a_status_that_is_not_expected_is_an_error(self):
        for path, expect, error in (("/busy", range(200, 400), "status 503"), ("/missing", [200], "status 404"),
                                    ("/ok", [404], "status 200")):
            with self.subTest(path):
                result, _ = run([Requests(path, expect=expect)])
                self.assertEqual(list(result["errors"]), [error])
                self.assertEqual(result["successes"], 0)
                self.assertEqual(result["rate"], 0)
                self.assertIsNone(result["latency_us"]["p50"])
        result, _ = run([Requests("/missing", expect=[404])])
        self.assertEqual(result["errors"], {})

    def test_each_way_to_get_no_answer_has_its_name(self):
        for path, error in (("/cut", "cut short"), ("/cut-head", "cut short"), ("/reset", "reset"), ("/hang", "timeout"),
                            ("/nonsense", "no HTTP"), ("/too-much", "no HTTP")):
            with self.subTest(path):
                result, _ = run([Requests(path)], timeout=0.2 if path == "/hang" else 10)
                self.assertEqual(list(result["errors"]), [error])
        answered = set()

        def once(connection):
            if connection in answered:
                return True
            answered.add(connection)
            connection.sendall(WHOLE)
            return False

        result, _ = run([Requests("/")], Server(once))
        self.assertEqual(list(result["errors"]), ["closed before the answer"])
        nobody = Run(f"127.0.0.1:{free_port()}", [Requests("/")], 2, 0.1).records()
        self.assertEqual(list(summary(nobody, [Requests("/")], 0.1)["errors"]), ["no connection"])

    def test_a_connection_that_is_refused_is_tried_at_the_next_port(self):
        server = Server()
        address = f"127.0.0.1:{free_port()},{server.address.rpartition(':')[2]}"
        records = Run(address, [Requests("/ok")], 2, 0.1).records()
        server.close()
        result = summary(records, [Requests("/ok")], 0.1)
        self.assertEqual(result["errors"], {})
        self.assertGreater(result["successes"], 0)

    def test_a_reset_of_an_idle_connection_is_an_error(self):
        def answer_and_reset(connection):
            connection.sendall(WHOLE)
            time.sleep(0.02)
            reset(connection)
            return True

        result, _ = run([Requests("/")], Server(answer_and_reset), connections=1, rate=20, seconds=0.1)
        self.assertEqual(result["errors"], {"reset": 1})
        self.assertEqual(result["successes"], 2)

    def test_in_an_open_loop_a_request_waits_from_when_it_was_due(self):
        began = time.monotonic()

        def stall(connection):
            # It stands still from 0.2 s to 0.7 s.
            time.sleep(max(0, 0.7 - (time.monotonic() - began)) if time.monotonic() - began > 0.2 else 0)
            connection.sendall(WHOLE)

        result, records = run([Requests("/")], Server(stall), connections=1, seconds=1, rate=200)
        self.assertEqual(result["errors"], {})
        self.assertEqual(len(records), 200)
        late = [took for due, took, _, _ in records if took > 100_000]
        # Those that were due in the first four fifths of the stall, not one for the one connection.
        self.assertGreater(len(late), 50)

    def test_what_is_due_and_finds_no_connection_is_not_forgotten(self):
        result, records = run([Requests("/hang")], connections=1, seconds=0.5, rate=100, timeout=0.2)
        self.assertEqual(len(records), 50)
        self.assertEqual(set(result["errors"]), {"timeout", "not sent in time"})

    def test_it_can_be_ended_before_its_time(self):
        server = Server()
        load = Run(server.address, [Requests("/ok")], 1, 30, 100)
        time.sleep(0.2)
        load.child.send_signal(signal.SIGINT)
        records = load.records()
        server.close()
        self.assertEqual(summary(records, [Requests("/ok")], 30)["errors"], {})
        self.assertTrue(0 < len(records) < 1000)

    def test_kinds_have_their_share(self):
        _, records = run([Requests("/ok", 3), Requests("/chunked", 1)])
        share = sum(kind == 0 for _, _, kind, _ in records) / len(records)
        self.assertAlmostEqual(share, 0.75, delta=0.15)


if __name__ == "__main__":
    unittest.main()
