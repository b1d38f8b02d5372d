"""The CUDA engine against Ripser++ and giotto-ph on one machine, all given the same distances."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from aura_tda_gpu import vietoris_rips
from aura_tda_gpu.persistence.distances import pairwise

from .clouds import CLOUDS, cloud
from .comparison import Bars, assert_equal, bars_of, timed
from .expected import Oracle
from .figures import Figure
from .peers import GPU_PEERS

__all__ = ["measure_against_peers"]

OURS, FROM_POINTS = "ours", "ours, from points"
WANTED = {"Ripser++": 10.0}  # times as fast, on each cloud
WANTED_N = 1024
WARM_UP_N = 64


def measure_against_peers(
    oracle: Oracle, n: int, repeats: int, limit_s: float, clouds: list[str] | None = None
) -> Iterator[tuple[list[dict[str, Any]], list[Figure]]]:
    """Time whole diagrams of each cloud; yield all there is after each.

    Every contender's bars are compared first.

    Parameters
    ----------
    n : int
        Points of a cloud.
    repeats : int
        Runs of each contender, fewer once they have taken ``limit_s`` seconds.
    clouds : list of str, optional
        Some of `CLOUDS`.
    """
    rows: list[dict[str, Any]] = []
    figures: list[Figure] = []
    for name, peer in GPU_PEERS.items():
        if peer.available():
            few = cloud("torus", WARM_UP_N)
            found = peer.bars(pairwise(few, "euclidean"))
            assert_equal(bars_of(vietoris_rips(few, backend="cuda")), found, f"{name}, torus")
        else:
            print(f"{name} is not installed: {peer.INSTALL}")
    for shape in clouds or CLOUDS:
        rows.append(_row(oracle, shape, n, repeats, limit_s))
        figures += [_figure(rows[-1], name) for name in GPU_PEERS]
        told = (f"{who} {1e3 * median:.3g} ms" for who, median in rows[-1]["medians_s"].items())
        print(f"{shape}, n = {n}: {', '.join(told)}", flush=True)  # a peer may end the process
        yield rows, figures


def _row(oracle: Oracle, shape: str, n: int, repeats: int, limit_s: float) -> dict[str, Any]:
    points = cloud(shape, n)
    D = pairwise(points, "euclidean")

    def ours() -> Any:
        return vietoris_rips(D, metric="precomputed", backend="cuda")

    bars = bars_of(ours())
    checked = [oracle.check_points(points, bars, f"{shape}, n = {n}")]
    runs: dict[str, Callable[[], Any]] = {
        OURS: ours,
        FROM_POINTS: lambda: vietoris_rips(points, backend="cuda"),
    }
    for name, peer in GPU_PEERS.items():
        if peer.available():
            runs.update(_variants(name, peer, D))
    samples = {who: _samples(run, repeats, limit_s, bars, who, shape) for who, run in runs.items()}
    medians = {who: float(np.median(seconds)) for who, seconds in samples.items()}
    checked += [who for who in runs if who not in (OURS, FROM_POINTS)]
    return {
        "shape": shape,
        "n": n,
        "checked": checked,
        "samples_s": samples,
        "medians_s": medians,
        "ratios": {name: _ratio(medians, name) for name in GPU_PEERS},
    }


def _variants(name: str, peer: ModuleType, D: Any) -> dict[str, Callable[[], Bars]]:
    return {
        f"{name}, {variant}": lambda v=variant: peer.bars(D, v)  # type: ignore[misc]
        for variant in peer.VARIANTS
    }


def _samples(
    run: Callable[[], Any], repeats: int, limit_s: float, bars: Bars, who: str, shape: str
) -> list[float]:
    """Return the seconds of each run, the bars of the first being compared."""
    started, seconds = time.monotonic(), []
    for turn in range(repeats):
        taken, found = timed(run)
        if turn == 0:
            assert_equal(bars, found if isinstance(found, dict) else bars_of(found), who + shape)
        seconds.append(taken)
        if time.monotonic() - started > limit_s:
            break
    return seconds


def _ratio(medians: dict[str, float], name: str) -> float | None:
    """Return how many times as long the peer takes, in the fastest of its ways."""
    theirs = [median for who, median in medians.items() if who.startswith(f"{name}, ")]
    return min(theirs) / medians[OURS] if theirs else None


def _figure(row: dict[str, Any], name: str) -> Figure:
    ratio = row["ratios"][name]
    wanted = WANTED.get(name) if row["n"] == WANTED_N else None
    note = "" if ratio is not None else f"not installed: {GPU_PEERS[name].INSTALL}"
    title = f"against {name}, {row['shape']}, n = {row['n']}"
    return Figure(title, ratio, "times", wanted, at_least=True, note=note)
