"""Runs generate.c, and what its records say."""
import collections
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

from process import Failure

SOURCE = pathlib.Path(__file__).with_name("generate.c")
BUILT = pathlib.Path(__file__).resolve().parents[3] / ".build/load/generate"
RECORD = struct.Struct("=IIHH")
PERCENTILES = (50, 90, 99, 99.9, 99.99)
# How a request ends that gets no answer, by the numbers of generate.c.
ERRORS = {1: "no connection", 2: "reset", 3: "closed before the answer", 4: "cut short", 5: "timeout", 6: "no HTTP",
          7: "not sent in time"}


def build():
    """The generator, compiled if it is missing or older than its source."""
    if not BUILT.exists() or BUILT.stat().st_mtime < SOURCE.stat().st_mtime:
        BUILT.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", str(BUILT), str(SOURCE)], check=True)
    return BUILT


class Requests:
    """A kind of request: its weight among the others, its path, and the statuses that are successes."""

    def __init__(self, path, weight=1, expect=range(200, 400)):
        self.path, self.weight, self.expect = path, weight, expect


class Run:
    """The generator at work; `records` waits for its end."""

    def __init__(self, address, requests, connections, seconds, rate=0, timeout=10):
        host, _, port = address.rpartition(":")
        self.requests, self.seconds = requests, seconds
        self.output = tempfile.TemporaryFile()
        self.child = subprocess.Popen(
            [build(), host, port, str(connections), str(round(seconds * 1000)), str(rate), str(round(timeout * 1000))],
            stdin=subprocess.PIPE, stdout=self.output, text=True)
        self.child.stdin.write("".join(f"{each.weight} {each.path}\n" for each in requests))
        self.child.stdin.close()

    def records(self, progress=None):
        """Each request's (due, took, kind, result), times in µs; `progress` is called meanwhile with the seconds so far."""
        began = time.monotonic()
        try:
            while self.child.poll() is None:
                if time.monotonic() > began + self.seconds + 60:
                    raise Failure("the generator does not end")
                if progress:
                    progress(min(time.monotonic() - began, self.seconds))
                time.sleep(0.1)
        finally:
            self.stop()
        if self.child.returncode:
            raise Failure("the generator failed")
        with self.output:
            self.output.seek(0)
            return list(RECORD.iter_unpack(self.output.read()))

    def stop(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()


def percentile(ordered, percent):
    """Of a list in order, the value that so many per cent do not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else None


def error_of(record, requests):
    """What is wrong with how a request ended; None if nothing is. Only an expected status is a success."""
    _, _, kind, result = record
    if result < 100:
        return ERRORS[result]
    return None if result in requests[kind].expect else f"status {result}"


def summary(records, requests, seconds):
    """What is shown and saved of a run. Rate and latency are those of successes: a refusal is quick, and no use."""
    errors = collections.Counter(error for record in records if (error := error_of(record, requests)))
    statuses = collections.Counter(record[3] for record in records if record[3] >= 100)
    latencies = sorted(record[1] for record in records if not error_of(record, requests))
    over_time = []
    for second in range(int(seconds)):
        within = [record for record in records if second <= record[0] / 1e6 < second + 1]
        ordered = sorted(record[1] for record in within if not error_of(record, requests))
        over_time.append({
            "requests": len(within), "errors": len(within) - len(ordered),
            "p50_us": percentile(ordered, 50), "p99_us": percentile(ordered, 99)})
    return {
        "requests": len(records), "successes": len(records) - sum(errors.values()),
        "rate": round(len(latencies) / seconds, 1),
        # Little's law: rate times latency, which is the sum of what the requests took over the time.
        "in_flight": round(sum(record[1] for record in records) / 1e6 / seconds, 2),
        "latency_us": {**{f"p{percent:g}": percentile(latencies, percent) for percent in PERCENTILES},
                       "max": latencies[-1] if latencies else None},
        "errors": dict(errors.most_common()),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "over_time": over_time,
    }


def main():
    """generator.py KINDS RECORDS: what the generator wrote for these kinds; fails if a request failed."""
    kinds, records = map(pathlib.Path, sys.argv[1:3])
    requests = [Requests(path, int(weight)) for weight, path in map(str.split, kinds.read_text().splitlines())]
    records = list(RECORD.iter_unpack(records.read_bytes()))
    seconds = max((record[0] for record in records), default=0) / 1e6 + 0.001
    result = summary(records, requests, seconds)
    errors = ", ".join(f"{count} × {error}" for error, count in result["errors"].items())
    print(f"{result['requests']} requests, {result['requests'] / seconds:.0f} a second, failed: {errors or 'none'}")
    return 0 if result["requests"] and not result["errors"] else 1


class Progress:
    """A line that changes where a person watches, and nothing elsewhere."""

    def __init__(self, what, seconds):
        self.what, self.seconds = what, seconds

    def __call__(self, so_far):
        if sys.stderr.isatty():
            bar = "█" * int(30 * so_far / self.seconds)
            print(f"\r{self.what:<24} {bar:<30} {so_far:4.1f} of {self.seconds:g} s", end="", file=sys.stderr, flush=True)

    def end(self):
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        else:
            print(f"{self.what}: done", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
