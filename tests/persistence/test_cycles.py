"""A bar's cycle is closed, begins with its birth edge and is filled exactly at its death."""

from __future__ import annotations

import numpy as np
import pytest

from aura_tda_gpu.errors import AuraTDAError, NoSuchBarError, NotComputedError
from aura_tda_gpu.persistence.rips import vietoris_rips
from tests.oracles.clouds import (
    circle,
    constant,
    gaussian,
    grid,
    holes,
    integer_holes,
    islands,
    lattice_points,
    small_integers,
    square_without_diagonals,
    symmetric,
)
from tests.oracles.homology import Filling, closed_walk_edges

MATRICES = {
    "circle": circle(30),
    "gaussian": gaussian(30, 3),
    "gaussian 8-D": gaussian(24, 8),
    "grid": grid(5, 5),
    "lattice": lattice_points(30, 2, 5),
    "symmetric": symmetric(28),
    "small integers": small_integers(28),
    "holes": holes(30, 0.5),
    "integer holes": integer_holes(30, 0.7),
    "islands": islands(14, 12),
    "square": square_without_diagonals(),
    "all equal": constant(10),
}


@pytest.fixture(scope="module", params=MATRICES)
def case(request):
    D = MATRICES[request.param]
    return D, Filling(D)


@pytest.mark.parametrize("share", [0.35, 0.6, np.inf])
def test_cycles_live_exactly_as_long_as_their_bars(case, backend, share):
    D, filling = case
    finite = D[np.isfinite(D)]
    threshold = float(np.quantile(finite, share, method="lower")) if share < 1 else np.inf
    found = vietoris_rips(D, metric="precomputed", max_edge_length=threshold, backend=backend)
    ranks = filling.ranks
    last = len(ranks) - 1
    for i in range(len(found[1])):
        loop = [edge for walk in found.cycle(1, i) for edge in closed_walk_edges(walk)]
        birth = tuple(found.birth_edges[1][i].tolist())
        death = tuple(found.death_edges[1][i].tolist())
        assert len(set(loop)) == len(loop)
        assert max(loop, key=ranks.__getitem__) == birth
        if death != (-1, -1):
            assert not filling.filled(loop, ranks[death] - 1)
            assert filling.filled(loop, ranks[death])
            continue
        within = [rank for (a, b), rank in ranks.items() if D[a, b] <= threshold]
        assert not filling.filled(loop, max(within))
        if found.info["r_enc"] < np.inf:
            assert filling.filled(loop, last)
        elif not found.truncated[1][i]:
            assert not filling.filled(loop, last)


def test_the_oracle_tells_a_loop_from_a_boundary():
    D = square_without_diagonals()
    filling = Filling(D)
    ring = closed_walk_edges([0, 1, 2, 3])
    assert not filling.filled(ring, len(filling.ranks) - 1)
    assert filling.filled([], 0)
    D[0, 2] = D[2, 0] = 3.0
    filling = Filling(D)
    assert not filling.filled(ring, filling.ranks[0, 3])
    assert filling.filled(ring, filling.ranks[0, 2])


def test_walks_visit_no_vertex_twice(backend):
    found = vietoris_rips(gaussian(60, 6), metric="precomputed", backend=backend)
    assert len(found[1]) > 5
    for i in range(len(found[1])):
        for walk in found.cycle(1, i):
            assert len(set(walk)) == len(walk) >= 3


def test_no_cycle_where_none_was_computed(backend):
    found = vietoris_rips([[0.0], [1.0]], homology_dimensions=(0,), backend=backend)
    with pytest.raises(NotComputedError, match="dimension 1"):
        found.cycle(1, 0)
    with pytest.raises(NotComputedError, match="dimension 1"):
        found[1]
    both = vietoris_rips([[0.0], [1.0]], backend=backend)
    with pytest.raises(NotComputedError):
        both.cycle(0, 0)
    with pytest.raises(IndexError):
        both.cycle(1, 0)


@pytest.mark.parametrize("row", [2, -3, 10**30, 0.0, None, "0", slice(0, 1)])
def test_a_row_that_is_not_there_is_named(backend, row):
    cross = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    found = vietoris_rips(np.concatenate([cross, 2 * cross + [50, 0]]), backend=backend)
    assert len(found[1]) == 2
    with pytest.raises(IndexError) as caught:
        found.cycle(1, row)
    assert isinstance(caught.value, NoSuchBarError)
    assert isinstance(caught.value, AuraTDAError)
    assert str(caught.value) == f"there is no bar {row!r} of dimension 1: this diagram has 2"


def test_rows_count_from_the_end_as_well(backend):
    found = vietoris_rips([[1, 0], [0, 1], [-1, 0], [0, -1]], backend=backend)
    assert found.cycle(1, -1) == found.cycle(1, np.int8(0)) == found.cycle(1, 0)
