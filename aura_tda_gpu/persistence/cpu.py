"""The lune engine on a CPU: exact H0 and H1 by a sorted sweep over adjacency bitsets.

The reduced Vietoris-Rips idea, that only the components of lunes matter in degree 1, is from
Koyama, Memoli, Robins and Turner, "Faster computation of degree-1 persistent homology using
the reduced Vietoris-Rips filtration" (arXiv 2307.16333), section 4. The enclosing radius is
from Bauer, "Ripser" (J. Appl. Comput. Topol. 2021), section 5.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from . import kernels
from .bars import bars_of, unpaired
from .cycles import loop_vertices
from .distances import angles
from .edge_keys import INFINITE, LARGEST, pattern_of
from .edge_sweep import sweep_edges
from .elder import bars_by_birth
from .engine import EngineResult, Float32Array
from .footprint import padded
from .kernels import certificates, cover, distance, farthest, keys
from .lune_state import LuneState
from .notices import compiling_told
from .pairing import counts, pair_edges

__all__ = [
    "CpuEngine",
    "cache_statistics",
    "warm_diagrams",
    "warm_landmarks",
    "warm_up",
    "warm_windows",
]

_SECONDS: dict[str, float] = {}  # that each part has taken in this process
_SQUARE = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
METRIC_KERNELS = {
    "euclidean": distance.euclidean,
    "manhattan": distance.manhattan,
    "chebyshev": distance.chebyshev,
}


class CpuEngine:
    """Exact Vietoris-Rips persistence in dimensions 0 and 1 on any CPU, compiled by numba."""

    name = "cpu"

    def __init__(self) -> None:
        warm_diagrams()

    @property
    def setup_seconds(self) -> float:
        """Seconds that compiling or loading kernels has taken so far; see `Engine`."""
        return sum(_SECONDS.values())

    def pairwise(self, points: Float32Array, metric: str) -> Float32Array:
        """Return the distance matrix of ``points``; see `Engine.pairwise`."""
        return _pairwise(points, metric)

    def compute(
        self,
        dissimilarity: Float32Array,
        *,
        dimensions: tuple[int, ...],
        threshold: float,
        threads: int,
        births: Float32Array | None = None,
    ) -> EngineResult:
        """Return the bars of the filtration; see `Engine.compute`."""
        return _compute(dissimilarity, dimensions, threshold, threads, births)

    def has_window_state(self, capacity: int) -> bool:
        """Tell whether the codes of so many slots fit into 16 bits."""
        return padded(capacity) <= certificates.MAX_SLOTS

    def window_state(
        self, capacity: int, dim: int, metric: str, *, threshold: float, threads: int
    ) -> LuneState:
        """Return a state for updates in place; see `Engine.window_state`."""
        warm_windows()
        limit = min(LARGEST, pattern_of(threshold))
        return LuneState(capacity, dim, metric, limit, threads)


def warm_up() -> dict[str, float | int]:
    """Compile all kernels, or load them from numba's cache on disk, once in a process.

    Returns
    -------
    dict
        ``seconds`` it took, and how many kernels were ``compiled`` and how many ``cached``.
    """
    for warm in (warm_diagrams, warm_windows, warm_landmarks):
        warm()
    return {"seconds": sum(_SECONDS.values()), **cache_statistics()}


def _timed(warm: Callable[[], None]) -> Callable[[], None]:
    """Return a function that does its work once, and notes how long that took."""

    @wraps(warm)
    def once() -> None:
        if warm.__name__ not in _SECONDS:
            start = time.perf_counter()
            with compiling_told(lambda: cache_statistics()["compiled"]):
                warm()
            _SECONDS[warm.__name__] = time.perf_counter() - start

    return once


@_timed
def warm_diagrams() -> None:
    """Compile or load what single diagrams take."""
    for metric in METRIC_KERNELS:
        _pairwise(_SQUARE, metric)
    _walk(_compute(_pairwise(_SQUARE, "euclidean"), (0, 1), np.inf, 1))


@_timed
def warm_windows() -> None:
    """Compile or load what updates in place take beside single diagrams."""
    state = _square_state()
    state.result((0, 1))
    _replace_last(state)
    _walk(state.result((0, 1)))


def update_a_few() -> None:
    """Compile or load what updates take beside what diagrams after them take."""
    _replace_last(_square_state())


def _square_state() -> LuneState:
    state = LuneState(4, 2, "euclidean", LARGEST, 1)
    state.build(_pairwise(_SQUARE, "euclidean"), _SQUARE, np.arange(4))
    return state


def _replace_last(state: LuneState) -> None:
    state.update(np.array([3]), np.array([3]), _SQUARE[3:], 64)


def _walk(result: EngineResult) -> None:
    """Go along the first loop."""
    loops = result.loop_edges
    assert loops is not None
    loops(0)
    loop_vertices(loops, [0])


def is_compiled_anew() -> bool:
    """Tell whether the cache on disk lacks kernels, by the first one of them."""
    _pairwise(_SQUARE, "euclidean")
    return cache_statistics()["compiled"] > 0


@_timed
def warm_landmarks() -> None:
    """Compile or load what landmarks on the host take."""
    farthest.select(_SQUARE.T.copy(), farthest.SQUARES, np.empty(2, np.int64))
    cover.warm_up()


def cache_statistics() -> dict[str, int]:
    """Return how many kernels this process has ``compiled`` so far, and how many were ``cached``.

    A kernel counts once its compilation begins; any thread may ask.
    """
    found = [value for module in _kernel_modules() for value in list(vars(module).values())]
    dispatchers = {id(value): value for value in found if hasattr(value, "stats")}.values()
    return {
        "compiled": sum(sum(d.stats.cache_misses.values()) for d in dispatchers),
        "cached": sum(sum(d.stats.cache_hits.values()) for d in dispatchers),
    }


def _kernel_modules() -> list[ModuleType]:
    package = kernels.__name__ + "."
    return [module for name, module in sys.modules.copy().items() if name.startswith(package)]


def _pairwise(points: Float32Array, metric: str) -> Float32Array:
    columns = np.ascontiguousarray(points.T)
    out = np.empty((len(points), len(points)), np.float32)
    if metric == "cosine":
        distance.euclidean(columns, out)
        return angles(out)
    METRIC_KERNELS[metric](columns, out)
    return out


def _compute(
    dissimilarity: Float32Array,
    dimensions: tuple[int, ...],
    threshold: float,
    threads: int,
    vertex_births: Float32Array | None = None,
) -> EngineResult:
    if any(k > 1 for k in dimensions):
        raise UnsupportedError(f"the cpu engine computes dimensions 0 and 1, not {dimensions}")
    n = len(dissimilarity)
    seconds: dict[str, float] = {"keys": 0.0, "sweep": 0.0, "forest": 0.0, "reduce": 0.0}
    info: dict[str, Any] = {"r_enc": 0.0, "seconds": seconds}
    with_loops = 1 in dimensions
    bits = dissimilarity.view(np.uint32)
    r_enc = np.uint32(keys.enclosing_radius(bits) if n else 0)
    info["r_enc"] = float(r_enc.view(np.float32))
    limit = min(r_enc, LARGEST, pattern_of(threshold))
    swept = sweep_edges(bits, limit, threads, seconds)
    paired = pair_edges(bits, swept, with_loops, seconds)
    info.update(n_edges=swept.n_edges, **counts(swept, paired))
    complete = None
    if r_enc == INFINITE:
        complete = paired
        if limit < LARGEST and (len(unpaired(paired)) or len(paired.merges) < n - 1):
            complete = pair_edges(
                bits, sweep_edges(bits, LARGEST, threads, seconds), with_loops, seconds
            )
    bars, loops = bars_of(paired, dimensions, n, complete=complete)
    if vertex_births is not None and 0 in dimensions:
        bars[0] = bars_by_birth(paired.merges, vertex_births, threshold)
    return EngineResult(bars, loops, info)
