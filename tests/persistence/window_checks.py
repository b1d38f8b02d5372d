"""What holds of every window after every change."""

from __future__ import annotations

from collections import Counter

import numpy as np

from aura_tda_gpu.persistence.diagram import Diagram
from aura_tda_gpu.persistence.distances import pairwise
from aura_tda_gpu.persistence.rips import vietoris_rips
from aura_tda_gpu.persistence.vineyard_updates import RipsWindow
from tests.oracles.homology import Filling, closed_walk_edges
from tests.oracles.peers import bars_of, pairs_of

LARGEST_FILLING = 12  # vertices of which the oracle looks at every triangle


def assert_right(window: RipsWindow, dimensions=(0, 1), threshold=np.inf) -> Diagram:
    """Compare the window's diagram with a batch run; return it."""
    found = window.diagram()
    D = pairwise(window.points, window.metric)
    batch = vietoris_rips(
        D, metric="precomputed", homology_dimensions=dimensions, max_edge_length=threshold
    )
    assert found.dimensions == tuple(dimensions)
    for k in dimensions:
        assert bars_of(found, k) == bars_of(batch, k)
        assert pairs_of(found, k) == pairs_of(batch, k)
    if 1 in dimensions and len(D) <= LARGEST_FILLING:
        assert_cycles_live_as_long_as_their_bars(found, D)
    window.verify()
    return found


def assert_cycles_live_as_long_as_their_bars(found: Diagram, D) -> None:
    filling = Filling(D)
    for i in range(len(found[1])):
        loop = [edge for walk in found.cycle(1, i) for edge in closed_walk_edges(walk)]
        death = tuple(found.death_edges[1][i].tolist())
        assert max(loop, key=filling.ranks.__getitem__) == tuple(found.birth_edges[1][i].tolist())
        if death != (-1, -1):
            assert not filling.filled(loop, filling.ranks[death] - 1)
            assert filling.filled(loop, filling.ranks[death])


def names_of(diagram: Diagram, ids) -> dict[int, Counter]:
    """Count the bars of each pair of edges, as point ids."""
    table = np.append(ids, -1)
    names = {}
    for k in diagram.dimensions:
        births = np.sort(table[diagram.birth_edges[k]], axis=1).tolist()
        deaths = np.sort(table[diagram.death_edges[k]], axis=1).tolist()
        names[k] = Counter((*b, *d) for b, d in zip(births, deaths, strict=True))
    return names


def cloud(rng: np.random.Generator, m: int, dim: int) -> np.ndarray:
    """Draw points of one of several kinds, none of them the origin."""
    kind = rng.integers(4)
    if kind == 0:
        points = rng.normal(size=(m, dim))
    elif kind == 1:
        points = np.outer(rng.integers(1, 12, m), np.arange(1, dim + 1))
    else:
        points = rng.integers(-2, 3, (m, dim))
    points[~points.any(axis=1)] = 1
    return points.astype(np.float32)


def changing(window: RipsWindow, rng: np.random.Generator, largest: int = 6) -> None:
    """Replace some points by others, both numbers drawn."""
    n = len(window)
    leaving = rng.permutation(window.ids)[: rng.integers(0, min(n, largest) + 1)]
    room = min(window.capacity - n + len(leaving), largest)
    window.replace(leaving, cloud(rng, int(rng.integers(0, room + 1)), window.dim))
