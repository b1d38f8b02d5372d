"""What an engine is: the protocol behind every backend, and the records it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

__all__ = [
    "Bars",
    "BatchEngine",
    "Engine",
    "EngineResult",
    "Float32Array",
    "Int64Array",
    "LoopEdges",
    "LoopVertices",
    "TooManyEdges",
    "WindowState",
]

Float32Array = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]


class LoopEdges(Protocol):
    """Cycles that represent the bars of dimension 1."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""

    def __call__(self, index: int) -> Int64Array:
        """Return the edges, shape (n_edges, 2), of a cycle that represents bar ``index``."""


@runtime_checkable
class LoopVertices(Protocol):
    """Cycles whose vertices are found without their edges."""

    def vertices(self, indices: Sequence[int]) -> tuple[Int64Array, Int64Array]:
        """Return the vertices of the cycles of some bars.

        Returns
        -------
        vertices : ndarray of int64
            Those of the edges that are listed an odd number of times, ascending in each cycle.
        ends : ndarray of int64, shape (n_indices,)
            Where those of each cycle end.
        """


@dataclass(frozen=True, slots=True)
class Bars:
    """The bars of one homology dimension, in any order.

    Attributes
    ----------
    births, deaths : ndarray of float32, shape (n_bars,)
        Filtration values; ``inf`` for a bar that stays open.
    birth_edges, death_edges : ndarray of int64, shape (n_bars, 2)
        The edge whose length is the birth or death, ``(-1, -1)`` where there is none; the vertex
        that is born, twice, where vertices have births.
    truncated : ndarray of bool, shape (n_bars,)
        Open only because of the threshold, not essential.
    in_order : ndarray of float32, shape (n_bars, 2), or None
        Births and deaths side by side, of bars that are in the order of a `Diagram`.
    """

    births: Float32Array
    deaths: Float32Array
    birth_edges: Int64Array
    death_edges: Int64Array
    truncated: npt.NDArray[np.bool_]
    in_order: Float32Array | None = None

    def at(self, rows: Int64Array) -> Bars:
        """Return some of the bars."""
        return Bars(
            self.births[rows],
            self.deaths[rows],
            self.birth_edges[rows],
            self.death_edges[rows],
            self.truncated[rows],
        )


@dataclass(frozen=True, slots=True)
class EngineResult:
    """What one run of an engine returns.

    Attributes
    ----------
    bars : dict of int to Bars
        One entry for each homology dimension asked for.
    loop_edges : LoopEdges or None
        For the bars of ``bars[1]``; None when dimension 1 was not asked for.
    info : dict
        At least ``r_enc`` (float) and ``seconds`` (dict of phase name to float).
    """

    bars: dict[int, Bars]
    loop_edges: LoopEdges | None
    info: dict[str, Any] = field(default_factory=dict)


class TooManyEdges(Exception):
    """An update would have to look at more edges again than it was allowed to."""


class WindowState(Protocol):
    """What an engine knows about a window of slots, kept up to date in place.

    Attributes
    ----------
    live : ndarray of int64
        Ascending slots that hold a point: the vertices of the diagram.
    """

    live: Int64Array

    @property
    def nbytes(self) -> int:
        """Bytes held on the host."""

    @property
    def device_nbytes(self) -> int:
        """Bytes held on a device."""

    def build(
        self, matrix: Float32Array, points: Float32Array, slots: Int64Array
    ) -> dict[str, float]:
        """Start from the (n, n) distances of points (n, dim) in slots (n,); return phase times."""

    def update(
        self, gone: Int64Array, new: Int64Array, points: Float32Array, budget: int
    ) -> dict[str, Any]:
        """Take the points of some slots out and put others in, as one change.

        Parameters
        ----------
        gone, new : ndarray of int64, shapes (g,) and (m,)
            Slots whose point leaves; slots that get one, free or among ``gone``.
        points : ndarray of float32, shape (m, dim)
            The new points.
        budget : int
            Largest number of edges to look at again, beside those of the new points.

        Returns
        -------
        dict
            ``n_rechecked`` edges and ``seconds`` of each phase. Where a device is still at work,
            ``n_rechecked`` is None, and in the info of the next `result`.

        Raises
        ------
        TooManyEdges
            If the budget does not suffice, here or by the next `result`; the state is then of no
            use.
        """

    def result(self, dimensions: tuple[int, ...]) -> EngineResult:
        """Return the bars; vertex ``i`` of their edges and loops is ``live[i]``.

        Raises
        ------
        TooManyEdges
            See `update`.
        """

    def verify(self) -> None:
        """Compare everything kept with what a computation from the points gives.

        Raises
        ------
        StateCorruption
            If something differs; ``edge`` holds the two slots.
        """


class Engine(Protocol):
    """One way of computing Vietoris-Rips persistence from a dissimilarity matrix.

    Attributes
    ----------
    name : str
        The backend's name.
    """

    name: str

    @property
    def setup_seconds(self) -> float:
        """Time spent so far in this process on compiling or loading the engine's kernels."""

    def pairwise(self, points: Float32Array, metric: str) -> Float32Array:
        """Return the (n, n) matrix of distances of ``points`` (n, dim).

        Arithmetic is pinned so that every engine returns the same bits: sums run over the
        coordinates in order, in float32, round to nearest, without fused multiply-add.
        """

    def compute(
        self,
        dissimilarity: Float32Array,
        *,
        dimensions: tuple[int, ...],
        threshold: float,
        threads: int,
        births: Float32Array | None = None,
    ) -> EngineResult:
        """Return the bars of ``dimensions`` for edges not longer than ``threshold``.

        Parameters
        ----------
        dissimilarity : ndarray of float32, shape (n, n)
            C-contiguous, symmetric, zero diagonal, no negative entry, no NaN; ``inf`` means
            no edge. It is not modified.
        dimensions : tuple of int
            Homology dimensions, ascending.
        threshold : float
            Largest edge of the filtration, inclusive; ``inf`` for none.
        threads : int
            Number of worker threads the engine may use.
        births : ndarray of float32, shape (n,), optional
            On the host: when each vertex enters, no later than its edges, which are then finite; 0
            for all vertices where there is none. Bars of dimension 0 then have a birth edge, the
            vertex twice.
        """

    def has_window_state(self, capacity: int) -> bool:
        """Tell whether `window_state` takes so many slots."""

    def window_state(
        self, capacity: int, dim: int, metric: str, *, threshold: float, threads: int
    ) -> WindowState:
        """Return a state for updates in place, to be built first.

        Parameters
        ----------
        capacity, dim : int
            Slots, and coordinates of a point.
        metric : str
            As in `pairwise`.
        threshold, threads
            As in `compute`.
        """


@runtime_checkable
class BatchEngine(Engine, Protocol):
    """An engine that takes many windows of one size at once.

    Attributes
    ----------
    device : cuda_launch.Device
        Where it computes.
    max_windows : int
        The most it takes at once.
    """

    device: Any
    max_windows: int

    def pairwise_of_many(self, points: Any, metric: str) -> Any:
        """Return the distances (windows, n, n) of points (windows, n, dim), for `compute_many`."""

    def compute_many(
        self,
        matrices: Any,
        *,
        dimensions: tuple[int, ...],
        threshold: float,
        births: Sequence[Float32Array] | None = None,
    ) -> Sequence[EngineResult]:
        """Return the bars of each window; matrices and settings as in `Engine.compute`."""
