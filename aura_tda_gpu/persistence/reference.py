"""The textbook algorithm: column reduction of the boundary matrix over Z/2.

It is the oracle of the other engines and shares no code with them: every simplex is listed,
every column reduced from left to right. Columns are Python integers used as bit sets.

Sources: Edelsbrunner, Harer, "Computational Topology" (2010), section VII.1; the cut at the
enclosing radius is Bauer, "Ripser" (2021).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from ..errors import UnsupportedError
from . import distances
from .engine import Bars, EngineResult, Float32Array, Int64Array

__all__ = ["MAX_POINTS", "MAX_SIMPLICES", "ReferenceEngine"]

MAX_POINTS = 64
MAX_SIMPLICES = 800_000

Simplex = tuple[int, tuple[int, ...]]  # rank of the longest edge (-1 for a vertex), vertices


@dataclass(frozen=True)
class Filtration:
    """Edges in their total order, and the simplices of each dimension in theirs."""

    edges: Int64Array  # (n_edges, 2), smaller vertex first
    lengths: Float32Array  # (n_edges,)
    births: list[float] | None  # of the vertices, None for 0
    levels: list[list[Simplex]]  # in order of entry

    def entry(self, place: int) -> float:
        """Return when the vertex at a place of level 0 enters."""
        return 0.0 if self.births is None else self.births[self.levels[0][place][1][0]]


@dataclass(frozen=True)
class Reduction:
    """A reduced boundary matrix: pivot row to (column, its bits), and the zero columns."""

    columns: dict[int, tuple[int, int]]
    cycles: dict[int, int]  # zero column to the cycle it closes (edges), else to 0


@dataclass(frozen=True)
class _Loops:
    """The edges of a cycle for each bar."""

    cycles: list[Int64Array]

    @property
    def nbytes(self) -> int:
        return sum(cycle.nbytes for cycle in self.cycles)

    def __call__(self, index: int) -> Int64Array:
        return self.cycles[index]


class ReferenceEngine:
    """Vietoris-Rips persistence of at most 64 points, in any homology dimension."""

    name = "reference"
    setup_seconds = 0.0

    def pairwise(self, points: Float32Array, metric: str) -> Float32Array:
        """Return the (n, n) distances of ``points`` (n, dim)."""
        return distances.pairwise(points, metric)

    def has_window_state(self, capacity: int) -> bool:
        """Tell that there are no updates in place."""
        return False

    def window_state(
        self, capacity: int, dim: int, metric: str, *, threshold: float, threads: int
    ) -> NoReturn:
        """Refuse: this engine always computes afresh."""
        raise UnsupportedError("the reference engine keeps no state between diagrams")

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
            See `Engine.compute`.
        dimensions : tuple of int
            Homology dimensions, ascending.
        threshold : float
            Largest edge of the filtration, inclusive.
        threads : int
            Not used: this engine runs on one thread.
        births : ndarray of float32, shape (n,), optional
            When each vertex enters.

        Raises
        ------
        UnsupportedError
            If there are more than `MAX_POINTS` points or `MAX_SIMPLICES` simplices.
        """
        started = time.perf_counter()
        n = len(dissimilarity)
        if n > MAX_POINTS:
            raise UnsupportedError(
                f"the reference engine takes at most {MAX_POINTS} points, not {n}"
            )
        r_enc = float(dissimilarity.max(axis=1).min()) if n else 0.0
        # With r_enc infinite a bar may be essential, so the threshold is applied to the bars.
        limit = min(threshold, r_enc) if math.isfinite(r_enc) else math.inf
        entries = None if births is None else births.tolist()
        filtration = _filtration(dissimilarity, entries, limit, max(dimensions) + 1)
        bars: dict[int, Bars] = {}
        loops: list[Int64Array] = []
        born = {vertex: 1 << vertex for vertex in range(n)}
        for k in range(max(dimensions) + 1):
            reduction = _reduce(filtration.levels[k], filtration.levels[k + 1])
            if k in dimensions:
                bars[k], cycles = _bars(filtration, k, born, reduction, threshold, r_enc)
                if k == 1:
                    loops = [filtration.edges[_bits(cycle)] for cycle in cycles]
            born = reduction.cycles
        loop_edges = _Loops(loops) if 1 in dimensions else None
        seconds = {"reduction": time.perf_counter() - started}
        return EngineResult(bars, loop_edges, {"r_enc": r_enc, "seconds": seconds})


