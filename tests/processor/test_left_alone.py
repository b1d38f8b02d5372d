"""Processors that nobody closes, and processes that are told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import time
import weakref

import pytest

from .helpers import Gate, cloud, eventually, point, processor, worker_threads

PRELUDE = """
import asyncio, gc, signal, sys, threading
import numpy as np
from aura_tda_gpu import StreamingPoint, StreamingTDAProcessor

TIMES = np.arange(200_000) / 1000
ROWS = np.random.default_rng(0).normal(size=(200_000, 2))


def processor(**settings):
    return StreamingTDAProcessor([100, 400], max_memory_mb=4, max_landmarks=24, **settings)


async def reading(subscription):
    return [item async for item in subscription]


def running(_, said=[]):
    if not said:
        said.append(print("running", flush=True))
"""


class Script:
    """A program of its own that says "running" once it is."""

    def __init__(self, body: str) -> None:
        source = PRELUDE + textwrap.dedent(body)
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", source],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def interrupted(self) -> tuple[int, str, float]:
        """Send Ctrl-C once it runs; return its exit code, its last words, how long it took."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "running\n"
        self._process.send_signal(signal.SIGINT)
        started = time.monotonic()
        code, err = self.ended()
        return code, err, time.monotonic() - started

    def ended(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and what it said of errors."""
        try:
            _, err = self._process.communicate(timeout=8)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            pytest.fail("the program hangs")
        return self._process.returncode, err


@pytest.mark.asyncio
async def test_a_forgotten_processor_ends_its_thread() -> None:
    tda = processor()
    await tda.process_batch(*cloud(50))
    await tda.process_point(point(50))
    gone = weakref.ref(tda)
    assert len(worker_threads()) == 1
    del tda
    await asyncio.sleep(0.03)  # its deadline holds it until then
    gc.collect()
    assert gone() is None
    await eventually(lambda: not worker_threads())


@pytest.mark.asyncio
async def test_a_processor_forgotten_in_the_middle_of_a_tick(gate: Gate) -> None:
    tda = processor(hooks=[gate])
    subscription = tda.subscribe_to_updates()
    work = asyncio.create_task(tda.process_batch(*cloud(50)))
    await gate.reached()
    work.cancel()
    gone = weakref.ref(tda)
    del tda, work, subscription
    gate.open()
    await asyncio.sleep(0.03)
    gc.collect()
    assert gone() is None
    await eventually(lambda: not worker_threads())


def test_a_processor_forgotten_with_its_loop() -> None:
    async def use() -> None:
        tda = processor(batch_deadline_ms=60_000)
        subscription = tda.subscribe_to_updates()
        await tda.process_batch(*cloud(50))
        await tda.process_point(point(50))
        assert subscription.waiting > 0

    asyncio.run(use())
    until = time.monotonic() + 2
    while worker_threads() and time.monotonic() < until:
        time.sleep(0.005)
        gc.collect()
    assert worker_threads() == []


@pytest.mark.parametrize("kept", [False, True])
def test_an_interpreter_exits_though_nobody_closed(kept: bool) -> None:
    script = Script(f"""
        tda = None

        async def main():
            global tda
            mine = processor(batch_deadline_ms=60_000)
            await mine.process_batch(ROWS[:50], TIMES[:50])
            await mine.process_point(StreamingPoint(ROWS[51], 0.051))
            if {kept}:
                tda = mine

        asyncio.run(main())
    """)
    assert script.ended() == (0, "")


def test_an_interpreter_exits_though_a_consumer_waits() -> None:
    script = Script("""
        async def main():
            tda = processor()
            consumer = asyncio.create_task(reading(tda.subscribe_to_updates()))
            await tda.process_batch(ROWS[:50], TIMES[:50])
            assert not consumer.done()

        asyncio.run(main())
    """)
    assert script.ended() == (0, "")


def test_an_interpreter_exits_though_a_blocking_subscriber_holds_the_worker() -> None:
    script = Script("""
        subscription = None

        async def main():
            global subscription
            tda = processor()
            subscription = tda.subscribe_to_updates(limit=1, policy="block")
            work = asyncio.create_task(tda.process_batch(ROWS[:2000], TIMES[:2000]))
            while tda.stats.stream.ticks.get("scale_100ms", 0) < 64:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.05)

        asyncio.run(main())
    """)
    assert script.ended() == (0, "")


ENDLESS = {
    "points in async with": """
        async def main():
            async with processor(hooks=[running]) as tda:
                consumer = asyncio.create_task(reading(tda.subscribe_to_updates()))
                k = 0
                while True:
                    await tda.process_point(StreamingPoint(ROWS[k % 1000], k / 1000))
                    k += 1

        asyncio.run(main())
    """,
    "a large batch in async with": """
        async def main():
            async with processor(hooks=[running]) as tda:
                await tda.process_batch(ROWS, TIMES)

        asyncio.run(main())
    """,
    "many tasks and a full queue": """
        async def main():
            async with processor(input_points=50, hooks=[running]) as tda:
                points = [StreamingPoint(ROWS[k], k / 1000) for k in range(5_000)]
                tda.subscribe_to_updates()
                async with asyncio.TaskGroup() as group:
                    for point in points:
                        group.create_task(tda.process_point(point))
                await asyncio.sleep(60)

        asyncio.run(main())
    """,
    "a blocking subscriber": """
        async def main():
            async with processor(hooks=[running]) as tda:
                subscription = tda.subscribe_to_updates(limit=1, policy="block")
                await tda.process_batch(ROWS[:5000], TIMES[:5000])

        asyncio.run(main())
    """,
    "a plain object": """
        async def main():
            tda = processor(hooks=[running])
            consumer = asyncio.create_task(reading(tda.subscribe_to_updates()))
            k = 0
            while True:
                await tda.process_point(StreamingPoint(ROWS[k % 1000], k / 1000))
                k += 1

        asyncio.run(main())
    """,
    "a plain object with a large batch": """
        async def main():
            tda = processor(hooks=[running])
            await tda.process_batch(ROWS, TIMES)

        asyncio.run(main())
    """,
    "a plain object and a blocking subscriber": """
        async def main():
            tda = processor(hooks=[running])
            subscription = tda.subscribe_to_updates(limit=1, policy="block")
            await tda.process_batch(ROWS[:5000], TIMES[:5000])

        asyncio.run(main())
    """,
}


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("name", ENDLESS)
def test_ctrl_c(name: str) -> None:
    if name == "many tasks and a full queue" and sys.version_info < (3, 11):
        pytest.skip("asyncio.TaskGroup is of Python 3.11")
    code, err, seconds = Script(ENDLESS[name]).interrupted()
    assert seconds < 2
    assert code == -signal.SIGINT
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert "Task was destroyed" not in err
    assert "never retrieved" not in err
    assert "Error" not in err.replace("CancelledError", "").replace("KeyboardInterrupt", "")
