"""Services that do the same job as gatherd with config/bench.yaml, each the way that its users would write it.

`GET /gatherN` makes N calls side by side over kept connections and answers with one JSON object; `GET /hello` answers with
13 bytes. Each takes PORT and UPSTREAM_PORT from its environment, and serves with one thread where that can be chosen.
"""
import pathlib

from loads import ROOT, nginx_command
from rounds import Service, gatherd

SOURCES = ROOT / "scripts/lib/peers"


def services(built, binary):
    """All of them, by name; `built` is the folder that scripts/lib/bench-peers.sh builds into."""
    def program(label, *command):
        return Service(label, lambda *_: [str(part) for part in command])

    built = pathlib.Path(built)
    return {
        "gatherd": gatherd("gatherd", binary),
        "floor": program("C, a client of its own: the floor", built / "c/floor"),
        "curl": program("C, libcurl", built / "c/curl"),
        "nginx": Service("nginx, Lua", nginx_lua),
        "rust": program("Rust, hyper, tokio", built / "rust/release/gather"),
        "go": program("Go, net/http", built / "go/gather"),
        "node": program("Node, http.Agent", "node", SOURCES / "node/gather.js"),
        "python": program("Python, aiohttp, uvloop", built / "venv/bin/python", SOURCES / "python/gather.py"),
        "hummingbird": program("Swift, Hummingbird, AsyncHTTPClient", built / "hummingbird/release/Gather"),
        "flyingfox": program("Swift, FlyingFox, URLSession", built / "flyingfox/release/Gather"),
    }


def nginx_lua(_, port, upstream, folder):
    # Its files next to those of the upstream, which is nginx as well.
    folder = pathlib.Path(folder, "lua")
    folder.mkdir(exist_ok=True)
    text = (SOURCES / "nginx/nginx.conf").read_text()
    values = {"@PORT@": port, "@UPSTREAM_PORT@": upstream, "@FOLDER@": folder, "@SOURCES@": SOURCES / "nginx"}
    for name, value in values.items():
        text = text.replace(name, str(value))
    return nginx_command(folder, text)
