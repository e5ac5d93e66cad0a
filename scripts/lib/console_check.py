"""Drives the console with a headless Chromium, and fails if it does not show what the service does.

console_check.py PROGRAM [DIRECTORY]: serves page-check.yaml with the upstream of page_check.py, and puts a known load on it.
Screenshots at three widths, light and dark, are written to DIRECTORY, by default a new one below /tmp.
"""

import concurrent.futures
import json
import pathlib
import re
import sys
import tempfile
import urllib.error
import urllib.request

from accessibility import check_axe
from page_check import CONTRAST, check_network, expect, problems, serving
from webdriver import Browser, free_port


def get(address, path):
    with urllib.request.urlopen(address + path) as response:
        return response.read()


def load(address, path, times):
    def ask(_):
        try:
            get(address, path)
        except urllib.error.HTTPError as error:
            error.read()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(times)))


class Console:
    """The console as somebody uses it."""

    def __init__(self, browser, admin):
        (self.browser, self.admin) = (browser, admin)

    def open(self, width=1440, height=900, scheme="light", part=""):
        self.browser.size(width, height)
        self.browser.media(prefers_color_scheme=scheme)
        self.browser.open("about:blank")
        self.browser.open(f"{self.admin}/console{part}")
        expect(self.browser.wait("document.querySelector('#state.live') && document.querySelector('#upstreams tr')"), "the console is live")

    def table(self, name):
        """Each row's cells by the text of its header."""
        return self.browser.run(
            """return Object.fromEntries([...document.querySelectorAll(`#${arguments[0]} tr`)].map(row =>
                [row.cells[0].textContent, [...row.cells].slice(1).map(cell => [cell.textContent, cell.className])]))""",
            name,
        )

    def wait_for_total(self, endpoint, total):
        return self.browser.wait(
            f"""[...document.querySelectorAll("#endpoints tr")].some(row =>
                row.cells[0].textContent === {json.dumps(endpoint)} && row.cells[8].textContent === "{total}")""",
            20,
        )

    def show(self, kind):
        self.browser.run("document.querySelector(`[data-kind=${arguments[0]}]`).click()", kind)

    def select(self, endpoint):
        """Opens the first gather of an endpoint in the list."""
        self.browser.run(
            "[...document.querySelectorAll('#gathers a')].find(link => link.textContent === arguments[0]).click()", endpoint
        )
        self.browser.wait(f"document.querySelector('#detail-title').textContent === {json.dumps(endpoint)}")
        self.browser.wait("document.querySelector('#calls tr')")


def check_tables(console, address):
    load(address, "/graph/7", 40)
    load(address, "/graph/7?fail_customer=500", 10)
    load(address, "/broken", 5)
    load(address, "/hedged", 4)
    load(address, "/late", 3)
    load(address, "/nothing", 6)
    for endpoint, total in {"GET /graph/{id}": 50, "GET /broken": 5, "GET /late": 3, "no route": 6}.items():
        expect(console.wait_for_total(endpoint, total), f"{endpoint} has had {total} requests")
    endpoints = console.table("endpoints")
    (p50, p99) = (float(endpoints["GET /graph/{id}"][column][0].split(" ")[0]) for column in (2, 4))
    expect(100 < p50 < p99, f"the percentiles are those of the graph: {endpoints['GET /graph/{id}']}")
    expect(endpoints["GET /graph/{id}"][5] == ["20%", "number wrong"], "one request in five has failed")
    expect(endpoints["no route"][6][0] == "100%", "what has no route is an error of the client")
    upstreams = console.table("upstreams")
    expect(upstreams["broken"][7][0] == "■ open" and "wrong" in upstreams["broken"][7][1], f"an open breaker is shown: {upstreams['broken']}")
    expect(upstreams["up"][7][0] == "none", "an upstream without a breaker says so")
    expect(upstreams["hedged"][8][0].endswith("/ 100"), "the budget of retries and hedges is shown")
    loops = console.table("loops")
    expect(list(loops) == ["0"] and loops["0"][3][0].endswith("ms"), f"the loop is shown with its turns: {loops}")


