"""traces.py GATHERD: what is sent to a collector, as OpenTelemetry's own classes read it.

Serves a diamond of calls with a retry and a hedge, takes the spans at a collector of its own, decodes them by the protocol's definition
(unknown members and values of the wrong type are errors), and compares them with what the upstream was asked. Needs opentelemetry-proto
(PyPI).
"""
import base64
import gzip
import http.client
import http.server
import json
import re
import subprocess
import sys
import tempfile
import threading
import time

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

CONFIGURATION = """
version: 1
server: {{ listen: "127.0.0.1:0", admin: off, loops: 2, request_id: true }}
traces:
  endpoint: "http://127.0.0.1:{port}"
  service: check
  attributes: {{ deployment.environment.name: test }}
  delay: 50ms
  compression: gzip
upstreams:
  up: {{ hosts: ["http://127.0.0.1:{port}"], retry: {{ on: [503], backoff: 1ms }} }}
  hedged: {{ hosts: ["http://127.0.0.1:{port}"], hedge: {{ after: 100ms }} }}
endpoints:
  - path: /v1/diamond/{{id}}
    calls:
      a: {{ get: "up:/a?n={{path.id}}" }}
      b: {{ get: "up:/b?n={{a.n}}" }}
      c: {{ get: "hedged:/c?n={{a.n}}" }}
      d: {{ get: "up:/d?b={{b.n}}&c={{c.n}}" }}
"""
PARENT = "00f067aa0ba902b7"


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    asked, exports, seen = [], [], {}

    def do_GET(self):
        name = self.path[1:].split("?")[0]
        with self.lock:
            count = self.seen[self.path] = self.seen.get(self.path, 0) + 1
            self.asked.append((self.path, self.headers.get("traceparent"), self.headers.get("X-Request-ID")))
        # The first of each: a retry, and a hedge.
        if name == "c" and count == 1:
            time.sleep(0.5)
        body = b'{"n":%s}' % re.search(r"=(\d+)", self.path).group(1).encode()
        self.answer(503 if name == "b" and count == 1 else 200, body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/traces" and self.headers["Content-Type"] == "application/json", self.path
        assert self.headers["Content-Encoding"] == "gzip", self.headers
        with self.lock:
            self.exports.append(gzip.decompress(body))
        self.answer(200, b"{}")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, *_):
        pass


def decoded(body):
    """OTLP's JSON has numbers of traces and spans in hexadecimal, and everything else as protocol buffers have it."""
    message = json.loads(body)

    def change(value):
        if isinstance(value, list):
            return [change(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {
            key: base64.b64encode(bytes.fromhex(each)).decode()
            if key in ("traceId", "spanId", "parentSpanId") else change(each)
            for key, each in value.items()
        }

    return json_format.ParseDict(change(message), ExportTraceServiceRequest())


def attributes(span):
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


def main(gatherd):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(CONFIGURATION.format(port=server.server_port))
        file.flush()
        process = subprocess.Popen([gatherd, "serve", file.name], stderr=subprocess.PIPE, text=True)
        port = int(re.search(r"listen=127\.0\.0\.1:(\d+)", process.stderr.readline()).group(1))
        threading.Thread(target=process.stderr.read, daemon=True).start()
        count = 20
        for number in range(count):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            trace = f"{number + 1:032x}"
            connection.request("GET", f"/v1/diamond/{number}", headers={
                "traceparent": f"00-{trace}-{PARENT}-01", "X-Request-ID": f"check-{number}"})
            response = connection.getresponse()
            assert response.status == 200 and response.getheader("X-Request-ID") == f"check-{number}", response.status
            response.read()
        process.terminate()
        assert process.wait(timeout=30) == 0
    traces = {}
    for body in Upstream.exports:
        request = decoded(body)
        for resource in request.resource_spans:
            assert attributes(resource.resource)["service.name"] == "check"
            assert attributes(resource.resource)["deployment.environment.name"] == "test"
            for scope in resource.scope_spans:
                for span in scope.spans:
                    traces.setdefault(span.trace_id.hex(), []).append(span)
    assert len(traces) == count, len(traces)
    asked = 0
    for number in range(count):
        spans = traces[f"{number + 1:032x}"]
        by_id = {span.span_id: span for span in spans}
        assert len(by_id) == len(spans) and all(span.end_time_unix_nano >= span.start_time_unix_nano for span in spans)
        [root] = [span for span in spans if span.kind == Span.SPAN_KIND_SERVER]
        assert root.parent_span_id.hex() == PARENT and root.name == "GET /v1/diamond/{id}"
        assert attributes(root)["http.response.status_code"] == 200
        calls = {attributes(span)["gatherd.call.name"]: span for span in spans if span.kind == Span.SPAN_KIND_INTERNAL}
        assert sorted(calls) == ["a", "b", "c", "d"] and all(call.parent_span_id == root.span_id for call in calls.values())
        waited = {name: sorted(attributes(by_id[link.span_id])["gatherd.call.name"] for link in call.links)
                  for name, call in calls.items()}
        assert waited == {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}, waited
        names = {call.span_id: name for name, call in calls.items()}
        kinds = {}
        for span in spans:
            if span.kind != Span.SPAN_KIND_CLIENT:
                continue
            kinds.setdefault(names[span.parent_span_id], []).append(attributes(span)["gatherd.attempt.kind"])
            path = attributes(span)["url.full"].split(str(server.server_port))[1]
            expected = (path, f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01", f"check-{number}")
            assert expected in Upstream.asked, expected
            asked += 1
        assert kinds["b"] == ["first", "retry"] and kinds["c"] == ["first", "hedge"], kinds
        failed = [span for span in spans if span.status.code == Status.STATUS_CODE_ERROR]
        assert any(attributes(span)["error.type"] == "503" for span in failed)
    assert asked == len(Upstream.asked), (asked, len(Upstream.asked))
    print(f"{count} traces with {sum(map(len, traces.values()))} spans in {len(Upstream.exports)} exports: as they should be")


main(sys.argv[1])
