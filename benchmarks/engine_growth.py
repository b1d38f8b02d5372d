"""How the cost of a diagram grows: with points, points replaced, dimension and threads."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from aura_tda_gpu.persistence.backends import usable_cores
from aura_tda_gpu.persistence.rips import vietoris_rips

from .clouds import cloud
from .comparison import assert_equal, bars_of, timed
from .engine_rows import Row
from .replacements import REBUILT, UPDATED, WARM_UP, Samples, Windows

__all__ = [
    "Fit",
    "exponent",
    "growth_of",
    "with_dimension",
    "with_points",
    "with_replaced",
    "with_threads",
    "with_updates",
]

FIT_FROM = 256  # points: below, the fixed part of a call shows
DIMENSIONS = (2, 4, 8, 16, 32, 64)
UPDATE_CLOUDS = ("lorenz", "torus", "gaussian 10-D")

Part = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Fit:
    """A power law fitted to medians.

    Attributes
    ----------
    what : str
        What grows: points, points replaced, dimension, threads.
    who : str
        Contender and cloud.
    exponent : float
        Slope of log time over log size.
    over : str
        The sizes it was fitted to.
    """

    what: str
    who: str
    exponent: float
    over: str

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        told = asdict(self)
        return {"with": told.pop("what"), **told}


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the slope of log seconds over log sizes."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def growth_of(what: str, who: str, medians: Mapping[float, float], least: int = 3) -> list[Fit]:
    """Return a fit, or none where there are fewer sizes than ``least``."""
    sizes = sorted(medians)
    if len(sizes) < least:
        return []
    slope = exponent(sizes, [medians[size] for size in sizes])
    return [Fit(what, who, slope, f"{sizes[0]:g} to {sizes[-1]:g}")]


def with_points(rows: Sequence[Row]) -> list[Fit]:
    """Fit the time of each contender to the number of points, cloud by cloud."""
    found = []
    for name in dict.fromkeys(row.cloud for row in rows):
        mine = [row for row in rows if row.cloud == name and row.n >= FIT_FROM]
        for who in dict.fromkeys(who for row in mine for who in row.medians):
            medians = {row.n: row.medians[who] for row in mine if who in row.medians}
            found += growth_of("points", f"{who}, {name}", medians)
    return found


def with_updates(
    sizes: Sequence[int], clouds: Sequence[str], repeat: int, largest: int
) -> tuple[Part, list[Fit]]:
    """Replace one point in windows of each size, in place and by a rebuild."""
    rows, fits = [], []
    for name in clouds:
        medians: dict[str, dict[float, float]] = {UPDATED: {}, REBUILT: {}}
        for n in (n for n in sizes if n <= largest):
            rows.append(_replaced(name, n, 1, "always", repeat))
            for who, of_size in medians.items():
                of_size[n] = rows[-1]["medians"][who]
        for who, of_size in medians.items():
            large = {n: s for n, s in of_size.items() if n >= FIT_FROM}
            fits += growth_of("points", f"one replaced, {who}, {name}", large)
    return rows, fits


def with_replaced(
    n: int, counts: Sequence[int], clouds: Sequence[str], repeat: int
) -> tuple[Part, list[Fit]]:
    """Replace several points at a time, always in place."""
    rows, fits = [], []
    for name in clouds:
        medians: dict[float, float] = {}
        for m in counts:
            rows.append(_replaced(name, n, m, "always", repeat))
            medians[m] = rows[-1]["medians"][UPDATED]
        fits += growth_of("points replaced", f"in place, {name}, n = {n}", medians)
    return rows, fits


def with_dimension(n: int, repeat: int) -> tuple[Part, list[Fit]]:
    """Compute diagrams of normal points of several dimensions, distances included."""
    rng = np.random.default_rng(0)
    rows = []
    for dim in DIMENSIONS:
        points = rng.standard_normal((n, dim)).astype(np.float32)
        vietoris_rips(points)
        samples = [timed(lambda p=points: vietoris_rips(p))[0] for _ in range(repeat)]
        rows.append(_row("gaussian", n, samples, dim=dim))
    medians = {row["dim"]: row["medians"]["ours"] for row in rows}
    return rows, growth_of("dimension", f"ours, from points, gaussian, n = {n}", medians)


def with_threads(n: int, clouds: Sequence[str], repeat: int) -> tuple[Part, list[Fit]]:
    """Compute diagrams with one thread, two, four ... up to the cores."""
    counts = [1 << i for i in range(usable_cores().bit_length())]
    counts = sorted({count for count in counts if count <= usable_cores()} | {usable_cores()})
    rows, fits = [], []
    for name in clouds:
        points = cloud(name, n)
        expected = bars_of(vietoris_rips(points, threads=1))
        medians: dict[float, float] = {}
        for threads in counts:
            found = bars_of(vietoris_rips(points, threads=threads))
            assert_equal(expected, found, f"{threads} threads, {name}, n = {n}", points)
            run = lambda p=points, t=threads: vietoris_rips(p, threads=t)  # noqa: E731
            samples = [timed(run)[0] for _ in range(repeat)]
            rows.append(_row(name, n, samples, threads=threads))
            medians[threads] = rows[-1]["medians"]["ours"]
        fits += growth_of("threads", f"ours, from points, {name}, n = {n}", medians, least=2)
    return rows, fits


def _row(name: str, n: int, samples: list[float], **more: Any) -> dict[str, Any]:
    medians = {"ours": statistics.median(samples)}
    return {"cloud": name, "n": n, **more, "samples": {"ours": samples}, "medians": medians}


def _replaced(name: str, n: int, m: int, updates: str, repeat: int) -> dict[str, Any]:
    windows = Windows(name, n, m * (repeat + WARM_UP), updates)
    for _ in range(WARM_UP):
        windows.replace(m, Samples())
    samples = Samples()
    for _ in range(repeat):
        windows.replace(m, samples)
    seconds = {who: samples.seconds[who] for who in (UPDATED, REBUILT)}
    medians = {who: statistics.median(taken) for who, taken in seconds.items()}
    return {
        "cloud": name,
        "n": n,
        "m": m,
        "samples": seconds,
        "medians": medians,
        "paths": {path: samples.paths.count(path) for path in sorted(set(samples.paths))},
        "rechecked": statistics.median(samples.rechecked),
    }
