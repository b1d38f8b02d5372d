"""Device time of a rebuild by stage, and of each kernel against its floor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aura_tda_gpu.persistence.cuda_reduction import FIRST_LIST
from aura_tda_gpu.persistence.cuda_rooms import Counted, Outcome, Rooms
from aura_tda_gpu.persistence.rips import compute_diagram
from aura_tda_gpu.persistence.rips_options import check_options

from .clouds import cloud
from .comparison import bars_of
from .expected import Oracle
from .figures import Figure
from .gpu_floors import Work, against_floor
from .gpu_target import Target

__all__ = ["SHAPES", "measure_stages"]

SHAPES = ("lorenz", "torus", "gaussian 10-D")
LONGEST = np.uint32(0x7F7FFFFF)
WARM_UP = 2
WITHOUT_K6 = ("distance", "radius", "lune", "sort", "forest")
WANTED_MS = {1024: 1.0, 2048: 6.0}  # a rebuild without K6


def measure_stages(
    target: Target, oracle: Oracle, sizes: Sequence[int], repeats: int
) -> tuple[list[dict[str, Any]], list[Figure]]:
    """Measure a rebuild of each cloud and size, once its bars are known to be right."""
    rows, figures = [], []
    peaks = target.peaks()
    for shape in SHAPES:
        for n in sizes:
            checked = oracle.check(shape, n, lambda points: bars_of(_whole(target, points)))
            row = {"shape": shape, "n": n, "checked": checked, "peaks": peaks}
            rows.append({**row, **_measured(target, cloud(shape, n), repeats, peaks)})
            figures += _figures(rows[-1])
    return rows, figures


def _measured(target: Target, points: Any, repeats: int, peaks: dict[str, float]) -> dict[str, Any]:
    times: dict[str, list[float]] = {}
    for _ in range(WARM_UP):
        _stages(target, points, {})
    for _ in range(repeats):
        counts = _stages(target, points, times)
        times.setdefault("whole", []).append(target.timed(lambda: _whole(target, points))[0])
    medians = {name: float(np.median(ms)) for name, ms in times.items()}
    n, dim = points.shape
    return {
        "median_ms": medians,
        "least_ms": {name: min(ms) for name, ms in times.items()},
        "without_k6_ms": sum(medians[name] for name in WITHOUT_K6),
        "counts": counts[0].tolist(),
        "kernels": _kernels(target, points, Work.counted(n, dim, counts), repeats, peaks),
    }


def _stages(target: Target, points: Any, times: dict[str, list[float]]) -> Any:
    """Run the stages one by one between events; return the counters of the window."""
    engine, stages = target.engine, target.engine.stages
    on_device = target.xp.asarray(points[np.newaxis])

    def timed(name: str, run: Any) -> Any:
        ms, made = target.timed(run)
        times.setdefault(name, []).append(ms)
        return made

    matrix = timed("distance", lambda: stages.distances(on_device, "euclidean"))
    bits = matrix.view(np.uint32)
    radii = timed("radius", lambda: stages.radii(bits))
    lists = timed("lune", lambda: stages.look(bits, radii, LONGEST))
    n, rooms = len(points), Rooms.of(Counted.of(lists.host_counts), len(points))
    outcome = Outcome.empty(target.engine.device, 1, n, rooms.words)
    engine.device.copy(outcome.counts, lists.counts)
    edges = timed("sort", lambda: stages.in_order(lists, rooms, outcome.counts))
    rank = timed("forest", lambda: stages.forest(edges, outcome))
    reduction = engine.pairs.reduction
    timed("reduce", lambda: reduction.reduce(bits, edges, rank, outcome, FIRST_LIST))
    told = outcome.on_host(engine.device).counts
    counted = Counted.of(told)
    if not rooms.hold(counted) or counted.list_full:
        raise SystemExit(f"{n} points: K6 ended early for want of room; nothing is timed")
    return told


def _kernels(
    target: Target, points: Any, work: Work, repeats: int, peaks: dict[str, float]
) -> dict[str, Any]:
    """Return the median launch of each kernel of a rebuild against its floor."""
    with target.timed_kernels() as kernels:
        _whole(target, points)
        kernels.collect()
        for _ in range(repeats):
            _whole(target, points)
        times = kernels.collect()
    return {
        name: {
            "launches": len(ms) / repeats,
            **against_floor(name, float(np.median(ms)), work, peaks),
        }
        for name, ms in times.items()
    }


def _whole(target: Target, points: Any) -> Any:
    """Go from points on the host to a diagram on the host."""
    return compute_diagram(points, check_options(), target.engine, "measured")


def _figures(row: dict[str, Any]) -> list[Figure]:
    who, wanted = f"{row['shape']}, n = {row['n']}", WANTED_MS.get(row["n"])
    return [
        Figure(f"rebuild without K6, {who}", row["without_k6_ms"], "ms", wanted),
        Figure(f"K6, {who}", row["median_ms"]["reduce"], "ms"),
        Figure(f"from host to host, {who}", row["median_ms"]["whole"], "ms"),
    ]
