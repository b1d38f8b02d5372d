"""The CUDA engine against Ripser++ and giotto-ph on one machine, all given the same distances."""

from __future__ import annotations

import math
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
    oracle: Oracle,
    n: int,
    repeats: int,
    limit_s: float,
    clouds: list[str] | None = None,
    budget_s: float = math.inf,
) -> Iterator[tuple[list[dict[str, Any]], list[Figure]]]:
    """Time whole diagrams of each cloud; yield all there is after each contender.

    Every contender's bars are compared first. The peer with a target goes first, through all
    clouds in the first of its ways; what the time does not suffice for is named in the rows.

    Parameters
    ----------
    n : int
        Points of a cloud.
    repeats : int
        Runs of each contender, fewer once they have taken ``limit_s`` seconds.
    clouds : list of str, optional
        Some of `CLOUDS`.
    budget_s : float
        Seconds after which only the peer with a target is run.
    """
    started = time.monotonic()
    for name, peer in GPU_PEERS.items():
        if peer.available():
            few = cloud("torus", WARM_UP_N)
            found = peer.bars(pairwise(few, "euclidean"))
            assert_equal(bars_of(vietoris_rips(few, backend="cuda")), found, f"{name}, torus")
        else:
            print(f"{name} is not installed: {peer.INSTALL}")
    cases = [_Case(oracle, shape, n) for shape in clouds or CLOUDS]
    for case in cases:
        case.measure_ours(repeats, limit_s)
    for name, peer, variant in _ways():
        for case in cases:
            who = f"{name}, {variant}"
            first = name in WANTED and variant == peer.VARIANTS[0]
            if not first and time.monotonic() - started > budget_s:
                case.row["left_out"].append(who)
                continue
            case.measure(who, lambda D=case.D, p=peer, v=variant: p.bars(D, v), repeats, limit_s)
            print(f"{case.told()}", flush=True)  # a peer may end the process
            yield _all(cases)
    yield _all(cases)


def _ways() -> list[tuple[str, ModuleType, str]]:
    """Return the peers that are installed in all their ways, those with a target first."""
    ways = [
        (name, peer, variant)
        for name, peer in GPU_PEERS.items()
        if peer.available()
        for variant in peer.VARIANTS
    ]
    return sorted(ways, key=lambda way: (way[2] != way[1].VARIANTS[0], way[0] not in WANTED))


def _all(cases: list[_Case]) -> tuple[list[dict[str, Any]], list[Figure]]:
    rows = [case.row for case in cases]
    return rows, [_figure(row, name) for row in rows for name in GPU_PEERS]


class _Case:
    """A cloud, and what was measured of it."""

    def __init__(self, oracle: Oracle, shape: str, n: int) -> None:
        self._points = cloud(shape, n)
        self.D = pairwise(self._points, "euclidean")
        self._bars = bars_of(self._ours())
        checked = [oracle.check_points(self._points, self._bars, f"{shape}, n = {n}")]
        self.row: dict[str, Any] = {
            **{"shape": shape, "n": n, "checked": checked, "left_out": []},
            **{"samples_s": {}, "medians_s": {}, "ratios": dict.fromkeys(GPU_PEERS)},
        }

    def _ours(self) -> Any:
        return vietoris_rips(self.D, metric="precomputed", backend="cuda")

    def measure_ours(self, repeats: int, limit_s: float) -> None:
        """Time the own engine, from distances as the peers and from points."""
        self.measure(OURS, self._ours, repeats, limit_s)
        points = self._points
        self.measure(FROM_POINTS, lambda: vietoris_rips(points, backend="cuda"), repeats, limit_s)

    def measure(self, who: str, run: Callable[[], Any], repeats: int, limit_s: float) -> None:
        """Time a contender, the bars of its first run being compared."""
        row = self.row
        seconds = _samples(run, repeats, limit_s, self._bars, who, row["shape"])
        row["samples_s"][who] = seconds
        row["medians_s"][who] = float(np.median(seconds))
        if who not in (OURS, FROM_POINTS):
            row["checked"].append(who)
        row["ratios"] = {name: _ratio(row["medians_s"], name) for name in GPU_PEERS}

    def told(self) -> str:
        """Return the medians so far."""
        medians = (f"{who} {1e3 * s:.3g} ms" for who, s in self.row["medians_s"].items())
        return f"{self.row['shape']}, n = {self.row['n']}: {', '.join(medians)}"


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
    why = "no time was left" if row["left_out"] else f"not installed: {GPU_PEERS[name].INSTALL}"
    note = why if ratio is None else ""
    title = f"against {name}, {row['shape']}, n = {row['n']}"
    return Figure(title, ratio, "times", wanted, at_least=True, note=note)
