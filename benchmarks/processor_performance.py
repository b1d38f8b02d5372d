"""Measure the asynchronous processor against the plain stream it stands on, in one run.

Every contender gets the same points and must return the same updates before a rate is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from aura_tda_gpu import (
    Config,
    FeatureTracker,
    MultiScaleStream,
    StreamingPoint,
    StreamingTDAProcessor,
)
from aura_tda_gpu.streaming.hooks import BarTable, UpdateHook
from aura_tda_gpu.streaming.window_update import WindowUpdate
from aura_tda_gpu.subscriptions import Broadcast, Subscription

from . import record
from .streams import Points, torus_knot
from .suite import record_path

BATCH = 1000
TRACKED = "push, features followed"
BEAT_S = 0.001
WANTED = {"point_rate": 3000.0, "batch_ratio": 0.9, "delay_p99_ms": 10.0, "delivery_us": 10.0}
Feed = Callable[[StreamingTDAProcessor, Points, Points], Awaitable[list[WindowUpdate]]]


@dataclass
class Samples:
    """Figures of all rounds, by contender."""

    rates: dict[str, list[float]] = field(default_factory=dict)
    delays: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """Return the median rate in points a second."""
        return statistics.median(self.rates[name])

    def ratio(self, other: str) -> float:
        """Return process_batch against another: the median of the ratios of each round."""
        pairs = zip(self.rates["process_batch"], self.rates[other], strict=True)
        return statistics.median(batch / rate for batch, rate in pairs)


def main() -> None:
    """Run the benchmark from the command line."""
    args = _arguments()
    machine = record.machine()
    points, times = torus_knot(args.n, args.rate_hz)
    samples = Samples()
    print(
        f"{args.n} points at {args.rate_hz:g} a second of event time, scales {Config().scales} ms"
    )
    for _ in range(args.repeat):
        _round(samples, points, times)
    print(f"{'':26}{'points/s':>10}{'event loop late, p99':>24}")
    for name in samples.rates:
        delays = samples.delays.get(name)
        late = f"{1e3 * float(np.quantile(delays, 0.99)):.2f} ms" if delays else ""
        print(f"{name:26}{samples.median(name):10.0f}{late:>24}")
    print(
        f"process_batch reaches {samples.ratio(TRACKED):.1%} of push with the same hooks "
        f"(wanted {WANTED['batch_ratio']:.0%}), {samples.ratio('push'):.1%} of push alone"
    )
    delivery = {count: _delivery(count, args.updates) for count in args.subscribers}
    for count, seconds in delivery.items():
        print(f"{count:5} subscribers: {1e6 * seconds:.2f} us for each of them and each update")
    record.write(
        record_path("processor_performance", args, _arguments),
        _record(args, machine, samples, delivery),
    )


def _arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=20_000, help="points")
    parser.add_argument("--rate-hz", type=float, default=1000, help="points a second, event time")
    parser.add_argument("--repeat", type=int, default=5, help="rounds")
    parser.add_argument("--subscribers", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--updates", type=int, default=200, help="updates to each subscriber")
    parser.add_argument("--output", type=Path, help="where to write the JSON record")
    return parser.parse_args(argv)


def _round(samples: Samples, points: Points, times: Points) -> None:
    """Measure every contender once, without and with a heartbeat, and compare what they return."""
    _forget_others()
    expected, rate = _push(points, times, ())
    samples.rates.setdefault("push", []).append(rate)
    hooks = BarTable(), FeatureTracker.of(Config().stability)
    _forget_others()
    found, rate = _push(points, times, hooks)
    _assert_equal(expected, found, TRACKED)
    samples.rates.setdefault(TRACKED, []).append(rate)
    for name, feed in {"process_batch": _in_batches, "process_point": _one_by_one}.items():
        for beat in (False, True):
            who = f"{name}, heartbeat" if beat else name
            _forget_others()
            found, rate, delays = asyncio.run(_measure(feed, points, times, beat=beat))
            _assert_equal(expected, found, who)
            samples.rates.setdefault(who, []).append(rate)
            if beat:
                samples.delays.setdefault(who, []).extend(delays)
    gc.unfreeze()


def _forget_others() -> None:
    """Keep the collector from going through the updates of one contender in another's time."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _push(
    points: Points, times: Points, hooks: Sequence[UpdateHook]
) -> tuple[list[WindowUpdate], float]:
    stream = MultiScaleStream(Config())
    start = time.perf_counter()
    updates: list[WindowUpdate] = []
    for i in range(0, len(points), BATCH):
        pushed = stream.push(points[i : i + BATCH], times[i : i + BATCH])
        for _, instant in groupby(pushed, lambda update: update.timestamp):
            ticking = list(instant)
            for hook in hooks:
                hook(ticking)
        updates += pushed
    return updates, len(points) / (time.perf_counter() - start)