def check_plots(console):
    paths = console.browser.run(
        "return [...document.querySelectorAll('.plot')].map(plot => [...plot.querySelectorAll(':scope > svg .line')].map(line => line.getAttribute('d').length))"
    )
    expect(len(paths) == 4 and len(paths[2]) == 3 and all(all(lengths) for lengths in paths), f"four plots have their lines: {paths}")
    dashes = console.browser.run(
        "return [...new Set([...document.querySelectorAll('.plot:nth-child(3) li .line')].map(line => getComputedStyle(line).strokeDasharray))]"
    )
    expect(len(dashes) == 3, "lines differ by more than their colours")
    labels = console.browser.run("return [...document.querySelectorAll('.plot > svg')].map(plot => plot.getAttribute('aria-label'))")
    expect(all("at most" in label for label in labels), f"each plot says what it shows: {labels[0]}")
    console.browser.run("document.querySelector('.plot > svg').focus()")
    console.browser.press("ArrowLeft")
    console.browser.press("ArrowLeft")
    reading = console.browser.run("return document.querySelector('#reading').textContent")
    expect(" ago: requests per second all " in reading, f"a moment can be read with the keyboard: {reading[:60]}")
    console.browser.press("Escape")
    console.browser.run("[...document.querySelectorAll('#endpoints button')].find(button => button.textContent === 'GET /hedged').click()")
    chosen = console.browser.run("return [document.querySelector('#endpoint').value, document.querySelectorAll('tr.chosen').length]")
    expect(chosen == ["GET /hedged", 1], "an endpoint is chosen by its name")
    console.browser.run("const choice = document.querySelector('#endpoint'); choice.value = ''; choice.dispatchEvent(new Event('change'))")


def check_gathers(console):
    console.show("failed")
    failed = console.browser.run("return [...document.querySelectorAll('#gathers tr')].map(row => [row.cells[0].textContent, row.cells[4].textContent])")
    expect(["GET /graph/{id}", "customer: HTTP error"] in failed, f"failed gathers say which call: {failed[:2]}")
    console.show("slowest")
    console.select("GET /late")
    values = console.browser.run(
        "return Object.fromEntries([...document.querySelectorAll('#picture [data-call]')].map(track => [track.dataset.call, track.parentElement.querySelector('.value').textContent]))"
    )
    expect(values["slow"] == "timed out" and values["dependent"] == "skipped", f"a gather's calls are marked: {values}")
    expect(console.browser.run("return Boolean(document.querySelector('#picture .deadline'))"), "the deadline is a line")
    console.select("GET /hedged")
    bars = console.browser.run("return [...document.querySelectorAll('#picture [data-call=hedged] .bar:not(.phase)')].map(bar => bar.className)")
    expect(len(bars) == 2 and "cut" in bars[1], f"each attempt of a call has its bar: {bars}")
    strips = console.browser.run("return [...document.querySelectorAll('#picture [data-call=hedged] .phase')].map(strip => strip.title)")
    expect(any("waited for the first byte" in strip for strip in strips), f"and what it did: {strips}")
    console.show("recent")
    console.select("GET /graph/{id}")
    (address, facts) = console.browser.run("return [location.hash, document.querySelector('#detail-facts').textContent]")
    gather = json.loads(get(console.admin, "/gathers/" + address.removeprefix("#gather=")))
    expect(str(gather["status"]) in facts, f"the gather is told in words: {facts}")
    bars = console.browser.run(
        """const track = document.querySelector("#picture [data-call=customer]")
        return [...track.querySelectorAll(".bar")].map(bar => [parseFloat(bar.style.left), parseFloat(bar.style.width)])"""
    )
    whole = console.browser.run(
        "return parseFloat(document.querySelector('#picture .tick:last-child').textContent)"
    )
    strips = console.browser.run(
        """const whole = parseFloat(document.querySelector("#picture .tick:last-child").textContent)
        return [...document.querySelectorAll("#picture [data-call]")].map(track => [track.dataset.call,
            Object.fromEntries([...track.querySelectorAll(".phase")].map(strip => [strip.className.split(" ").at(-1), parseFloat(strip.style.width) / 100 * whole]))])"""
    )
    for name, widths in strips:
        phases = gather["calls"][name].get("phases", {})
        if "connect_ms" in phases or "first_byte_ms" not in phases:
            continue
        expect(abs(widths.get("answer", 0) - phases["first_byte_ms"]) < 0.02 * whole, f"a strip shows what '{name}' did: {widths}, {phases}")
    patterns = console.browser.run(
        """return [...document.querySelectorAll(".key .phase")].map(strip => getComputedStyle(strip))
            .map(style => [style.borderTopStyle, style.backgroundSize, style.backgroundImage.replace(/(rgb|color)a?\\([^)]*\\)/g, "")].join())"""
    )
    expect(len(set(patterns)) == 7, f"phases differ by more than their colours: {patterns}")
    call = gather["calls"]["customer"]
    expect(abs(bars[0][1] / 100 * whole - call["duration_ms"]) < 0.02 * whole, "a bar is as long as its call took")
    picture = urllib.request.urlopen(f"{console.admin}/gathers/{gather['id']}.svg")
    text = picture.read().decode()
    expect(picture.headers["Content-Type"] == "image/svg+xml" and text.startswith("<svg") and "customer" in text, "the picture can be saved")
    saved = re.findall(r'class="phase answer" x="([\d.]+)"[^>]*width="([\d.]+)"[^>]*><title>', text)
    expect(len(saved) == len(strips_of_answers := [name for name, widths in strips if "answer" in widths]), f"with what each call did: {saved}, {strips_of_answers}")
    expect(console.browser.run("return document.querySelector('#save').getAttribute('href')") == f"/gathers/{gather['id']}.svg", "and is linked")
    console.open(part=address)
    expect(console.browser.wait("document.querySelector('#calls tr')"), "a gather is reached by its URL")
    console.open(part="#gather=9-9-9")
    expect(console.browser.wait("/no longer kept/.test(document.querySelector('#detail-facts').textContent)"), "one that is gone says so")
    hostile = console.browser.run("return [document.images.length, document.title]")
    expect(hostile == [0, "gatherd console"], "nothing of an upstream is markup")


