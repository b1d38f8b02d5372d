"""Stand-ins for what a run brings about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aura_tda_gpu.cli.sources.base import Chunk, Source, SourceOptions
from aura_tda_gpu.persistence.diagram import Diagram
from aura_tda_gpu.persistence.engine import Bars, EngineResult
from aura_tda_gpu.streaming.window_update import WindowUpdate


def bars(pairs, truncated=()) -> Bars:
    ends = np.array(pairs, np.float32).reshape(-1, 2)
    edges = np.full((len(ends), 2), -1, np.int64)
    cut = np.zeros(len(ends), np.bool_)
    cut[list(truncated)] = True
    return Bars(ends[:, 0], ends[:, 1], edges, edges, cut)


def update(
    pairs=(),
    *,
    parts=((0.0, np.inf),),
    truncated=(),
    window_id="scale_1000ms",
    timestamp=1.0,
    n_points=5,
    n_vertices=None,
    error_bound=0.0,
    skipped_ticks=0,
    n_overflowed=0,
    latency=0.002,
    info=None,
) -> WindowUpdate:
    """Return an update whose loops are ``pairs``."""
    found = {0: bars(parts), 1: bars(pairs, truncated)}
    diagram = Diagram(EngineResult(found, None), error_bound=error_bound, info=info)
    n_vertices = n_points if n_vertices is None else n_vertices
    return WindowUpdate(
        births=[],
        deaths=[],
        dimensions=[],
        timestamp=timestamp,
        window_id=window_id,
        diagram=diagram,
        error_bound=error_bound,
        n_points=n_points,
        n_vertices=n_vertices,
        vertex_ids=np.arange(n_vertices),
        vertices=np.zeros((n_vertices, 2)),
        duration_seconds=1.0,
        slide_seconds=0.1,
        skipped_ticks=skipped_ticks,
        latency_seconds=latency,
        n_overflowed=n_overflowed,
    )


def chunk(points, times, first=0) -> Chunk:
    """Return rows at the given times."""
    rows = np.arange(first, first + len(times))
    return Chunk(np.asarray(points, np.float64), np.asarray(times, np.float64), rows, rows)


def rows(n: int) -> Chunk:
    """Return ``n`` rows of two coordinates."""
    return chunk(np.zeros((n, 2)), np.arange(n))


class FakeSource(Source):
    """A source of prepared chunks.

    Parameters
    ----------
    chunks : list of Chunk
        What it yields.
    live : bool
        Go on without rows after them, for ever.
    """

    def __init__(self, chunks: list[Chunk], rate: float | None = None, live: bool = False) -> None:
        time_column = "t" if rate is None else None
        super().__init__(Path("fake.csv"), SourceOptions(time_column=time_column, rate=rate))
        self.columns = ["x", "y"]
        self.live = live
        self.taken = 0
        self._chunks = chunks

    def chunks(self, size: int, patience: float | None = None) -> Iterator[Chunk]:
        for one in self._chunks:
            self.taken += 1
            yield one
        while self.live:
            yield rows(0)

    def fraction(self) -> float | None:
        return None
