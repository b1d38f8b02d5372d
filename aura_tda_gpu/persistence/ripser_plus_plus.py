"""Ripser++ as an engine: whole diagrams of one matrix, without edges and loops.

Zhang, Xiao, Wang, "GPU-accelerated computation of Vietoris-Rips persistence barcodes" (SoCG
2020). It leaves infinite bars out. They are restored: entries that are infinite are given one
length beyond all others, so that every class ends there, and what ends there is open. A
threshold is applied to the bars of the whole filtration.
"""

from __future__ import annotations

import math
import time
from importlib import util
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import BackendUnavailable, NotComputedError, UnsupportedError
from . import cuda_device, distances
from .engine import Bars, EngineResult, Float32Array, Int64Array, WindowState

__all__ = ["INSTALL", "NAME", "NO_BIRTHS", "RipserPlusPlusEngine", "closed", "restored", "why_not"]

NAME = "ripser++"
INSTALL = "pip install ripserplusplus, which needs nvcc of CUDA 12 and CMake 3"
LEFT_OUT = "Ripser++ leaves infinite bars out; {} of H0 and {} of H1 were restored"
NO_BIRTHS = f"backend {NAME!r} takes no metric 'dtm', whose vertices have births: take 'cpu'"
NO_EDGES = f"backend {NAME!r} names no edges and no loops: compute with 'cuda' or 'cpu' for them"


def why_not() -> str | None:
    """Say why Ripser++ cannot run here, None if it can."""
    if util.find_spec("ripserplusplus") is None:
        return f"Ripser++ is not installed: {INSTALL}"
    return cuda_device.no_device()


class RipserPlusPlusEngine:
    """Vietoris-Rips persistence in dimensions 0 and 1 by Ripser++; bars only.

    Where the CUDA runtime refuses something to it, memory for example, Ripser++ ends the process:
    that cannot be turned into an error.

    Raises
    ------
    BackendUnavailable
        If it is not installed or there is no device.
    """

    name = NAME

    def __init__(self) -> None:
        start = time.perf_counter()
        reason = why_not()
        if reason is not None:
            raise BackendUnavailable(f"backend {NAME!r}: {reason}")
        try:
            import ripserplusplus
        except (ImportError, OSError) as error:
            raise BackendUnavailable(f"backend {NAME!r} does not load: {error}") from error
        self._package: Any = ripserplusplus
        self.setup_seconds = time.perf_counter() - start

    def pairwise(self, points: Float32Array, metric: str) -> Float32Array:
        """Return the distance matrix of ``points`` on the host; see `Engine.pairwise`."""
        return distances.pairwise(points, metric)

    def compute(
        self,
        dissimilarity: Float32Array,
        *,
        dimensions: tuple[int, ...],
        threshold: float,
        threads: int,
        births: Float32Array | None = None,
    ) -> EngineResult:
        """Return the bars of the filtration; see `Engine.compute`. ``threads`` is not used.

        Raises
        ------
        UnsupportedError
            If a dimension is above 1, the largest length is the largest float32, or vertices have
            births.
        BackendUnavailable
            If Ripser++ fails, or returns what it should not.
        """
        if births is not None:
            raise UnsupportedError(NO_BIRTHS)
        if any(k > 1 for k in dimensions):
            raise UnsupportedError(f"backend {NAME!r} takes dimensions 0 and 1, not {dimensions}")
        start = time.perf_counter()
        filled, last = closed(dissimilarity)
        found = self._bars(filled)
        seconds = time.perf_counter() - start
        kept = slice(None if len(dissimilarity) else 0)  # no vertex, no component
        whole = {k: restored(found.get(k), k, last)[kept] for k in dimensions}
        bars = {k: _cut(whole[k], threshold) for k in dimensions}
        n_open = [int(np.isinf(whole[k][:, 1]).sum()) if k in dimensions else 0 for k in (0, 1)]
        info = {
            "r_enc": _enclosing_radius(dissimilarity),
            "seconds": {"ripser++": seconds},
            "infinite_bars": LEFT_OUT.format(*n_open),
            "edges": NO_EDGES,
        }
        return EngineResult(bars, _NoLoops() if 1 in dimensions else None, info)

    def has_window_state(self, capacity: int) -> bool:
        """Refuse windows, whose bars are named by their edges.

        Raises
        ------
        UnsupportedError
            Always.
        """
        raise UnsupportedError(f"backend {NAME!r} computes single diagrams: {NO_EDGES}")

    def window_state(
        self, capacity: int, dim: int, metric: str, *, threshold: float, threads: int
    ) -> WindowState:
        """Refuse as `has_window_state`."""
        raise UnsupportedError(f"backend {NAME!r} computes single diagrams: {NO_EDGES}")

    def _bars(self, D: Float32Array) -> dict[int, Any]:
        """Run Ripser++ in both dimensions."""
        if len(D) < 2:
            return {}
        try:
            found = self._package.run("--format distance --dim 1", D)
        except Exception as error:  # it raises nothing more particular
            raise BackendUnavailable(
                f"backend {NAME!r} failed on {len(D)} vertices: {_first_line(error)}"
            ) from error
        if not isinstance(found, dict) or not {0, 1} <= set(found):
            raise BackendUnavailable(f"backend {NAME!r} returned no bars of {len(D)} vertices")
        return found


