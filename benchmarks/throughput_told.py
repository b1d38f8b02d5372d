"""What a record holds of a load: all that it came to, and samples that can be compared."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from . import record
from .latencies import QUANTILES, Latencies, enough
from .peak_memory import MB
from .throughput_run import Outcome

__all__ = ["case_of", "samples_of", "told_of"]

BLOCKS = 10  # consecutive parts of a run: latencies that follow each other are alike


def samples_of(outcome: Outcome) -> dict[str, record.Samples]:
    """Return the samples of a load: a median, a p99 and a rate for each of some parts of the run.

    Parts, for updates that follow each other are alike, and the spread of single latencies would
    make a median look surer than it is.
    """
    who = f"{outcome.load.source} {outcome.load.rate_hz:g}/s"
    samples = {}
    for name, of_scale in outcome.latencies.items():
        for key, what in (("p50", ""), ("p99", "p99 of ")):
            values = in_parts(of_scale, QUANTILES[key])
            if values:
                samples[f"{who}, {what}{name}"] = record.seconds(values)
    rates = [
        float(n) for told in outcome.streams for n in np.diff(told["seconds_of_points"], prepend=0)
    ]
    if rates:
        name = f"{who}, taken in a second"
        samples[name] = record.sampled(rates, "points", better="higher")
    peaks = [told["peak_bytes"] / MB for told in outcome.streams]
    return {**samples, f"{who}, process at most": record.sampled(peaks, "MB")}


def in_parts(found: Latencies, q: float) -> list[float]:
    """Return a quantile of each of up to ten consecutive parts of a run; none of too few."""
    values = found.values
    parts = np.array_split(values, max(1, min(BLOCKS, len(values) // enough(q))))
    of_parts = (_quantile(part.tolist(), q) for part in parts)
    return [float(f"{value:.4g}") for value in of_parts if value is not None]


def _quantile(values: list[float], q: float) -> float | None:
    found = Latencies()
    for value in values:
        found.add(value)
    return found.quantile(q)


def case_of(outcome: Outcome) -> dict[str, Any]:
    """Return all that a load came to, ready for JSON."""
    load = outcome.load
    ticks = sum(len(of_scale) for of_scale in outcome.latencies.values())
    everything = outcome.all_latencies
    left_out = ("latencies", "depth", "seconds_of_points")
    return {
        "load": {**asdict(load), "scales": list(load.scales)},
        "offered_per_s": outcome.offered_per_s,
        "points_per_s": outcome.points_per_s,
        "ticks_per_s": ticks / outcome.seconds,
        "seconds": outcome.seconds,
        "bears": outcome.bears,
        "latency": {
            "all": told_of(everything),
            **{name: told_of(of_scale) for name, of_scale in outcome.latencies.items()},
        },
        "queue": {
            "mean": outcome.depth.mean,
            "p50": outcome.depth.quantile(0.5),
            "p99": outcome.depth.quantile(0.99),
            "largest": outcome.depth.largest,
        },
        **{key: outcome.total(key) for key in ("taken", "dropped", "late", "overflowed")},
        "skipped_ticks": outcome.total("skipped_ticks"),
        "cpu_busy_cores": outcome.total("cpu_s") / outcome.seconds,
        "streams": [
            {key: value for key, value in told.items() if key not in left_out}
            for told in outcome.streams
        ],
    }


def told_of(found: Latencies) -> dict[str, Any]:
    """Return the quantiles of some latencies; None, and why, where there are too few."""
    return {
        "updates": len(found),
        **{name: found.quantile(q) for name, q in QUANTILES.items()},
        "largest": found.largest,
        "exact": found.exact,
        "too_few": found.too_few(),
    }
