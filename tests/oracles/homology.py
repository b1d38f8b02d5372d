"""Is a loop filled at a given moment? Gaussian elimination over Z/2, for small n.

Written from the definition and sharing nothing with the package: a loop is filled when it is
a sum of boundaries of the triangles that are present.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

Edge = tuple[int, int]


def edge_ranks(D: npt.NDArray[np.float32]) -> dict[Edge, int]:
    """Place of every finite edge (smaller, larger) in the order (D, larger, smaller)."""
    keys = sorted(
        (float(D[a, b]), b, a) for a, b in combinations(range(len(D)), 2) if np.isfinite(D[a, b])
    )
    return {(a, b): rank for rank, (_, b, a) in enumerate(keys)}


class Filling:
    """Answers whether loops of one dissimilarity matrix are filled at given moments."""

    def __init__(self, D: npt.NDArray[np.float32]) -> None:
        self.ranks = edge_ranks(D)
        triangles = []
        for a, b, c in combinations(range(len(D)), 3):
            sides = [self.ranks.get(side) for side in ((a, b), (a, c), (b, c))]
            if None not in sides:
                triangles.append(sides)
        self._basis: dict[int, tuple[int, int]] = {}  # lowest bit: (moment it was added, vector)
        # in the order of appearance, a vector never needs one that was added later
        for sides in sorted(triangles, key=max):
            vector = self._reduce(sum(1 << side for side in sides), max(sides))
            if vector:
                self._basis[vector & -vector] = (max(sides), vector)

    def filled(self, loop: list[Edge], moment: int) -> bool:
        """Tell whether the loop bounds once the edge of rank ``moment`` and all before are in."""
        vector = 0
        for edge in loop:
            vector ^= 1 << self.ranks[edge]
        return self._reduce(vector, moment) == 0

    def _reduce(self, vector: int, moment: int) -> int:
        """Remove every lowest bit that the vectors added up to ``moment`` can remove."""
        rest, kept = vector, 0
        while rest:
            low = rest & -rest
            added, other = self._basis.get(low, (moment + 1, 0))
            if added <= moment:
                rest ^= other
            else:
                rest ^= low
                kept |= low
        return kept


def closed_walk_edges(walk: list[int]) -> list[Edge]:
    """Edges (smaller, larger) of a walk whose first vertex is not repeated."""
    return [(min(a, b), max(a, b)) for a, b in zip(walk, walk[1:] + walk[:1], strict=True)]
