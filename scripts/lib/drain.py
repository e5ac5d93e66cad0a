"""Stops a service by SIGTERM while requests lie unread in its sockets, and sees that each is answered.

drain.py PROGRAM [ROUNDS]: for one loop and for two, the process is stopped (SIGSTOP), 64 requests are sent, half of them on
connections that had one before and half on new ones that wait in the listener's queue, then come SIGTERM and SIGCONT. Exits
with 1 if one of them gets no whole answer.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

REQUEST = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
CONNECTIONS = 64


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def wait_until_listening(port):
    for _ in range(500):
        with contextlib.suppress(OSError):
            connect(port).close()
            return
        time.sleep(0.02)
    sys.exit("drain: the service did not start")


def outcome(connection):
    """What a client gets until the connection ends."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except OSError as error:
        return f"{type(error).__name__} behind {len(received)} bytes"
    head, _, body = received.partition(b"\r\n\r\n")
    whole = head.startswith(b"HTTP/1.1 200 ") and body == b"Hello, World!"
    return "answered" if whole else f"closed behind {len(received)} bytes"


def stop_under_load(program, loops, directory):
    port = free_port()
    path = os.path.join(directory, "drain.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(
            f"version: 1\nserver: {{ listen: '127.0.0.1:{port}', admin: off, loops: {loops}, access_log: false }}\n"
            "endpoints: []\ndemo: { endpoints: true }\n"
        )
    service = subprocess.Popen([program, "serve", "--config", path], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    connections = []
    try:
        wait_until_listening(port)
        for _ in range(CONNECTIONS // 2):
            connection = connect(port)
            connection.sendall(REQUEST)
            connection.recv(65536)
            connections.append(connection)
        service.send_signal(signal.SIGSTOP)
        connections += [connect(port) for _ in range(CONNECTIONS - len(connections))]
        for connection in connections:
            connection.sendall(REQUEST)
        service.send_signal(signal.SIGTERM)
        service.send_signal(signal.SIGCONT)
        return [outcome(connection) for connection in connections] + [f"exit {service.wait(timeout=30)}"]
    finally:
        for connection in connections:
            connection.close()
        with contextlib.suppress(ProcessLookupError):
            service.send_signal(signal.SIGCONT)
            service.kill()
        service.wait()


def main():
    program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20
    failed = False
    with tempfile.TemporaryDirectory() as directory:
        for loops in (1, 2):
            counts = {}
            for _ in range(rounds):
                for result in stop_under_load(program, loops, directory):
                    counts[result] = counts.get(result, 0) + 1
            failed |= counts != {"answered": rounds * CONNECTIONS, "exit 0": rounds}
            print(f"{loops} loop{'s' if loops > 1 else ''}, {rounds} rounds: "
                  + ", ".join(f"{count} × {result}" for result, count in sorted(counts.items())))
    sys.exit(failed)


if __name__ == "__main__":
    main()
