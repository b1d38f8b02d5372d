"""The last two diagrams of a window, with the ids of their vertices, for comparisons."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .diagram import Diagram
from .engine import Bars, EngineResult, Float32Array, Int64Array

__all__ = ["NOTHING", "History", "NamedBars"]

_NOWHERE = 0xFFFF  # no engine takes so many vertices


def _nbytes(arrays: Mapping[int, npt.NDArray[Any]]) -> int:
    return sum(array.nbytes for array in arrays.values())


class NamedBars:
    """The bars of a diagram without its loops, and the point id of each of its vertices.

    Parameters
    ----------
    diagram : Diagram
        Its arrays are shared until `packed`.
    ids : ndarray of int64, shape (n_vertices,)

    Attributes
    ----------
    ids : ndarray of int64, shape (n_vertices,)
    bars : dict of int to ndarray of float32, shape (n_bars, 2)
        Birth and death, in the order of the diagram.
    truncated : dict of int to ndarray of bool, shape (n_bars,)
    """

    __slots__ = ("_births", "_deaths", "_edges", "_nbytes", "bars", "ids", "truncated")

    def __init__(self, diagram: Diagram, ids: Int64Array) -> None:
        self.ids = ids
        self.bars: dict[int, Float32Array] = {k: diagram[k] for k in diagram.dimensions}
        self.truncated = dict(diagram.truncated)
        self._births, self._deaths = dict(diagram.birth_edges), dict(diagram.death_edges)
        self._edges: dict[int, npt.NDArray[np.uint16]] | None = None  # (n_bars, 4), once packed
        self._nbytes: int | None = None  # once packed

    def packed(self) -> NamedBars:
        """Return the same with edges of their own, in a quarter of the room."""
        if self._edges is not None:
            return self
        edges = {}
        for k, births in self._births.items():
            edges[k] = np.empty((len(births), 4), np.uint16)
            edges[k][:, :2] = births  # -1 becomes 65535
            edges[k][:, 2:] = self._deaths[k]
        packed = copy.copy(self)
        packed._births, packed._deaths, packed._edges = {}, {}, edges
        packed._nbytes = self.packed_nbytes
        return packed

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        if self._nbytes is not None:
            return self._nbytes
        edges = _nbytes(self._births) + _nbytes(self._deaths)
        return self.ids.nbytes + _nbytes(self.bars) + _nbytes(self.truncated) + edges

    @property
    def packed_nbytes(self) -> int:
        """Bytes held once packed."""
        if self._nbytes is not None:
            return self._nbytes
        n_bars = sum(map(len, self.bars.values()))
        return self.ids.nbytes + _nbytes(self.bars) + _nbytes(self.truncated) + 8 * n_bars

    @property
    def dimensions(self) -> tuple[int, ...]:
        """Homology dimensions, ascending."""
        return tuple(self.bars)

    def __getitem__(self, dimension: int) -> Float32Array:
        """Return the bars of one dimension, float32 of shape (n_bars, 2)."""
        return self.bars[dimension]

    @property
    def birth_edges(self) -> dict[int, Int64Array]:
        """As in `Diagram`."""
        if self._edges is None:
            return self._births
        return {k: _vertices(edges[:, :2]) for k, edges in self._edges.items()}

    @property
    def death_edges(self) -> dict[int, Int64Array]:
        """As in `Diagram`."""
        if self._edges is None:
            return self._deaths
        return {k: _vertices(edges[:, 2:]) for k, edges in self._edges.items()}

    def arrays(self, label: str) -> dict[str, npt.NDArray[Any]]:
        """Return everything as arrays whose names start with a label."""
        found: dict[str, npt.NDArray[Any]] = {f"{label}.ids": self.ids}
        for k, bars in self.bars.items():
            found[f"{label}.{k}.bars"] = bars
            found[f"{label}.{k}.birth_edges"] = self.birth_edges[k]
            found[f"{label}.{k}.death_edges"] = self.death_edges[k]
            found[f"{label}.{k}.truncated"] = self.truncated[k]
        return found

    @classmethod
    def read(cls, label: str, arrays: Mapping[str, npt.NDArray[Any]]) -> NamedBars:
        """Return what `arrays` wrote under a label."""
        names = [name.split(".") for name in arrays]
        bars = {}
        for k in {int(parts[1]) for parts in names if parts[0] == label and len(parts) == 3}:
            start = f"{label}.{k}."
            both = arrays[start + "bars"]
            bars[k] = Bars(
                both[:, 0],
                both[:, 1],
                arrays[start + "birth_edges"],
                arrays[start + "death_edges"],
                arrays[start + "truncated"],
            )
        return cls(Diagram(EngineResult(bars, None)), arrays[f"{label}.ids"]).packed()


NOTHING = NamedBars(Diagram(EngineResult({}, None)), np.empty(0, np.int64)).packed()


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What was computed of a window so far.

    Attributes
    ----------
    before, now : NamedBars
        The bars of the last two diagrams, of different points.
    is_current : bool
        Whether ``now`` is that of the points in the window.
    diagram : Diagram or None
        The diagram of the points in the window, cycles included, if it is kept; its arrays are
        those of ``now`` then.
    """

    before: NamedBars = NOTHING
    now: NamedBars = NOTHING
    is_current: bool = False
    diagram: Diagram | None = None

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        if self.diagram is None:
            return self.before.nbytes + self.now.nbytes
        return self.before.nbytes + self.now.ids.nbytes + self.diagram.nbytes

    @property
    def bars_nbytes(self) -> int:
        """Bytes held once all is packed, without the diagram."""
        return self.before.packed_nbytes + self.now.packed_nbytes

    def packed(self) -> History:
        """Return the history with the bars of the last diagram packed, if it is not kept."""
        return self if self.diagram else replace(self, now=self.now.packed())

    def outdated(self) -> History:
        """Return the history once other points are in the window."""
        return History(self.before, self.now)

    def with_diagram(self, diagram: Diagram, ids: Int64Array) -> History:
        """Return the history with the diagram of the points that are in the window."""
        before = self.before if self.is_current else self.now.packed()
        return History(before, NamedBars(diagram, ids), True, diagram)

    def without_diagram(self) -> History:
        """Return the history with bars alone."""
        return replace(self, now=self.now.packed(), diagram=None)


def _vertices(edges: npt.NDArray[np.uint16]) -> Int64Array:
    """Return vertices as in `Diagram`, -1 where there is none."""
    vertices = edges.astype(np.int64)
    vertices[edges == _NOWHERE] = -1
    return vertices
