"""Ticks whose bars, edges and loops are written down by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from aura_tda_gpu.persistence.diagram import Diagram
from aura_tda_gpu.persistence.engine import Bars, EngineResult, Int64Array
from aura_tda_gpu.streaming.window_update import WindowUpdate

Edge: TypeAlias = tuple[int, int]

OPEN = float("inf")


@dataclass(frozen=True)
class Bar:
    """A bar by the point ids of its edges; the loop defaults to the points of its edges."""

    birth: float
    death: float
    born_by: Edge
    killed_by: Edge | None = None
    loop: tuple[int, ...] = ()
    truncated: bool = False

    @property
    def walk(self) -> tuple[int, ...]:
        """The loop, or the ends of its edges, each once."""
        return self.loop or tuple(dict.fromkeys((*self.born_by, *(self.killed_by or ()))))


class _Loops:
    nbytes = 0

    def __init__(self, loops: list[tuple[int, ...]]) -> None:
        self._loops = loops

    def __call__(self, index: int) -> Int64Array:
        walk = self._loops[index]
        return np.array([(a, b) for a, b in zip(walk, (*walk[1:], walk[0]), strict=True)])


def update(
    t: float,
    loops: Sequence[Bar] = (),
    *,
    scale: int = 1000,
    places: dict[int, Sequence[float]] | None = None,
    **changes: Any,
) -> WindowUpdate:
    """A tick of a window whose vertices are the points that its bars name."""
    named = {p for bar in loops for p in (*bar.born_by, *(bar.killed_by or ()), *bar.walk)}
    ids = np.array(sorted(named), np.int64)
    rank = {point: i for i, point in enumerate(ids.tolist())}

    def edges(which: str) -> Int64Array:
        found = [getattr(bar, which) for bar in loops]
        rows = [(-1, -1) if e is None else (rank[e[0]], rank[e[1]]) for e in found]
        return np.array(rows, np.int64).reshape(-1, 2)

    ends = np.array([(bar.birth, bar.death) for bar in loops], np.float32).reshape(-1, 2)
    cut = np.array([bar.truncated for bar in loops], np.bool_)
    bars = Bars(ends[:, 0], ends[:, 1], edges("born_by"), edges("killed_by"), cut)
    walks = [
        tuple(rank[p] for p in bar.loop or (*bar.born_by, *(bar.killed_by or ()))) for bar in loops
    ]
    info = {"max_edge_length": changes.pop("max_edge_length", OPEN)}
    error_bound = changes.pop("error_bound", 0.0)
    diagram = Diagram(EngineResult({1: bars}, _Loops(walks)), error_bound=error_bound, info=info)
    known = places or {}
    settings = {
        "births": ends[:, 0].tolist(),
        "deaths": ends[:, 1].tolist(),
        "dimensions": [1] * len(loops),
        "timestamp": t,
        "window_id": f"scale_{scale}ms",
        "diagram": diagram,
        "error_bound": error_bound,
        "n_points": len(ids),
        "n_vertices": len(ids),
        "vertex_ids": ids,
        "vertices": np.array([known.get(p, (p, 0.0)) for p in ids.tolist()]).reshape(-1, 2),
        "duration_seconds": scale / 1000,
        "slide_seconds": scale / 10_000,
        "skipped_ticks": 0,
        "latency_seconds": 0.0,
    }
    return WindowUpdate(**{**settings, **changes})
