"""The operations of LoopBenchmark on asyncio's event loop, or on uvloop's: asyncio_loop.py asyncio|uvloop

Prints a line for each operation: its name and the nanoseconds that it takes, separated by a tab.
"""

import asyncio
import os
import random
import sys
import threading
import time

PENDING_TIMERS = 1_000_000


async def measure(name, count, operation):
    await operation(count // 10)
    start = time.perf_counter_ns()
    await operation(count)
    print(f"{name}\t{(time.perf_counter_ns() - start) // count}", flush=True)


async def nothing():
    pass


async def spawns(count):
    for _ in range(count):
        await asyncio.create_task(nothing())


async def gathers(count):
    for _ in range(count):
        await asyncio.gather(*(nothing() for _ in range(8)))


async def hops(count):
    """Two tasks that wake each other in turns."""
    loop = asyncio.get_running_loop()
    futures = [None, None]

    def wake(side):
        if futures[side] is not None and not futures[side].done():
            futures[side].set_result(None)

    async def play(side):
        for _ in range(count // 2):
            futures[side] = loop.create_future()
            wake(1 - side)
            await futures[side]
        wake(1 - side)

    await asyncio.gather(play(0), play(1))


async def yields(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def sleeps(count):
    await asyncio.gather(*(asyncio.sleep(0.001) for _ in range(count)))


async def timers(count):
    loop = asyncio.get_running_loop()
    for index in range(count):
        loop.call_later(1 + (index % 29_000) / 1_000, int).cancel()
        if index % 1_000 == 999:
            await asyncio.sleep(0)  # asyncio forgets cancelled timers when its loop goes round


def replacing(pending):
    """Cancels timers that stand anywhere among the others, and starts new ones."""

    async def replacements(count):
        loop = asyncio.get_running_loop()
        for index in range(count):
            pending[index].cancel()
            pending[index] = loop.call_later(random.uniform(3_600, 90_000), int)
            if index % 1_000 == 999:
                await asyncio.sleep(0)

    return replacements


async def round_trips(count):
    """Tasks of another thread's loop, awaited here."""
    other = asyncio.new_event_loop()
    thread = threading.Thread(target=other.run_forever)
    thread.start()
    for _ in range(count):
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(nothing(), other))
    other.call_soon_threadsafe(other.stop)
    thread.join()
    other.close()


async def readiness(count):
    loop = asyncio.get_running_loop()
    reader, writer = os.pipe2(os.O_NONBLOCK)
    waiting = None

    def ready():
        os.read(reader, 1)
        waiting.set_result(None)

    loop.add_reader(reader, ready)
    for _ in range(count):
        waiting = loop.create_future()
        os.write(writer, b"x")
        await waiting
    loop.remove_reader(reader)
    os.close(reader)
    os.close(writer)


async def main():
    await measure("spawn and join", 50_000, spawns)
    await measure("gather of 8", 10_000, gathers)
    await measure("hop", 200_000, hops)
    await measure("yield", 200_000, yields)
    await measure("sleep", 10_000, sleeps)
    await measure("timer", 200_000, timers)
    loop = asyncio.get_running_loop()
    pending = [loop.call_later(random.uniform(3_600, 90_000), int) for _ in range(PENDING_TIMERS)]
    await measure("timer among a million", 200_000, timers)
    await measure("timer replaced among a million", 200_000, replacing(pending))
    for timer in pending:
        timer.cancel()
    del pending
    await asyncio.sleep(0)
    await measure("readiness", 50_000, readiness)
    await measure("thread round trip", 5_000, round_trips)


if sys.argv[1:] == ["uvloop"]:
    import uvloop

    uvloop.install()
elif sys.argv[1:] != ["asyncio"]:
    sys.exit(__doc__)
asyncio.run(main())