async def _measure(
    feed: Feed, points: Points, times: Points, *, beat: bool
) -> tuple[list[WindowUpdate], float, list[float]]:
    delays: list[float] = []
    async with StreamingTDAProcessor() as tda:
        heart = asyncio.create_task(_heartbeat(delays)) if beat else None
        start = time.perf_counter()
        updates = await feed(tda, points, times)
        seconds = time.perf_counter() - start
        if heart is not None:
            heart.cancel()
    return updates, len(points) / seconds, delays


async def _in_batches(
    tda: StreamingTDAProcessor, points: Points, times: Points
) -> list[WindowUpdate]:
    updates: list[WindowUpdate] = []
    for i in range(0, len(points), BATCH):
        updates += await tda.process_batch(points[i : i + BATCH], times[i : i + BATCH])
    return updates


async def _one_by_one(
    tda: StreamingTDAProcessor, points: Points, times: Points
) -> list[WindowUpdate]:
    returned = [
        await tda.process_point(StreamingPoint(point, timestamp))
        for point, timestamp in zip(points, times.tolist(), strict=True)
    ]
    return [update for one in returned if one is not None for update in one.all]


async def _heartbeat(delays: list[float]) -> None:
    """Note how much later than asked for a sleeping task goes on."""
    while True:
        start = time.perf_counter()
        await asyncio.sleep(BEAT_S)
        delays.append(time.perf_counter() - start - BEAT_S)


def _delivery(n_subscribers: int, n_updates: int) -> float:
    """Return the seconds that one update costs for each subscriber, its consumer included."""
    points, times = torus_knot(200, 1000)
    updates = MultiScaleStream(scales=[100]).push(points, times)
    sent = [updates[i % len(updates)] for i in range(n_updates)]
    return asyncio.run(_deliver(sent, n_subscribers)) / (n_updates * n_subscribers)


async def _deliver(sent: Sequence[WindowUpdate], n_subscribers: int) -> float:
    """Publish updates one by one, and wait each time until every consumer has taken it."""
    broadcast = Broadcast(lambda: None)
    received: list[list[WindowUpdate]] = [[] for _ in range(n_subscribers)]

    async def consume(subscription: Subscription[WindowUpdate], taken: list[WindowUpdate]) -> None:
        async for update in subscription:
            taken.append(update)  # noqa: PERF401 - the sender counts what has arrived

    consumers = [
        asyncio.create_task(consume(broadcast.updates.subscribe(1024, "drop_oldest"), taken))
        for taken in received
    ]
    await asyncio.sleep(0)
    start = time.perf_counter()
    for number, update in enumerate(sent, 1):
        broadcast.put(update)
        while len(received[-1]) < number:  # noqa: ASYNC110 - one turn of the loop, as a rule
            await asyncio.sleep(0)
    seconds = time.perf_counter() - start
    broadcast.close()
    await asyncio.gather(*consumers)
    if any(taken != list(sent) for taken in received):
        raise SystemExit("a subscriber did not see every update once and in order: no figures")
    return seconds


def _assert_equal(expected: list[WindowUpdate], found: list[WindowUpdate], who: str) -> None:
    def key(update: WindowUpdate) -> tuple[Any, ...]:
        return (
            update.window_id,
            update.timestamp,
            update.births,
            update.deaths,
            update.dimensions,
            update.vertex_ids.tolist(),
        )

    if list(map(key, expected)) != list(map(key, found)):
        raise SystemExit(f"{who} does not return the updates of push: no figures")


def _record(
    args: argparse.Namespace,
    machine: dict[str, Any],
    samples: Samples,
    delivery: dict[int, float],
) -> dict[str, Any]:
    settings = {name: value for name, value in vars(args).items() if name != "output"}
    quantiles = {
        name: {str(q): float(np.quantile(delays, q)) for q in (0.5, 0.99, 1.0)}
        for name, delays in samples.delays.items()
    }
    slope = None
    if len(delivery) > 1:
        counts, totals = np.array([(n, n * s) for n, s in delivery.items()]).T
        slope = float(np.polyfit(np.log(counts), np.log(totals), 1)[0])
    return {
        "benchmark": "processor_performance",
        "machine": machine,
        "versions": record.versions(("aura-tda-gpu", "numpy", "numba", "structlog")),
        "commit": record.commit(),
        "settings": {**settings, "batch": BATCH, "scales_ms": list(Config().scales)},
        "wanted": WANTED,
        "samples_points_per_s": samples.rates,
        "medians_points_per_s": {name: samples.median(name) for name in samples.rates},
        "process_batch_against_push": samples.ratio("push"),
        "process_batch_against_push_with_hooks": samples.ratio(TRACKED),
        "loop_delay_s": quantiles,
        "delivery_s": {str(count): seconds for count, seconds in delivery.items()},
        "delivery_exponent": slope if slope is None or math.isfinite(slope) else None,
    }


if __name__ == "__main__":
    main()
