"""From which size on a GPU pays: whole calls of both engines, on one machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from aura_tda_gpu import RipsWindow, vietoris_rips

from .clouds import cloud
from .comparison import assert_equal, bars_of, timed
from .figures import Figure

__all__ = ["measure_sizes"]

SHAPES = ("torus", "gaussian 10-D")
BACKENDS = ("cpu", "cuda")
REPLACED = (1, 8)
WARM_UP = 4


def measure_sizes(sizes: list[int], repeats: int) -> tuple[list[dict[str, Any]], list[Figure]]:
    """Time diagrams of points, and of windows in which some are replaced; bars are equal.

    Parameters
    ----------
    sizes : list of int
        Points.
    repeats : int
        Calls that are timed.
    """
    rows = [
        {"shape": shape, "n": n, "job": job, **_both(make, repeats)}
        for shape in SHAPES
        for n in sizes
        for job, make in _jobs(shape, n, repeats).items()
    ]
    return rows, []


def _jobs(shape: str, n: int, repeats: int) -> dict[str, Callable[[str], Callable[[], Any]]]:
    """Return what makes a call of each job for a backend."""
    points = cloud(shape, n)

    def rebuild(backend: str) -> Callable[[], Any]:
        return lambda: vietoris_rips(points, backend=backend)

    def replacing(m: int) -> Callable[[str], Callable[[], Any]]:
        def make(backend: str) -> Callable[[], Any]:
            fresh = iter(np.split(cloud(shape, m * (WARM_UP + repeats), seed=1), WARM_UP + repeats))
            window = RipsWindow(n, points.shape[1], updates="always", backend=backend)
            window.insert(points)
            window.diagram()

            def replace() -> Any:
                window.replace(window.ids[:m], next(fresh))
                return window.diagram()

            return replace

        return make

    return {"rebuild": rebuild, **{f"{m} replaced": replacing(m) for m in REPLACED}}


def _both(make: Callable[[str], Callable[[], Any]], repeats: int) -> dict[str, Any]:
    samples: dict[str, list[float]] = {}
    found: dict[str, Any] = {}
    for backend in BACKENDS:
        call = make(backend)
        for _ in range(WARM_UP):
            call()
        timings = [timed(call) for _ in range(repeats)]
        samples[backend] = [1e3 * seconds for seconds, _ in timings]
        found[backend] = bars_of(timings[-1][1])
    assert_equal(*(found[backend] for backend in BACKENDS), "cpu and cuda")
    medians = {backend: float(np.median(ms)) for backend, ms in samples.items()}
    return {"samples_ms": samples, "medians_ms": medians}
