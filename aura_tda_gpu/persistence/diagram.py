"""The persistence diagram: what every engine's answer becomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import MissingDependencyError, NoSuchBarError, NotComputedError
from .cycles import closed_walks, loop_vertices
from .engine import Bars, EngineResult, Float32Array, Int64Array, LoopEdges

if TYPE_CHECKING:
    import torch

__all__ = ["Diagram"]

_Array = TypeVar("_Array", bound=npt.NDArray[Any])


class Diagram:
    """Persistence diagram of a Vietoris-Rips filtration (diameter convention, Z/2).

    Indexing by a homology dimension gives the bars as an array; the other attributes are
    indexed the same way and row ``i`` always speaks of the same bar. Rows go by decreasing
    persistence, open bars first. Bars of zero length are left out. The arrays are read-only.

    Attributes
    ----------
    truncated : dict of int to ndarray of bool, shape (n_bars,)
        True where a bar is open only because of ``max_edge_length``.
    birth_edges, death_edges : dict of int to ndarray of int64, shape (n_bars, 2)
        The two vertices whose distance is the birth or the death, ``(-1, -1)`` where there
        is none (births in dimension 0, deaths of open bars). Where vertices have births, as under
        the metric ``"dtm"``, a birth in dimension 0 is the vertex, named twice.
    error_bound : float
        0.0 for the exact diagram; otherwise a certified upper bound of the bottleneck
        distance to the exact one; ``nan`` where no bound is known.
    info : dict
        ``backend``, ``path``, ``n_points``, ``n_vertices``, ``r_enc``, ``seconds`` and more.
    """

    def __init__(
        self,
        result: EngineResult,
        *,
        error_bound: float = 0.0,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        self._bars: dict[int, Float32Array] = {}
        self._order: dict[int, Int64Array] = {}  # where the engine had another one
        self._loop_edges = result.loop_edges
        self.truncated: dict[int, npt.NDArray[np.bool_]] = {}
        self.birth_edges: dict[int, Int64Array] = {}
        self.death_edges: dict[int, Int64Array] = {}
        self.error_bound = float(error_bound)
        self.info: dict[str, Any] = {**result.info, **(info or {})}
        for dimension in sorted(result.bars):
            bars = result.bars[dimension]
            both = bars.in_order
            ordered = bars
            if both is None:
                order = _by_persistence(bars)
                if order is not None:
                    ordered = bars.at(order)
                    self._order[dimension] = order
                both = np.column_stack([ordered.births, ordered.deaths])
            self._bars[dimension] = _frozen(both)
            self.truncated[dimension] = _frozen(ordered.truncated)
            self.birth_edges[dimension] = _frozen(ordered.birth_edges)
            self.death_edges[dimension] = _frozen(ordered.death_edges)

    def __copy__(self) -> Diagram:
        """Return a diagram of the same arrays whose attributes may be changed by themselves."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        for name in ("info", "truncated", "birth_edges", "death_edges"):
            setattr(other, name, dict(getattr(self, name)))
        return other

    @property
    def dimensions(self) -> tuple[int, ...]:
        """Homology dimensions that were computed, ascending."""
        return tuple(self._bars)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays held, those of the cycles among them."""
        columns: tuple[npt.NDArray[Any], ...] = (
            *self._bars.values(),
            *self._order.values(),
            *self.truncated.values(),
            *self.birth_edges.values(),
            *self.death_edges.values(),
        )
        loops = 0 if self._loop_edges is None else self._loop_edges.nbytes
        return sum(column.nbytes for column in columns) + loops

    def __getitem__(self, dimension: int) -> Float32Array:
        """Return the bars of one dimension, float32 of shape (n_bars, 2)."""
        try:
            return self._bars[dimension]
        except (KeyError, TypeError):
            raise NotComputedError(
                f"dimension {dimension!r} was not computed; this diagram holds {self.dimensions}"
            ) from None

    def __len__(self) -> int:
        """Return the number of bars in all dimensions."""
        return sum(len(bars) for bars in self._bars.values())

    def __repr__(self) -> str:
        counts = ", ".join(f"H{k}: {len(bars)}" for k, bars in self._bars.items())
        return f"Diagram({counts}; error_bound={self.error_bound:g})"

    def cycle(self, dimension: int, index: int) -> list[list[int]]:
        """Return a loop that represents one bar of dimension 1.

        Parameters
        ----------
        dimension : int
            1; no other dimension has cycles in this version.
        index : int
            Row of ``self[1]``; a negative one counts from the end.

        Returns
        -------
        list of list of int
            Closed walks as vertex ids, the first vertex not repeated. The longest edge among
            them is the bar's birth edge, and their sum bounds exactly from the death on.

        Raises
        ------
        NotComputedError
            If ``dimension`` is not 1 or was not computed.
        NoSuchBarError
            If there is no such row; an `IndexError`, too.
        """
        loops = self._loops_of(dimension)
        return closed_walks(loops(self._loop_row(index)))

    def cycle_vertices(
        self, dimension: int, indices: int | Sequence[int]
    ) -> tuple[Int64Array, Int64Array]:
        """Return the vertices of the loops of some bars, without the way around them.

        Parameters
        ----------
        dimension : int
            1, as in `cycle`.
        indices : int or sequence of int
            Rows of ``self[1]``, as in `cycle`; one row by itself is a sequence of one.

        Returns
        -------
        vertices : ndarray of int64
            One loop after the other, ascending in each.
        ends : ndarray of int64, shape (n_indices,)
            Where those of each loop end.

        Raises
        ------
        NotComputedError, NoSuchBarError
            As `cycle`.
        """
        loops = self._loops_of(dimension)
        if isinstance(indices, np.ndarray):
            indices = np.atleast_1d(indices)  # an array of no dimension cannot be iterated over
        rows = indices if isinstance(indices, Iterable) else [indices]
        return loop_vertices(loops, [self._loop_row(index) for index in rows])

    def _loops_of(self, dimension: int) -> LoopEdges:
        if not isinstance(dimension, Real) or dimension != 1:
            raise NotComputedError(
                f"cycles exist for dimension 1 when it is computed, not for {dimension!r}"
            )
        if self._loop_edges is None:
            raise NotComputedError(
                f"cycles exist for dimension 1 when it is computed; this diagram holds "
                f"{self.dimensions}"
            )
        return self._loop_edges

    def _loop_row(self, index: int) -> int:
        """Return where the engine has the loop of a bar."""
        n_bars = len(self._bars[1])
        if (
            isinstance(index, bool)
            or not isinstance(index, Integral)
            or not -n_bars <= index < n_bars
        ):
            raise NoSuchBarError(
                f"there is no bar {index!r} of dimension 1: this diagram has {n_bars}"
            )
        row = int(index) % n_bars
        return int(self._order[1][row]) if 1 in self._order else row

    def to_gudhi(self) -> list[tuple[int, tuple[float, float]]]:
        """Return ``[(dimension, (birth, death)), ...]`` as gudhi's ``persistence()`` does."""
        return [
            (k, (float(birth), float(death)))
            for k in reversed(self.dimensions)
            for birth, death in self._bars[k]
        ]

    def to_giotto(self) -> npt.NDArray[np.float64]:
        """Return a giotto-tda array of one sample, shape (1, n_bars, 3): birth, death, dimension.

        Open bars are left out, for giotto-tda's diagrams hold finite values only.
        """
        rows = [
            np.column_stack([bars[closed], np.full(int(closed.sum()), k)])
            for k, bars in self._bars.items()
            for closed in [np.isfinite(bars[:, 1])]
        ]
        return np.concatenate([np.empty((0, 3)), *rows]).astype(np.float64)[np.newaxis]

    def to_torch(self, device: torch.device | str | None = None) -> dict[int, torch.Tensor]:
        """Return ``{dimension: float32 tensor of shape (n_bars, 2)}``.

        Parameters
        ----------
        device : torch.device or str, optional
            Where to; the CPU when left out. Every engine hands its bars over on the host, so there
            they are the memory of the diagram, not a copy (of torch before 2.5: a copy), and
            anywhere else they are copied once. Do not write into them: ``clone()`` first.

        Raises
        ------
        MissingDependencyError
            If torch is not installed.
        """
        try:
            import torch
        except ImportError as error:
            raise MissingDependencyError(
                "to_torch needs torch: pip install 'aura-tda-gpu[torch]'"
            ) from error

        def shared(bars: Float32Array) -> torch.Tensor:
            try:
                return torch.utils.dlpack.from_dlpack(bars)
            except BufferError:  # an old torch does not ask for arrays that are read-only
                return torch.from_numpy(bars.copy())

        tensors = {k: shared(bars) for k, bars in self._bars.items()}
        return tensors if device is None else {k: t.to(device) for k, t in tensors.items()}


def _frozen(array: _Array) -> _Array:
    array.flags.writeable = False
    return array


def _by_persistence(bars: Bars) -> Int64Array | None:
    """Order bars by decreasing persistence, ties by birth and then by their edges.

    None if they stand in that order.
    """
    with np.errstate(invalid="ignore"):
        persistence = bars.deaths.astype(np.float64) - bars.births
    if (persistence[1:] < persistence[:-1]).all():
        return None
    order = np.argsort(-persistence, kind="stable")
    longest_first = persistence[order]
    if not (longest_first[1:] == longest_first[:-1]).any():
        return order
    keys = (
        bars.death_edges[:, 1],
        bars.death_edges[:, 0],
        bars.birth_edges[:, 1],
        bars.birth_edges[:, 0],
        bars.births,
        -persistence,
    )
    return np.lexsort(keys).astype(np.int64)
