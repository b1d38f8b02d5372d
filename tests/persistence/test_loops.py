"""Vertices of loops without their walks, and the paths in the forest that close them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from aura_tda_gpu.errors import NoSuchBarError, NotComputedError
from aura_tda_gpu.persistence.cycles import closed_walks, loop_vertices
from aura_tda_gpu.persistence.kernels import loops as kernel
from aura_tda_gpu.persistence.rips import vietoris_rips
from aura_tda_gpu.persistence.vineyard_updates import RipsWindow
from tests.oracles.clouds import circle, gaussian, grid, holes, islands, lattice_points

MATRICES = {
    "circle": circle(40),
    "gaussian": gaussian(50, 4),
    "grid": grid(6, 6),
    "lattice": lattice_points(40, 2, 5),
    "holes": holes(40, 0.5),
    "islands": islands(20, 12),
}


def split(vertices, ends):
    return [part.tolist() for part in np.split(vertices, ends[:-1])] if len(ends) else []


def walked(diagram, row):
    return sorted({vertex for walk in diagram.cycle(1, row) for vertex in walk})


@pytest.mark.parametrize("name", MATRICES)
def test_vertices_are_those_of_the_walks(name, backend):
    found = vietoris_rips(MATRICES[name], metric="precomputed", backend=backend)
    rows = np.random.default_rng(0).permutation(len(found[1])).tolist()
    assert rows
    rows += [rows[0], -1]
    vertices, ends = found.cycle_vertices(1, rows)
    assert vertices.dtype == ends.dtype == np.int64
    assert split(vertices, ends) == [walked(found, row) for row in rows]
    assert [len(part) for part in found.cycle_vertices(1, [])] == [0, 0]


@pytest.mark.parametrize("updates", ["always", "never"])
def test_vertices_are_places_among_the_points_that_are_left(updates, rng):
    angle = rng.uniform(0, 2 * np.pi, 90)
    points = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(scale=0.2, size=(90, 2))
    window = RipsWindow(90, 2, backend="cpu", updates=updates)
    ids = window.insert(points)
    for i in range(0, 40, 8):
        window.remove(ids[i : i + 8])
        found = window.diagram()
        rows = range(len(found[1]))
        assert split(*found.cycle_vertices(1, rows)) == [walked(found, row) for row in rows]


def test_what_has_no_loops_says_so(backend):
    with pytest.raises(NotComputedError, match=r"dimension 1 .* this diagram holds \(0,\)$"):
        vietoris_rips([[0.0], [1.0]], homology_dimensions=(0,), backend=backend).cycle_vertices(
            1, []
        )
    found = vietoris_rips([[1, 0], [0, 1], [-1, 0], [0, -1]], backend=backend)
    with pytest.raises(NotComputedError, match="not for 0"):
        found.cycle_vertices(0, [0])
    with pytest.raises(NoSuchBarError, match="no bar 1 of"):
        found.cycle_vertices(1, [0, 1])
    for row in (1, -2, None, 0.0, "0", True, [None], [[0]], np.zeros((1, 1), int), [True]):
        with pytest.raises(NoSuchBarError, match="no bar "):
            found.cycle_vertices(1, row)
    for dimension in (2, -1, None, "1", [1], np.arange(2)):
        for call in (found.cycle, found.cycle_vertices):
            with pytest.raises(NotComputedError, match=r"not for "):
                call(dimension, 0)
        with pytest.raises(NotComputedError, match="was not computed"):
            found[dimension]


def test_a_row_by_itself_is_a_sequence_of_one(backend):
    found = vietoris_rips([[1, 0], [0, 1], [-1, 0], [0, -1]], backend=backend)
    for row in (0, -1, np.int64(0), [0], (0,), range(1), np.array([0]), np.array(0)):
        assert split(*found.cycle_vertices(1, row)) == [[0, 1, 2, 3]]
    with pytest.raises(NoSuchBarError, match="there is no bar"):
        found.cycle_vertices(1, np.array(1))


@pytest.mark.parametrize("seed", range(6))
def test_a_chain_is_closed_by_paths_in_the_forest(seed):
    rng = np.random.default_rng(seed)
    n = 60
    names = rng.permutation(n)
    parents = {v: int(rng.integers(40 if v > 40 else 0, v)) for v in range(n) if v not in (0, 40)}
    merges = np.array([(names[v], names[parent]) for v, parent in parents.items()])  # two trees
    merges = rng.permutation(merges)
    tree = kernel.rooted(merges, n)
    assert {frozenset((v, p)) for v, p in enumerate(tree[0].tolist()) if p >= 0} == {
        frozenset(edge) for edge in merges.tolist()
    }
    assert (tree[1] == [0 if p < 0 else tree[1][p] + 1 for p in tree[0]]).all()
    tops = np.flatnonzero(tree[0] < 0).tolist()
    assert sorted(tops) == sorted([names[:40].min(), names[40:].min()])

    in_forest = {frozenset(edge) for edge in merges.tolist()}
    births = [pair for pair in combinations(names[:40].tolist(), 2) if {*pair} not in in_forest]
    columns = [rng.choice(births, k, replace=False) for k in (1, 2, 5, 9)]
    ends = np.cumsum([len(column) for column in columns])
    parts = split(*kernel.vertices_of_chains(np.concatenate(columns), ends, tree))
    for column, part in zip(columns, parts, strict=True):
        chain = kernel.chain(column, tree)
        assert {tuple(edge) for edge in column.tolist()} <= {tuple(e) for e in chain.tolist()}
        walks = closed_walks(chain)  # it would not close if a path were wrong
        assert sorted({vertex for walk in walks for vertex in walk}) == part
        assert loop_vertices(lambda _, chain=chain: chain, [0])[0].tolist() == part
