"""A headless Chromium, driven through its chromedriver: the part of the W3C's WebDriver that the check of the page needs.

Written out here so that the check needs no package from PyPI: the protocol is JSON over HTTP.
"""

import base64
import contextlib
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Browser:
    def __init__(self):
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        options = {
            # As root there is no sandbox; what is visited is our own service.
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
        }
        capabilities = {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "goog:chromeOptions": options,
        }
        self._wait_until_ready()
        session = self._send("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.session = f"/session/{session['sessionId']}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self._send("DELETE", self.session)
        self.process.terminate()
        self.process.wait()

    def _wait_until_ready(self):
        for _ in range(200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.base + "/status", timeout=1).close()
                return
            time.sleep(0.05)
        raise SystemExit("webdriver: chromedriver did not start")

    def _send(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.base + path, method=method, data=data, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise SystemExit(f"webdriver: {error.read().decode()[:500]}") from None

    def open(self, url):
        self._send("POST", self.session + "/url", {"url": url})

    def run(self, script, *arguments):
        """Runs a function body in the page and gives what it returns."""
        return self._send("POST", self.session + "/execute/sync", {"script": script, "args": list(arguments)})

    def tools(self, command, **parameters):
        """A command of Chromium's developer tools."""
        return self._send("POST", self.session + "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def wait(self, condition, seconds=10):
        """Waits until an expression of the page is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.run(f"return Boolean({condition})"):
                return True
            time.sleep(0.02)
        return False

    def size(self, width, height):
        self.tools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def media(self, **features):
        values = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.tools("Emulation.setEmulatedMedia", features=values)

    def press(self, key):
        for kind in ("keyDown", "keyUp"):
            self.tools("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode={"Tab": 9, "ArrowLeft": 37, "Escape": 27}[key])

    def picture(self, path):
        image = self.tools("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(image))

    def log(self, kind):
        return self._send("POST", self.session + "/se/log", {"type": kind})
