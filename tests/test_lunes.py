"""The rules of an update in docs/lunes.py: an edge that none of them names is as before."""

from __future__ import annotations

import importlib.util
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from aura_tda_gpu.persistence.distances import pairwise

PATH = Path(__file__).parents[1] / "docs" / "lunes.py"
N = 12


@pytest.fixture(scope="module")
def rules():
    """The module, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("lunes", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["lunes"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["lunes"]


def change(rng, values):
    """Distances before and after, and the slots whose point leaves and that get one."""
    old = rng.integers(0, values, (N, 2)) if values else rng.normal(size=(N, 2))
    new = rng.permutation(old) if values else rng.normal(size=(N, 2))
    slots = rng.permutation(N)
    gone = slots[: rng.integers(0, 4)]
    come = rng.permutation(gone)[: rng.integers(0, 4)]
    both = old.copy()
    both[come] = new[come]
    D = [pairwise(points.astype(np.float32), "euclidean") for points in (old, both)]
    return *D, set(gone.tolist()), set(come.tolist())


@pytest.mark.parametrize("values", [0, 3, 6])
def test_an_edge_that_no_rule_names_is_as_before(rules, values):
    rng = np.random.default_rng(values)
    spared = dict.fromkeys(["empty", "one hub", "two hubs", "connected", "split"], 0)
    for _ in range(150):
        old, new, gone, come = change(rng, values)
        stay = set(range(N)) - gone
        for edge in combinations(sorted(stay), 2):
            before = rules.lune_of(old, edge, range(N))
            after = rules.lune_of(new, edge, stay | come)
            if rules.fires(before, edge, old, new, gone, come):
                continue
            assert len(after.components) == len(before.components)
            assert set(before.hubs) <= set(after.vertices)
            assert all(serves(rules, new, edge, before.hubs, v) for v in after.vertices)
            spared[before.kind] += before.vertices != after.vertices
    assert spared.pop("empty") == 0
    assert spared["one hub"] > 100
    assert spared["split"] > 5
    assert spared["two hubs"] + spared["connected"] > 0


def serves(rules, D, edge, hubs, v):
    """Tell whether a vertex is a hub or joined to one, where there are any."""
    return not hubs or v in hubs or any(rules.precedes(D, (v, h), edge) for h in hubs)


def test_a_dominated_point_comes_and_goes_without_a_new_look(rules):
    # two pairs too far apart to be joined stand in the lune of 0 and 1; 6 and 7 are near one each
    pairs = [[0, 5], [0.1, 5], [0, -5], [0.1, -5], [0.05, 5.1], [0.05, -5.1]]
    D = pairwise(np.array([[-4, 0], [4, 0], *pairs], np.float32), "euclidean")
    edge = (0, 1)
    bare, full = (rules.lune_of(D, edge, range(n)) for n in (6, 8))
    assert (bare.kind, full.kind) == ("split", "split")
    assert full.vertices == (2, 3, 4, 5, 6, 7)
    for point in (6, 7):
        assert not rules.fires(bare, edge, D, D, [], [point])
        assert not rules.fires(full, edge, D, D, [point], [])
    # several are not asked about one by one
    assert rules.fires(bare, edge, D, D, [], [6, 7])
    assert rules.fires(full, edge, D, D, [6, 7], [])


def test_a_point_that_joins_two_components_is_looked_at(rules):
    D = pairwise(np.array([[-4, 0], [4, 0], [0, 5], [0, -5], [0, 0.5]], np.float32), "euclidean")
    split, joined = (rules.lune_of(D, (0, 1), range(n)) for n in (4, 5))
    assert (len(split.components), len(joined.components)) == (2, 1)
    assert rules.fires(split, (0, 1), D, D, [], [4])
    assert rules.fires(joined, (0, 1), D, D, [4], [])


def test_a_lune_whose_certificate_names_no_hub(rules):
    # a ring of six vertices, each joined to its two neighbours: no two of them see all
    D = np.full((10, 10), 20, np.float32)
    D[:2, 2:8] = 5
    for v in range(6):
        D[2 + v, 2 + (v + 1) % 6] = 5
    D[:2, 8:] = 5
    D[4, 8] = 5
    D = np.minimum(D, D.T)
    D[0, 1] = D[1, 0] = 10
    ring = rules.lune_of(D, (0, 1), range(8))
    assert (ring.kind, len(ring.vertices)) == ("connected", 6)
    assert not rules.fires(ring, (0, 1), D, D, [], [8])
    assert rules.fires(ring, (0, 1), D, D, [], [9])
    assert rules.fires(ring, (0, 1), D, D, [], [8, 9])
    assert rules.fires(ring, (0, 1), D, D, [5], [])
    # what the newcomer is joined to leaves as well
    assert rules.fires(ring, (0, 1), D, D, [4], [8])
