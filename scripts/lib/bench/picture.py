"""A picture of a run of scripts/load: how latency is distributed, and how it went over time."""
import html
import math

COLOURS = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f"]
WIDTH, HEIGHT = 920, 400
TOP, BOTTOM = 56, 340
PANELS = {"left": (64, 430), "right": (510, 780)}
PERCENTILES = [("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9), ("p99.99", 99.99)]


def text(x, y, words, anchor="middle", size=11, colour="#444"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{html.escape(words)}</text>'


def line(points, colour, width=1.8):
    return (f'<polyline fill="none" stroke="{colour}" stroke-width="{width}" points="'
            + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>')


def milliseconds(value):
    return f"{value / 1000:g} ms" if value < 1e6 else f"{value / 1e6:g} s"


class Scale:
    """From µs to a height, by powers of ten."""

    def __init__(self, values):
        values = [max(value, 1) for value in values if value is not None] or [1000]
        self.low, self.high = math.floor(math.log10(min(values))), max(math.ceil(math.log10(max(values))), 1)
        self.high = max(self.high, self.low + 1)

    def __call__(self, value):
        share = (math.log10(max(value, 1)) - self.low) / (self.high - self.low)
        return BOTTOM - share * (BOTTOM - TOP)

    def grid(self, left, right):
        parts = []
        for power in range(self.low, self.high + 1):
            y = self(10 ** power)
            parts += [line([(left, y), (right, y)], "#ddd", 1), text(left - 6, y + 4, milliseconds(10 ** power), "end")]
        return parts


def distribution(profiles, scale):
    left, right = PANELS["left"]
    step = (right - left) / (len(PERCENTILES) - 1)
    parts = [text((left + right) / 2, TOP - 16, "latency: so many per cent take no longer", size=12), *scale.grid(left, right)]
    parts += [text(left + step * index, BOTTOM + 18, f"{percent:g}%") for index, (_, percent) in enumerate(PERCENTILES)]
    for index, result in enumerate(profiles.values()):
        points = [(left + step * place, scale(result["latency_us"][name])) for place, (name, _) in enumerate(PERCENTILES)
                  if result["latency_us"][name] is not None]
        parts.append(line(points, COLOURS[index % len(COLOURS)]))
    return parts


def course(profiles, scale, seconds):
    left, right = PANELS["right"]
    parts = [text((left + right) / 2, TOP - 16, "99% in each second; a dot has errors", size=12), *scale.grid(left, right)]

    def x(second):
        return left + (right - left) * (second + 0.5) / max(seconds, 1)

    parts += [text(x(second), BOTTOM + 18, f"{second + 1} s") for second in range(0, int(seconds), max(1, int(seconds) // 6))]
    for index, result in enumerate(profiles.values()):
        colour = COLOURS[index % len(COLOURS)]
        points = [(x(second), scale(each["p99_us"]), each["errors"]) for second, each in enumerate(result["over_time"])
                  if each["p99_us"] is not None]
        parts.append(line([point[:2] for point in points], colour))
        parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="{colour}"/>' for px, py, errors in points if errors]
    return parts


def draw(report):
    profiles = report["profiles"]
    values = [value for result in profiles.values() for value in result["latency_us"].values()]
    values += [each["p99_us"] for result in profiles.values() for each in result["over_time"]]
    scale = Scale(values)
    loop = f"open loop, {report['rate']:g} a second" if report["rate"] else "closed loop"
    parts = [text(20, 22, f"scripts/load: {loop}, {report['connections']} connections, {report['date']}", "start", 13, "#111"),
             *distribution(profiles, scale), *course(profiles, scale, report["seconds"])]
    for index, (name, result) in enumerate(profiles.items()):
        y = TOP + 8 + index * 36
        parts.append(line([(794, y - 4), (812, y - 4)], COLOURS[index % len(COLOURS)], 3))
        parts.append(text(818, y, name if len(name) < 16 else name[:14] + "…", "start", 12, "#111"))
        parts.append(text(818, y + 14, f"{result['rate']:.0f}/s, {sum(result['errors'].values())} errors", "start", 10))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>' + "\n".join(parts) + "</svg>\n")
