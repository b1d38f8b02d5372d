"""The last two diagrams of a window, with the ids of their vertices, for comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .diagram import Diagram
from .engine import Bars, EngineResult, Float32Array, Int64Array

__all__ = ["NOTHING", "History", "NamedBars"]

_NOWHERE = 0xFFFF  # no engine takes so many vertices


@dataclass(frozen=True, slots=True, eq=False)
class NamedBars:
    """The bars of a diagram without its loops, and the point id of each of its vertices.

    Attributes
    ----------
    ids : ndarray of int64, shape (n_vertices,)
    bars : dict of int to ndarray of float32, shape (n_bars, 2)
        Birth and death, in the order of the diagram.
    edges : dict of int to ndarray of uint16, shape (n_bars, 4)
        Vertices of the birth edge and of the death edge, 65535 where there is none.
    truncated : dict of int to ndarray of bool, shape (n_bars,)
    """

    ids: Int64Array
    bars: dict[int, Float32Array]
    edges: dict[int, npt.NDArray[np.uint16]]
    truncated: dict[int, npt.NDArray[np.bool_]]

    @classmethod
    def of(cls, diagram: Diagram, ids: Int64Array) -> NamedBars:
        """Return the bars of a diagram."""
        edges = {}
        for k in diagram.dimensions:
            edges[k] = np.empty((len(diagram[k]), 4), np.uint16)
            edges[k][:, :2] = diagram.birth_edges[k]  # -1 becomes 65535
            edges[k][:, 2:] = diagram.death_edges[k]
        bars = {k: diagram[k] for k in diagram.dimensions}
        return cls(ids, bars, edges, dict(diagram.truncated))

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        edges = sum(edges.nbytes for edges in self.edges.values())
        return self.ids.nbytes + edges + self.shared_nbytes

    @property
    def shared_nbytes(self) -> int:
        """Bytes of the arrays that are those of the diagram itself."""
        bars = sum(bars.nbytes for bars in self.bars.values())
        return bars + sum(truncated.nbytes for truncated in self.truncated.values())

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
        return {k: _vertices(edges[:, :2]) for k, edges in self.edges.items()}

    @property
    def death_edges(self) -> dict[int, Int64Array]:
        """As in `Diagram`."""
        return {k: _vertices(edges[:, 2:]) for k, edges in self.edges.items()}

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
        return cls.of(Diagram(EngineResult(bars, None)), arrays[f"{label}.ids"])


NOTHING = NamedBars(np.empty(0, np.int64), {}, {}, {})


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
        The diagram of the points in the window, cycles included, if it is kept.
    """

    before: NamedBars = NOTHING
    now: NamedBars = NOTHING
    is_current: bool = False
    diagram: Diagram | None = None

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        if self.diagram is None:
            return self.bars_nbytes
        return self.bars_nbytes + self.diagram.nbytes - self.now.shared_nbytes

    @property
    def bars_nbytes(self) -> int:
        """Bytes held without the diagram."""
        return self.before.nbytes + self.now.nbytes

    def outdated(self) -> History:
        """Return the history once other points are in the window."""
        return History(self.before, self.now)

    def with_diagram(self, diagram: Diagram, ids: Int64Array) -> History:
        """Return the history with the diagram of the points that are in the window."""
        before = self.before if self.is_current else self.now
        return History(before, NamedBars.of(diagram, ids), True, diagram)

    def without_diagram(self) -> History:
        """Return the history with bars alone."""
        return replace(self, diagram=None)


def _vertices(edges: npt.NDArray[np.uint16]) -> Int64Array:
    """Return vertices as in `Diagram`, -1 where there is none."""
    vertices = edges.astype(np.int64)
    vertices[edges == _NOWHERE] = -1
    return vertices
