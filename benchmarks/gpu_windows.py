"""Windows that change on a device, and many windows in one call, from the call to the diagrams."""

from __future__ import annotations

from typing import Any

import numpy as np

from aura_tda_gpu import Diagram, RipsWindow, vietoris_rips
from aura_tda_gpu.persistence.batch import vietoris_rips_batch
from aura_tda_gpu.persistence.cuda_launch import ceil_div

from .clouds import cloud
from .comparison import assert_equal, bars_of, quartiles, timed
from .expected import Oracle
from .figures import Figure
from .gpu_floors import Work, against_floor
from .gpu_stages import SHAPES
from .gpu_target import Target
from .replacements import REBUILT, UPDATED, WARM_UP, Samples, Windows

__all__ = ["measure_batch", "measure_replacements"]

WANTED_MS = {  # by cloud, points, and share replaced; one point is share 0
    ("lorenz", 2048, 0.0): 0.5,
    ("torus", 2048, 0.0): 1.5,
    ("lorenz", 1024, 0.1): 2.0,
    ("torus", 1024, 0.1): 2.0,
}
WANTED_BATCH_MS = {(256, 512): 30.0}
WARM_UP_CALLS = 2
BLOCK = 5  # replacements of a window before it is the turn of the next one

Measured = tuple[list[dict[str, Any]], list[Figure]]


def measure_replacements(
    target: Target, oracle: Oracle, cases: list[tuple[int, float]], repeats: int
) -> Measured:
    """Replace points of windows that update in place and of others that rebuild, side by side.

    Parameters
    ----------
    cases : list of (int, float)
        Points of the window, and the share that is replaced at a time; 0 stands for one point.
    repeats : int
        Replacements that are timed.
    """
    rows, figures = [], []
    for shape in SHAPES:
        for n, share in cases:
            m = max(1, int(share * n))
            rows.append(_replacements(target, oracle, shape, n, m, repeats))
            wanted = WANTED_MS.get((shape, n, share))
            figures.append(_figure(rows[-1], wanted))
    return rows, figures


def measure_batch(target: Target, oracle: Oracle, n_windows: int, n: int, repeats: int) -> Measured:
    """Compute the diagrams of many windows of one size in one call, and read all bars."""
    rows, figures = [], []
    for shape in SHAPES:
        points = cloud(shape, n_windows * n).reshape(n_windows, n, -1)
        diagrams = vietoris_rips_batch(points, backend="cuda")
        checked = [
            oracle.check_points(points[i], bars_of(diagrams[i]), f"window {i}, {shape}")
            for i in sorted({0, n_windows // 2, n_windows - 1})
        ]
        alone = vietoris_rips(points[0], backend="cuda")
        assert_equal(bars_of(alone), bars_of(diagrams[0]), f"window 0 by itself, {shape}")
        ms = []
        for _ in range(WARM_UP_CALLS + repeats):
            seconds, _ = timed(lambda p=points: _read(vietoris_rips_batch(p, backend="cuda")))
            ms.append(1e3 * seconds)
        row = {"shape": shape, "windows": n_windows, "n": n, "checked": checked[0]}
        rows.append({**row, "samples_ms": ms[WARM_UP_CALLS:], **_medians(ms[WARM_UP_CALLS:])})
        name = f"{n_windows} windows of {n} in one call, {shape}"
        wanted = WANTED_BATCH_MS.get((n_windows, n))
        figures.append(Figure(name, rows[-1]["median_ms"], "ms", wanted))
    return rows, figures


def _read(diagrams: list[Diagram]) -> list[Any]:
    """Return the bars of each: a diagram of many reads them when they are asked for."""
    return [[diagram[k] for k in diagram.dimensions] for diagram in diagrams]


def _replacements(
    target: Target, oracle: Oracle, shape: str, n: int, m: int, repeats: int
) -> dict[str, Any]:
    """Time one case; the bars of both windows are equal after each replacement."""
    turns = ceil_div(repeats, BLOCK)
    windows = Windows(shape, n, m * BLOCK * (WARM_UP + turns), "always", backend="cuda")
    for _ in range(WARM_UP):
        windows.replace(m, Samples(), times=BLOCK)
    samples = Samples()
    for _ in range(turns):
        windows.replace(m, samples, times=BLOCK)
    who = f"{shape}, n = {n}, after {turns * BLOCK} replacements of {m}"
    checked = oracle.check_points(windows.points, windows.bars(), who)
    updated, rebuilt = ([1e3 * s for s in samples.seconds[name]] for name in (UPDATED, REBUILT))
    return {
        "shape": shape,
        "n": n,
        "m": m,
        "one_after_another": BLOCK,
        "checked": f"a rebuild each time, {checked} at last",
        "paths": {path: samples.paths.count(path) for path in sorted(set(samples.paths))},
        "rechecked_median": float(np.median(samples.rechecked)),
        "samples_ms": updated,
        **_medians(updated),
        "rebuilt_ms": float(np.median(rebuilt)),
        "kernels": _kernels(target, shape, n, m, min(repeats, 10)),
    }


def _kernels(target: Target, shape: str, n: int, m: int, repeats: int) -> dict[str, Any]:
    """Return the median launch of each kernel of an update against its floor."""
    points = cloud(shape, n + m * (1 + repeats), seed=1)
    fresh = iter(np.split(points[n:], 1 + repeats))
    window = RipsWindow(n, points.shape[1], updates="always", backend="cuda")
    window.insert(points[:n])
    window.diagram()
    with target.timed_kernels() as kernels:
        for turn in range(1 + repeats):
            window.replace(window.ids[:m], next(fresh))
            diagram = window.diagram()
            if turn == 0:
                kernels.collect()
        times = kernels.collect()
    work, peaks = _work(diagram, n, points.shape[1], m), target.peaks()
    return {
        name: {
            "launches": len(ms) / repeats,
            **against_floor(name, float(np.median(ms)), work, peaks),
        }
        for name, ms in times.items()
    }


def _work(diagram: Diagram, n: int, dim: int, m: int) -> Work:
    told = diagram.info
    return Work(
        n,
        dim,
        changed=m,
        listed=told["n_rechecked"],
        rng=told["n_rng"],
        split=told["n_split"],
        relations=told["n_relations"],
        births=told["n_births"],
        additions=told["column_additions"],
    )


def _figure(row: dict[str, Any], wanted: float | None) -> Figure:
    ways = ", ".join(f"{way} {count}" for way, count in row["paths"].items())
    name = f"replace {row['m']} of {row['n']}, {row['shape']}"
    against = f"{ways}; rebuilt in {row['rebuilt_ms']:.3g} ms"
    return Figure(name, row["median_ms"], "ms", wanted, note=against)


def _medians(ms: list[float]) -> dict[str, Any]:
    lower, median, upper = quartiles(ms)
    return {"median_ms": median, "quartiles_ms": [lower, upper]}
