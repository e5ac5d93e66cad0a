"""Drives the page at `/` with a headless Chromium, and fails if it does not show what happens.

page_check.py PROGRAM [DIRECTORY]: serves page-check.yaml, whose calls go to an upstream of this script that logs what it is
asked for. Screenshots at three widths, light and dark, and two of one run are written to DIRECTORY, by default a new one below
/tmp.
"""

import contextlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

from accessibility import check_axe
from webdriver import Browser, free_port

# What an upstream may say. Were it ever markup, there would be an image, and another title.
HOSTILE = '<img src="/x" onerror="document.title=\'owned\'"></script><script>document.title="owned"</script>'
problems = []


def expect(condition, message):
    print(("ok    " if condition else "FAIL  ") + message)
    if not condition:
        problems.append(message)


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A head and a body that go one by one would wait 40 ms for each other.
    disable_nagle_algorithm = True
    wbufsize = 65536
    log = []

    def do_GET(self):
        begun = time.monotonic()
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        delay = query.get("delay", "0ms")
        time.sleep(float(delay[:-2]) / 1000 if delay.endswith("ms") else float(delay[:-1]))
        body = json.dumps({"id": 7, "text": HOSTILE}).encode()
        status = int(query.get("fail", "0")) or 200
        self.log.append((url.path[1:], begun, time.monotonic()))
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

    do_POST = do_GET

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # A client that gives a call up.


