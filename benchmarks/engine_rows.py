"""One cloud of one size: bars of all contenders compared, then their times taken in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType

import numpy as np
import numpy.typing as npt

from aura_tda_gpu.persistence.cpu import CpuEngine
from aura_tda_gpu.persistence.rips import vietoris_rips

from .budget import Budget
from .clouds import cloud
from .comparison import Bars, assert_equal, bars_of, timed
from .peers import PEERS

__all__ = [
    "FROM_POINTS",
    "OURS",
    "Limits",
    "Row",
    "absent",
    "look_ahead",
    "measure_row",
    "usable",
]

OURS = "ours"
FROM_POINTS = "ours, from points"
SLOW_S = 0.5  # a run that takes so long is not hurt by being the first one

Run = Callable[[], Bars]
Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Limits:
    """How long a cloud of one size may take.

    Attributes
    ----------
    repeat : int
        Timed runs of a contender at most.
    run_s : float
        Longest run of a peer, as predicted from smaller clouds.
    cell_s : float
        Time that all timed runs of one contender may take together, the last one not counted.
    """

    repeat: int = 5
    run_s: float = 12.0
    cell_s: float = 2.0


@dataclass
class Row:
    """What one cloud of one size told.

    Attributes
    ----------
    cloud : str
    n : int
    bars : dict of str to int
        Number of bars, by homology dimension.
    variants : dict of str to str
        The way of each peer that was faster.
    samples, medians : dict
        Seconds by contender.
    notes : list of str
        What was not run, and why.
    """

    cloud: str
    n: int
    bars: dict[str, int] = field(default_factory=dict)
    variants: dict[str, str] = field(default_factory=dict)
    samples: dict[str, list[float]] = field(default_factory=dict)
    medians: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def ratio(self, peer: str) -> float | None:
        """How many times as long the peer takes, on the same matrix."""
        return self.medians[peer] / self.medians[OURS] if peer in self.medians else None

    @property
    def checked(self) -> bool:
        """Whether the bars of a peer were compared."""
        return bool(set(self.medians) - {OURS, FROM_POINTS})


def usable(names: Sequence[str]) -> list[str]:
    """Return the peers that are installed, each imported once."""
    found = [name for name in names if PEERS[name].available()]
    for name in found:
        for variant in PEERS[name].VARIANTS:
            PEERS[name].bars(np.array([[0, 1], [1, 0]], np.float32), variant)
    return found


def absent(names: Sequence[str]) -> dict[str, str]:
    """Return the peers that are not installed, with the line that installs them."""
    missing = [name for name in names if not PEERS[name].available()]
    return {name: f"not installed: {PEERS[name].INSTALL}" for name in missing}


def measure_row(name: str, n: int, peers: Sequence[str], budget: Budget, limits: Limits) -> Row:
    """Check that all bars agree, then time the contenders in turns.

    Raises
    ------
    SystemExit
        If bars differ; the matrix of distances is then in a file.
    """
    row = Row(name, n)
    points = cloud(name, n)
    D = CpuEngine().pairwise(points, "euclidean")
    runs: dict[str, Run] = {
        OURS: lambda: bars_of(vietoris_rips(D, metric="precomputed")),
        FROM_POINTS: lambda: bars_of(vietoris_rips(points)),
    }
    first = {contender: timed(run) for contender, run in runs.items()}
    expected = first[OURS][1]
    row.bars = {f"H{k}": len(bars) for k, bars in expected.items()}
    assert_equal(expected, first[FROM_POINTS][1], f"{FROM_POINTS}, {name}, n = {n}", points)
    row.samples = {contender: _kept(seconds) for contender, (seconds, _) in first.items()}
    for peer in peers:
        run = _fastest_variant(row, peer, D, expected, budget)
        if run is not None:
            runs[peer] = run
    _time(row, runs, limits)
    row.medians = {contender: statistics.median(s) for contender, s in row.samples.items()}
    return row


def look_ahead(name: str, n: int, peers: Sequence[str], budget: Budget) -> None:
    """Run each peer once on a cloud, for the budget alone: to tell what a larger one will take."""
    D = CpuEngine().pairwise(cloud(name, n), "euclidean")
    expected = bars_of(vietoris_rips(D, metric="precomputed"))
    for peer in peers:
        _fastest_variant(Row(name, n), peer, D, expected, budget)


def _fastest_variant(row: Row, peer: str, D: Matrix, expected: Bars, budget: Budget) -> Run | None:
    """Run each variant of a peer once, compare its bars, and return the fastest one."""
    module = PEERS[peer]
    taken: dict[str, float] = {}
    for variant in module.VARIANTS:
        label = peer if len(module.VARIANTS) == 1 else f"{peer} {variant}"
        refusal = _refusal(module, variant, row.n, budget)
        if refusal:
            row.notes.append(f"{label} not run: {refusal}")
            continue
        taken[variant], bars = budget.timed(peer, variant, row.n, partial(module.bars, D, variant))
        assert_equal(expected, bars, f"{label}, {row.cloud}, n = {row.n}", D)
    if not taken:
        return None
    best = min(taken, key=lambda variant: taken[variant])
    row.variants[peer] = best
    row.samples[peer] = _kept(taken[best])
    return lambda: module.bars(D, best)


def _kept(seconds: float) -> list[float]:
    """Return the first run as a sample, if it is slow enough to be one."""
    return [seconds] if seconds >= SLOW_S else []


def _refusal(module: ModuleType, variant: str, n: int, budget: Budget) -> str | None:
    """Return why a run is left out, or None."""
    too_large = getattr(module, "too_large", None)
    reason: str | None = too_large(n) if too_large is not None else None
    return reason or budget.refusal(module.NAME, variant, n)


def _time(row: Row, runs: dict[str, Run], limits: Limits) -> None:
    """Let the contenders take turns until each has its runs, or its time."""
    spent = {contender: sum(row.samples[contender]) for contender in runs}
    for _ in range(limits.repeat):
        for contender, run in runs.items():
            samples = row.samples[contender]
            is_done = len(samples) >= limits.repeat or (
                samples and spent[contender] > limits.cell_s
            )
            if is_done:
                continue
            start = time.perf_counter()
            run()
            samples.append(time.perf_counter() - start)
            spent[contender] += samples[-1]
