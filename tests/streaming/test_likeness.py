"""How alike loops are, against numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from aura_tda_gpu.persistence.kernels.likeness import likenesses, near_share


def naive_share(one, other, reach):
    if not len(one) or not len(other):
        return 0.0
    near = cdist(one, other) <= reach
    mine, theirs = (np.count_nonzero(near.any(axis=axis)) for axis in (1, 0))
    return (mine / len(one) + theirs / len(other)) / 2


def naive_likeness(ids, other_ids, one, other, reach):
    both = len(np.intersect1d(ids, other_ids, assume_unique=True))
    shared = 2 * both / max(len(ids) + len(other_ids), 1)
    return (shared + naive_share(one, other, reach)) / 2


@pytest.mark.parametrize("dim", [1, 2, 3, 7])
@pytest.mark.parametrize("seed", range(5))
def test_shares_are_those_of_all_distances(dim, seed):
    rng = np.random.default_rng(seed)
    for n, m in ((0, 4), (5, 0), (1, 1), (12, 30), (70, 9)):
        one, other = rng.normal(size=(n, dim)), rng.normal(size=(m, dim))
        gaps = cdist(one, other).ravel()
        for reach in (0.0, 0.3, *rng.choice(gaps, 8 if len(gaps) else 0), 10.0):
            # of distances that are themselves the reach, the last bit counts
            for moved in (reach, np.nextafter(reach, 0), np.nextafter(reach, np.inf)):
                assert near_share(one, other, moved) == naive_share(one, other, moved)


@pytest.mark.parametrize("seed", range(8))
def test_pairs_of_loops_have_the_mean_of_both_shares(seed):
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(50, 3))
    sizes = [rng.integers(0, 20, k) for k in (5, 7)]
    chosen = [[rng.choice(50, size, replace=False) for size in some] for some in sizes]
    joined = [np.concatenate([*some, np.empty(0, np.int64)]).astype(np.int64) for some in chosen]
    ends = [np.cumsum(some).astype(np.int64) for some in sizes]
    pairs = np.column_stack([rng.integers(0, 5, 40), rng.integers(0, 7, 40)])
    reach = rng.uniform(0, 2, 40)
    found = likenesses(
        pairs, joined[0], places[joined[0]], ends[0], joined[1], places[joined[1]], ends[1], reach
    )
    wanted = [
        naive_likeness(one, other, places[one], places[other], near)
        for (one, other), near in zip(
            [(chosen[0][u], chosen[1][v]) for u, v in pairs.tolist()], reach, strict=True
        )
    ]
    assert found.tolist() == wanted
    assert len(set(wanted)) > 10