def check_access(console):
    console.open()
    tree = console.browser.tools("Accessibility.getFullAXTree")["nodes"]
    value = lambda node, key: node.get(key, {}).get("value", "")
    widgets = {"button", "combobox", "link", "region", "image", "table", "columnheader", "rowheader"}
    nameless = [value(node, "role") for node in tree if value(node, "role") in widgets - {"table"} and not value(node, "name")]
    expect(nameless == [], f"all that can be used has a name: {nameless}")
    levels = console.browser.run("return [...document.querySelectorAll('h1,h2,h3')].filter(h => h.checkVisibility()).map(heading => Number(heading.tagName[1]))")
    expect(levels[0] == 1 and all(after - before <= 1 for before, after in zip(levels, levels[1:])), "no heading level is left out")
    console.browser.run("document.activeElement.blur(); scrollTo(0, 0)")
    order = []
    # Paused, so that rows do not come and go meanwhile.
    console.browser.run("document.querySelector('#pause').click()")
    for _ in range(80):
        console.browser.press("Tab")
        order.append(
            console.browser.run(
                """const focused = document.activeElement
                if (focused === document.body) return null
                return [[...document.querySelectorAll("*")].indexOf(focused), getComputedStyle(focused).outlineStyle !== "none"]"""
            )
        )
        if order[-1] is None:
            break
    places = [entry[0] for entry in order if entry]
    expect(places == sorted(places) and len(places) > 15, f"the keyboard reaches all, in the order of the page ({len(places)} stops)")
    expect(all(entry[1] for entry in order if entry), "what has the focus shows it")
    state = console.browser.run("return [document.querySelector('#state').textContent, document.querySelector('#pause').getAttribute('aria-pressed')]")
    expect(state == ["Paused", "true"], "it can be paused")


def check_looks(console, directory):
    for width in (360, 800, 1440):
        for scheme in ("light", "dark"):
            console.open(width, 900, scheme)
            console.show("slowest")
            console.browser.wait("document.querySelector('#gathers a')")
            console.browser.run("document.querySelector('#gathers a').click()")
            console.browser.wait("document.querySelector('#calls tr') && document.querySelector('.plot > svg .line')")
            overflow = console.browser.run("return document.documentElement.scrollWidth")
            expect(overflow <= width, f"nothing is wider than {width} px ({overflow})")
            bad = console.browser.run(CONTRAST)
            expect(bad == [], f"text is told from what is behind it, {scheme} at {width}: {bad[:3]}")
            check_axe(console.browser, expect, f"{scheme} at {width}")
            console.browser.size(width, console.browser.run("return document.documentElement.scrollHeight"))
            console.browser.picture(directory / f"console-{width}-{scheme}.png")


def main():
    program = sys.argv[1]
    directory = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="gatherd-console-"))
    directory.mkdir(parents=True, exist_ok=True)
    admin = f"127.0.0.1:{free_port()}"
    with Browser() as browser:
        console = Console(browser, "http://" + admin)
        with serving(program, admin) as address:
            console.open()
            check_tables(console, address)
            check_plots(console)
            # A gather that is not kept is a 404, which the browser notes.
            browser.log("browser")
            check_gathers(console)
            check_access(console)
            check_looks(console, directory)
            noted = [entry for entry in browser.log("browser") if "/gathers/9-9-9" not in entry["message"]]
            expect(noted == [], f"the browser has nothing to say: {noted}")
            check_network(console, "http://" + admin)
        lost = browser.wait("document.querySelector('#state.lost')")
        expect(lost, "a service that does not answer is told")
    print(f"screenshots are in {directory}")
    if problems:
        sys.exit(f"console check: {len(problems)} failed")


if __name__ == "__main__":
    main()
