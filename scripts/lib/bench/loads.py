"""What is asked of a service, and the upstream that it gathers from."""
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess

from process import Process, free_port

ROOT = pathlib.Path(__file__).resolve().parents[3]


@dataclasses.dataclass(frozen=True)
class Load:
    name: str
    path: str
    connections: int = 32
    loops: int = 1
    posts: bool = False
    config: str = "config/bench.yaml"


LOADS = {load.name: load for load in [
    Load("hello", "/hello"),
    Load("hello-1", "/hello", connections=1),
    Load("hello-256", "/hello", connections=256),
    Load("hello-2loops", "/hello", loops=2),
    Load("gather1", "/gather1"),
    Load("limited1", "/limited1"),
    Load("gather8", "/gather8"),
    Load("gather8-1", "/gather8", connections=1),
    Load("gather8-256", "/gather8", connections=256),
    Load("gather8-2loops", "/gather8", loops=2),
    Load("gather32", "/gather32"),
    Load("diamond", "/diamond"),
    Load("guarded8", "/guarded8"),
    Load("post", "/post", posts=True),
    Load("chunked8", "/chunked8"),
    Load("tls8", "/gather8", config="config/bench-tls.yaml"),
]}
# What every peer serves.
COMMON = ["hello", "hello-1", "gather1", "gather8", "gather8-1", "gather32"]


def record():
    """1,024 bytes of JSON, an ordinary small record."""
    item = {"id": 4711, "name": "sample", "price": 12.5, "tags": ["a", "b", "c"],
            "address": {"street": "Example Street 1", "city": "Sampletown", "zip": "12345"},
            "active": True, "score": None, "text": ""}
    missing = 1024 - len(json.dumps(item, separators=(",", ":")))
    item["text"] = ("lorem ipsum dolor sit amet " * 60)[:missing]
    return json.dumps(item, separators=(",", ":"))


RECORD = record()

# One worker. With SSI on, nginx does not know the length of what it sends, and sends it in chunks.
NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /u/1KB {{ return 200 '{record}'; }}
        location = /u/chunked {{ ssi on; ssi_types application/json; return 200 '{record}'; }}
    }}
    server {{
        listen 127.0.0.1:{tls_port} ssl backlog=4096;
        ssl_certificate {folder}/ca.pem;
        ssl_certificate_key {folder}/ca.key;
        location = /u/1KB {{ return 200 '{record}'; }}
    }}
}}
"""


def nginx_command(folder, text):
    """Writes the configuration and returns the command that runs it."""
    config = pathlib.Path(folder, "nginx.conf")
    config.write_text(text)
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    return [program, "-p", str(folder), "-e", f"{folder}/nginx.log", "-c", str(config)]


def make_certificate(folder):
    """ca.pem and ca.key: a certificate for 127.0.0.1 that is its own authority."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{folder}/ca.key",
         "-out", f"{folder}/ca.pem"], check=True, capture_output=True)


def upstream_environment(folder, port, tls_port):
    """Where services find the upstream."""
    return {"UPSTREAM_PORT": str(port), "BENCH_UPSTREAM": f"http://127.0.0.1:{port}",
            "BENCH_TLS_UPSTREAM": f"https://127.0.0.1:{tls_port}", "BENCH_CA": f"{folder}/ca.pem"}


def start_upstream(folder, processors):
    """nginx that answers with the record; the process, and the environment that tells services where it is."""
    port, tls_port = free_port(), free_port()
    make_certificate(folder)
    text = NGINX.format(folder=folder, port=port, tls_port=tls_port, record=RECORD)
    process = Process("the upstream", nginx_command(folder, text), port, processors, {}, f"{folder}/upstream.log")
    return process, upstream_environment(folder, port, tls_port)
