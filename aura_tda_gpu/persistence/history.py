"""The last two diagrams of a window, with the ids of their vertices, for comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .diagram import Diagram
from .engine import Bars, EngineResult, Int64Array

__all__ = ["History", "NamedDiagram"]


@dataclass(frozen=True, slots=True, eq=False)
class NamedDiagram:
    """A diagram and the point id of each of its vertices.

    Attributes
    ----------
    diagram : Diagram
        Without cycles if it comes from a snapshot.
    ids : ndarray of int64, shape (n_vertices,)
    """

    diagram: Diagram
    ids: Int64Array

    def arrays(self, label: str) -> dict[str, npt.NDArray[Any]]:
        """Return everything as arrays whose names start with a label."""
        found: dict[str, npt.NDArray[Any]] = {f"{label}.ids": self.ids}
        for k in self.diagram.dimensions:
            found[f"{label}.{k}.bars"] = self.diagram[k]
            found[f"{label}.{k}.birth_edges"] = self.diagram.birth_edges[k]
            found[f"{label}.{k}.death_edges"] = self.diagram.death_edges[k]
            found[f"{label}.{k}.truncated"] = self.diagram.truncated[k]
        return found

    @classmethod
    def of(cls, label: str, arrays: Mapping[str, npt.NDArray[Any]]) -> NamedDiagram:
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
        return cls(Diagram(EngineResult(bars, None)), arrays[f"{label}.ids"])


_NOTHING = NamedDiagram(Diagram(EngineResult({}, None)), np.empty(0, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What was computed of a window so far.

    Attributes
    ----------
    before, now : NamedDiagram
        The last two diagrams, of different points.
    is_current : bool
        Whether ``now`` is that of the points in the window.
    diagram : Diagram or None
        The diagram of the points in the window, cycles included, if it is known.
    """

    before: NamedDiagram = _NOTHING
    now: NamedDiagram = _NOTHING
    is_current: bool = False
    diagram: Diagram | None = None

    @property
    def latest(self) -> Diagram:
        """The newest diagram."""
        return self.now.diagram if self.diagram is None else self.diagram

    def outdated(self) -> History:
        """Return the history once other points are in the window."""
        return History(self.before, self.now)

    def with_diagram(self, diagram: Diagram, ids: Int64Array) -> History:
        """Return the history with the diagram of the points that are in the window."""
        named = NamedDiagram(diagram, ids)
        return History(self.before if self.is_current else self.now, named, True, diagram)