@contextlib.contextmanager
def serving(program, admin="off"):
    """The service with its upstream; gives the address of its page."""
    upstream = Server(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    listen = f"127.0.0.1:{free_port()}"
    environment = os.environ | {"GATHERD_LISTEN": listen, "GATHERD_ADMIN": admin, "UPSTREAM": f"127.0.0.1:{upstream.server_port}"}
    configuration = pathlib.Path(__file__).with_name("page-check.yaml")
    service = subprocess.Popen([program, "serve", configuration], env=environment, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://{listen}/hello").close()
                break
            time.sleep(0.05)
        yield f"http://{listen}"
    finally:
        service.terminate()
        service.wait()
        upstream.shutdown()


class Page:
    """The page as somebody uses it."""

    def __init__(self, browser, address):
        (self.browser, self.address) = (browser, address)

    def open(self, width=1440, height=900, scheme="light", motion="no-preference"):
        self.browser.size(width, height)
        self.browser.media(prefers_color_scheme=scheme, prefers_reduced_motion=motion)
        self.browser.open(self.address + "/")
        self.wait_for_end()

    def wait_for_end(self):
        ended = "!/^(|The gather runs.)$/.test(document.querySelector('#gather-say').textContent)"
        if not self.browser.wait(ended):
            expect(False, "the gather ends")

    def choose(self, endpoint, runs=True):
        self.browser.run(
            """const choice = document.querySelector("#endpoint")
            choice.value = [...choice.options].find(option => option.textContent === arguments[0]).value
            choice.dispatchEvent(new Event("change", { bubbles: true }))""",
            endpoint,
        )
        if runs:
            self.wait_for_end()

    def set(self, label, value):
        self.browser.run(
            """const control = [...document.querySelectorAll("#controls [aria-label]")]
                .find(control => control.getAttribute("aria-label").startsWith(arguments[0]))
            control.value = arguments[1]
            control.dispatchEvent(new Event("input", { bubbles: true }))""",
            label,
            value,
        )

    def submit(self, form="gather", waits=True):
        self.browser.run("document.querySelector(`#${arguments[0]}-form button`).click()", form)
        if waits:
            self.wait_for_end()

    def sentence(self):
        return self.browser.run("return document.querySelector('#gather-say').textContent")

    def rows(self):
        """Each call's bars in milliseconds of the axis, its marks, and what is said of it."""
        return self.browser.run(
            """const unit = Number(document.querySelector("#gather-picture .tick:last-child").textContent.replace(/ m?s/, ""))
                * (document.querySelector("#gather-picture .tick:last-child").textContent.endsWith(" s") ? 1000 : 1)
            return Object.fromEntries([...document.querySelectorAll("#gather-picture [data-call]")].map(track => [
                track.dataset.call, {
                    bars: [...track.querySelectorAll(".bar")].map(bar => ({
                        start: parseFloat(bar.style.left) / 100 * unit, length: parseFloat(bar.style.width) / 100 * unit,
                        marks: bar.className })),
                    marks: track.parentElement.className, unsent: track.classList.contains("unsent"),
                    value: track.parentElement.querySelector(".value").textContent,
                    note: track.querySelector(".note")?.textContent ?? "" } ]))"""
        )


def check_times(page):
    """Starts and ends as the upstream saw them. A busy machine may delay one side: one of a hundred runs must agree."""
    worst = []
    for _ in range(100):
        Upstream.log.clear()
        page.submit()
        rows = page.rows()
        log = {name: (begun, ended) for name, begun, ended in Upstream.log}
        first = log["customer"][0]
        differences = []
        for name, (begun, ended) in log.items():
            bar = rows[name]["bars"][0]
            differences += [
                abs((begun - first) * 1000 - bar["start"]),
                abs((ended - first) * 1000 - bar["start"] - bar["length"]),
            ]
        worst.append(max(differences))
        if worst[-1] <= 2:
            break
    expect(len(log) == 6, "six calls reach the upstream")
    expect(min(worst) <= 2, f"bars are where the upstream saw its calls, within 2 ms ({min(worst):.1f} ms)")
    critical = [name for name, row in rows.items() if "critical" in row["marks"]]
    expect(set(critical) == {"customer", "orders", "stock", "delivery"}, f"the critical path is marked: {critical}")
    sentence = page.sentence()
    expect("together; the answer was there after" in sentence, f"the sum and the time are told: {sentence}")


def check_growth(page, directory):
    page.set("orders: slower", 2000)
    page.set("offers: slower", 1500)
    page.submit(waits=False)
    page.browser.wait("document.querySelectorAll('#gather-picture .running .bar').length === 2")
    first = page.rows()
    page.browser.picture(directory / "growing-1.png")
    page.browser.wait("document.querySelectorAll('#gather-picture .running .bar').length === 1")
    second = page.rows()
    page.browser.picture(directory / "growing-2.png")
    grown = [second[name]["bars"][0]["length"] - first[name]["bars"][0]["length"] for name in ("orders", "offers")]
    expect(min(grown) > 100, f"bars grow while their calls run, by {min(grown):.0f} ms and more")
    page.wait_for_end()


def check_marks(page):
    page.set("orders: slower", 0)
    page.set("offers: slower", 900)
    page.set("orders: fails", "500")
    page.submit()
    rows = page.rows()
    expect(rows["orders"]["value"] == "status 500" and "bad" in rows["orders"]["bars"][0]["marks"], "a failed call is marked")
    expect(rows["offers"]["value"] == "cancelled" and "cut" in rows["offers"]["bars"][0]["marks"], "a cancelled call is marked")
    expect(rows["stock"]["value"] == "skipped" and rows["stock"]["unsent"], "a call that was never sent is marked")
    expect("'orders' left no value" in rows["stock"]["note"], "why it was not sent is told")
    expect("failed with 502" in page.sentence(), f"a failed gather is told: {page.sentence()}")

    page.choose("GET /late")
    rows = page.rows()
    expect(rows["slow"]["value"] == "timed out" and "bad" in rows["slow"]["bars"][0]["marks"], "a call past its timeout is marked")
    expect("condition" in rows["unwanted"]["note"], "a call whose condition is false says so")
    line = page.browser.run(
        """const line = document.querySelector("#gather-picture .deadline")?.getBoundingClientRect()
        const track = document.querySelector("[data-call=overdue]").getBoundingClientRect()
        const end = document.querySelector("#gather-picture .tick:last-child").textContent
        return line ? (line.left - track.left) / track.width * parseFloat(end) : null"""
    )
    expect(line is not None and abs(line - 150) < 2, f"the deadline of 150 ms is a line at its time ({line})")

    for _ in range(2):
        page.choose("GET /broken")
    rows = page.rows()
    expect(rows["broken"]["value"] == "breaker open" and "breaker" in rows["broken"]["note"], "an open breaker is marked")

    page.choose("GET /hedged")
    bars = page.rows()["hedged"]["bars"]
    expect(len(bars) == 2 and 40 < bars[1]["start"] < 140 and "cut" in bars[1]["marks"], f"a hedge is a bar of its own: {bars}")

    page.choose("GET /names")
    fits = page.browser.run(
        """const name = document.querySelector("#gather-picture .name[title^=a_call]")
        return name.scrollWidth > name.clientWidth && name.title.length > 60"""
    )
    expect(fits, "a long name is cut off, and whole in its title")

    page.choose("GET /whole")
    rows = page.rows()
    expect(rows["b"]["bars"][0]["start"] >= 19, "an endpoint without a stream is drawn from its Server-Timing")
    expect("critical" in rows["a"]["marks"], "its critical path is found from the plan")

    page.choose("POST /post", runs=False)
    expect("Press Gather" in page.sentence(), "what may change something is not sent unasked")
    page.submit()
    expect(page.rows()["made"]["value"].endswith("ms"), "a request with a body is sent")
    curl = page.browser.run("return document.querySelector('#command').textContent")
    expect(curl.startswith("curl -iN -X POST -H 'Accept: application/x-ndjson'"), f"the request is told: {curl}")
    answer = page.browser.run("return document.querySelector('#answer').textContent")
    expect(HOSTILE in json.loads(answer.split("\n\n")[1].split("\n")[1])["body"]["text"], "the answer is told as it came")
    hostile = page.browser.run("return [document.images.length, document.title]")
    expect(hostile[0] == 0 and "owned" not in hostile[1], "nothing of an upstream is markup")


def check_tasks(page):
    page.browser.run("document.querySelector('#sleep').value = '100ms,200ms,300ms:fail'")
    page.submit("tasks", waits=False)
    expect(page.browser.wait("/on one thread/.test(document.querySelector('#tasks-say').textContent)"), "both ways of waiting end")
    sentence = page.browser.run("return document.querySelector('#tasks-say').textContent")
    expect("task 3 failed" in sentence, f"tasks are told: {sentence}")
    starts = page.browser.run(
        "return [...document.querySelectorAll('#sequential-picture .bar')].map(bar => parseFloat(bar.style.left))"
    )
    expect(starts == sorted(starts) and starts[1] > 5, "the sequential run is drawn next to the concurrent one")


def check_looks(page, directory):
    for width in (360, 800, 1440):
        for scheme in ("light", "dark"):
            page.open(width, 900, scheme)
            page.submit("tasks", waits=False)
            page.browser.wait("/on one thread/.test(document.querySelector('#tasks-say').textContent)")
            overflow = page.browser.run("return document.documentElement.scrollWidth")
            expect(overflow <= width, f"nothing is wider than {width} px ({overflow})")
            bad = page.browser.run(CONTRAST)
            expect(bad == [], f"text is told from what is behind it, {scheme} at {width}: {bad[:3]}")
            check_axe(page.browser, expect, f"{scheme} at {width}")
            page.browser.size(width, page.browser.run("return document.documentElement.scrollHeight"))
            page.browser.picture(directory / f"page-{width}-{scheme}.png")


# WCAG 2.2, 1.4.3: 4.5 to 1, or 3 to 1 for large text. Backgrounds here are plain colours.
CONTRAST = """
const channel = value => { value /= 255; return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4 }
const luminance = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue)
const numbers = colour => colour.match(/[\\d.]+/g).map(Number)
const bad = []
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
while (walker.nextNode()) {
    const element = walker.currentNode.parentElement
    if (!walker.currentNode.data.trim() || element.closest("script, style, [hidden], option") || !element.getClientRects().length) continue
    let behind = element
    while (behind && (numbers(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement
    const style = getComputedStyle(element)
    const [one, other] = [luminance(numbers(style.color)), luminance(behind ? numbers(getComputedStyle(behind).backgroundColor) : [255, 255, 255])]
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700)
    if (ratio < (large ? 3 : 4.5)) bad.push(`${walker.currentNode.data.trim().slice(0, 30)} ${ratio.toFixed(2)}`)
}
return bad
"""


def check_access(page):
    page.open()
    tree = page.browser.tools("Accessibility.getFullAXTree")["nodes"]
    value = lambda node, key: node.get(key, {}).get("value", "")
    widgets = {"button", "combobox", "textbox", "slider", "checkbox", "link", "region", "image"}
    nameless = [value(node, "role") for node in tree if value(node, "role") in widgets and not value(node, "name")]
    expect(nameless == [], f"all that can be used has a name: {nameless}")
    roles = {value(node, "role") for node in tree}
    expect({"main", "heading", "button", "combobox", "slider", "image", "status"} <= roles, "there are the roles of a page")
    levels = page.browser.run("return [...document.querySelectorAll('h1,h2,h3')].map(heading => Number(heading.tagName[1]))")
    expect(levels[0] == 1 and all(after - before <= 1 for before, after in zip(levels, levels[1:])), "no heading level is left out")
    page.browser.run("document.querySelectorAll('details').forEach(details => { details.open = true })")
    table = page.browser.run("return [...document.querySelectorAll('#gather-table tr')].map(row => [...row.cells].map(cell => cell.textContent))")
    expect(len(table) == 6 and table[1][4] == "customer" and table[1][5] == "yes", f"the picture is a table as well: {table[:2]}")

    page.browser.run("document.activeElement.blur(); scrollTo(0, 0)")
    order = []
    for _ in range(80):
        page.browser.press("Tab")
        order.append(
            page.browser.run(
                """const focused = document.activeElement
                if (focused === document.body) return null
                const all = [...document.querySelectorAll("*")]
                return [all.indexOf(focused), getComputedStyle(focused).outlineStyle !== "none", focused.id || focused.textContent.slice(0, 20)]"""
            )
        )
        if order[-1] is None:
            break
    places = [entry[0] for entry in order if entry]
    expect(places == sorted(places) and len(places) > 25, f"the keyboard reaches all, in the order of the page ({len(places)} stops)")
    expect(all(entry[1] for entry in order if entry), "what has the focus shows it")

    page.open(motion="reduce")
    moving = page.browser.run("return getComputedStyle(document.querySelector('#gather-picture .bar')).transitionDuration")
    expect(moving == "0s", "nothing moves for those who want no motion")

    page.browser.tools("Emulation.setScriptExecutionDisabled", value=True)
    page.browser.open(page.address + "/")
    tree = page.browser.tools("Accessibility.getFullAXTree")["nodes"]
    names = [value(node, "name") for node in tree if value(node, "role") == "link"]
    buttons = [node for node in tree if value(node, "role") == "button"]
    expect("GET /late" in names and not buttons, "without its script the page lists what there is to try")
    page.browser.tools("Emulation.setScriptExecutionDisabled", value=False)


def check_network(page, address):
    """Nothing was asked of others, and nothing was complained of."""
    urls = set()
    for entry in page.browser.log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            urls.add(message["params"]["request"]["url"])
    others = [url for url in urls if not url.startswith((address, "data:"))]
    expect(urls and not others, f"no request goes elsewhere: {others}")
    # A gather that fails without a stream would be one, and none here does.
    errors = [entry["message"] for entry in page.browser.log("browser")]
    expect(errors == [], f"the console has nothing to say: {errors}")


def main():
    program = sys.argv[1]
    directory = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="gatherd-page-"))
    directory.mkdir(parents=True, exist_ok=True)
    with serving(program) as address, Browser() as browser:
        page = Page(browser, address)
        page.open()
        check_times(page)
        check_growth(page, directory)
        check_marks(page)
        check_tasks(page)
        check_looks(page, directory)
        check_access(page)
        check_network(page, address)
    print(f"screenshots are in {directory}")
    if problems:
        sys.exit(f"page check: {len(problems)} failed")


if __name__ == "__main__":
    main()