def closed(D: Float32Array) -> tuple[Float32Array, float]:
    """Return a matrix in which every class ends, and the length that stands for never.

    Parameters
    ----------
    D : ndarray of float32, shape (n, n)
        Dissimilarities, ``inf`` where there is no edge.

    Raises
    ------
    UnsupportedError
        If no float32 is larger than the largest length.
    """
    missing = np.isinf(D)
    if not missing.any():
        return D, math.inf
    longest = np.max(D, where=~missing, initial=0)
    if longest == np.finfo(np.float32).max:
        raise UnsupportedError(
            f"backend {NAME!r}: infinite entries beside the largest float32 leave no length between"
        )
    last = np.nextafter(longest, np.float32(np.inf))
    return np.where(missing, last, D), float(last)


def restored(found: Any, dimension: int, last: float) -> Float32Array:
    """Return the bars of one dimension with the infinite ones that Ripser++ left out.

    Parameters
    ----------
    found : ndarray or None
        Records of ``birth`` and ``death``, or shape (n_bars, 2).
    dimension : int
        Of the bars; H0 of a matrix that is `closed` lacks one.
    last : float
        What stands for never.
    """
    bars = _pairs(found)
    bars = bars[bars[:, 0] < last]
    bars[bars[:, 1] >= last, 1] = np.inf
    if dimension == 0:
        bars = np.concatenate([bars, np.array([[0, np.inf]], np.float32)])
    return bars


def _pairs(found: Any) -> Float32Array:
    """Return bars as an array (n_bars, 2), whatever Ripser++ made of them."""
    if found is None or not len(found):
        return np.empty((0, 2), np.float32)
    records: npt.NDArray[Any] = np.asarray(found)
    if records.dtype.names:
        return np.column_stack([records["birth"], records["death"]]).astype(np.float32)
    return records.reshape(-1, 2).astype(np.float32)


def _cut(bars: Float32Array, threshold: float) -> Bars:
    """Apply a threshold to the bars of the whole filtration; none of them has edges."""
    bars = bars[bars[:, 0] <= threshold]
    deaths = bars[:, 1].copy()
    truncated = np.isfinite(deaths) & (deaths > threshold)
    deaths[truncated] = np.inf
    nowhere: Int64Array = np.full((len(bars), 2), -1, np.int64)
    return Bars(bars[:, 0].copy(), deaths, nowhere, nowhere.copy(), truncated)


def _enclosing_radius(D: Float32Array) -> float:
    return float(D.max(axis=1).min()) if len(D) else 0.0


class _NoLoops:
    """What says that there are no loops."""

    nbytes = 0

    def __call__(self, index: int) -> Int64Array:
        raise NotComputedError(NO_EDGES)


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), repr(error))