def _filtration(D: Float32Array, births: list[float] | None, limit: float, top: int) -> Filtration:
    """List the simplices of dimension 0 to ``top`` whose edges are finite and within ``limit``."""
    n = len(D)
    pairs = ((d, b, a) for b, row in enumerate(D.tolist()) for a, d in enumerate(row[:b]))
    edges = sorted(pair for pair in pairs if pair[0] <= limit and pair[0] < math.inf)
    rank = {(a, b): i for i, (_, b, a) in enumerate(edges)}
    vertices_in_order = sorted(range(n), key=lambda v: (births[v] if births else 0.0, v))
    levels: list[list[Simplex]] = [[(-1, (v,)) for v in vertices_in_order]]
    count = n
    for k in range(1, top + 1):
        level: list[Simplex] = []
        for longest, vertices in levels[-1]:
            for v in range(vertices[-1] + 1, n):
                ranks = [rank.get((u, v), -1) for u in vertices]
                if min(ranks) >= 0:
                    level.append((max(longest, *ranks), (*vertices, v)))
            if count + len(level) > MAX_SIMPLICES:
                raise UnsupportedError(
                    f"the reference engine lists at most {MAX_SIMPLICES} simplices; {n} points "
                    f"have more up to dimension {k}: take fewer points, a smaller "
                    "max_edge_length or lower homology dimensions"
                )
        count += len(level)
        levels.append(sorted(level))
    ends = np.array([(a, b) for _, b, a in edges], np.int64).reshape(-1, 2)
    return Filtration(ends, np.array([d for d, _, _ in edges], np.float32), births, levels)


def _reduce(faces: list[Simplex], simplices: list[Simplex]) -> Reduction:
    """Reduce the boundary matrix of ``simplices`` (columns) on ``faces`` (rows), left to right."""
    row = {vertices: i for i, (_, vertices) in enumerate(faces)}
    columns: dict[int, tuple[int, int]] = {}
    chains: dict[int, int] = {}
    cycles: dict[int, int] = {}
    keep = len(simplices) > 0 and len(simplices[0][1]) == 2  # loops are asked for, voids are not
    for j, (_, vertices) in enumerate(simplices):
        boundary = sum(1 << row[vertices[:i] + vertices[i + 1 :]] for i in range(len(vertices)))
        chain = 1 << j if keep else 0
        while boundary and (pivot := boundary.bit_length() - 1) in columns:
            earlier, bits = columns[pivot]
            boundary ^= bits
            chain ^= chains[earlier]
        if boundary:
            columns[pivot] = (j, boundary)
            chains[j] = chain
        else:
            cycles[j] = chain
    return Reduction(columns, cycles)


def _bars(
    filtration: Filtration,
    k: int,
    births: dict[int, int],
    reduction: Reduction,
    threshold: float,
    r_enc: float,
) -> tuple[Bars, list[int]]:
    """Pair the ``births`` of dimension k, each with its chain; return bars and their cycles."""
    rows: list[tuple[float, float, int, int, bool]] = []
    cycles: list[int] = []
    born: list[tuple[int, ...]] = []
    for i, chain in births.items():
        birth_edge = filtration.levels[k][i][0]
        column, cycle = reduction.columns.get(i, (-1, chain))
        death_edge = filtration.levels[k + 1][column][0] if column >= 0 else -1
        birth = float(filtration.lengths[birth_edge]) if k else filtration.entry(i)
        death = float(filtration.lengths[death_edge]) if column >= 0 else math.inf
        # An open bar of a space that closes at r_enc is cut short, but for the oldest component.
        truncated = death == math.inf and math.isfinite(r_enc) and (k > 0 or i > 0)
        if death != math.inf and death > threshold:
            death, death_edge, truncated = math.inf, -1, True
        if birth < death and birth <= threshold:
            rows.append((birth, death, birth_edge, death_edge, truncated))
            cycles.append(cycle)
            born.append(filtration.levels[k][i][1])
    values = np.array([row[:2] for row in rows], np.float32).reshape(-1, 2)
    ends = np.concatenate([filtration.edges, [[-1, -1]]])  # rank -1 is no edge
    birth_edges = ends[[row[2] for row in rows]].reshape(-1, 2)
    if k == 0 and filtration.births is not None:
        birth_edges = np.array([2 * vertex for vertex in born], np.int64).reshape(-1, 2)
    return (
        Bars(
            births=values[:, 0],
            deaths=values[:, 1],
            birth_edges=birth_edges,
            death_edges=ends[[row[3] for row in rows]].reshape(-1, 2),
            truncated=np.array([row[4] for row in rows], np.bool_),
        ),
        cycles,
    )


def _bits(chain: int) -> list[int]:
    """Return the positions of the set bits."""
    return [i for i, bit in enumerate(reversed(bin(chain)[2:])) if bit == "1"]
