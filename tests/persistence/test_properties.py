"""Laws of Vietoris-Rips persistence, on inputs that Hypothesis looks for."""

from __future__ import annotations

import gudhi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aura_tda_gpu.persistence import edge_sweep
from aura_tda_gpu.persistence.rips import vietoris_rips
from tests.oracles.clouds import circle, gaussian, grid, holes, lattice_points, symmetric
from tests.oracles.peers import bars_of, pairs_of, ripser_bars

INF = float("inf")
BACKENDS = st.sampled_from(["cpu", "reference"])


@st.composite
def matrices(draw, smallest=0):
    """Dissimilarities with many ties, and some of them with pairs that never meet."""
    n = draw(st.integers(smallest, 14))
    values = draw(st.sampled_from([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0, INF], [0.5, INF], None]))
    entry = st.sampled_from(values) if values else st.floats(0, 100, width=32)
    upper = draw(hnp.arrays(np.float32, n * (n - 1) // 2, elements=entry))
    D = np.zeros((n, n), np.float32)
    D[np.triu_indices(n, 1)] = upper
    return np.maximum(D, D.T)


@st.composite
def clouds(draw):
    shape = (draw(st.integers(2, 20)), draw(st.integers(1, 4)))
    numbers = st.one_of(st.integers(-3, 3).map(float), st.floats(-8, 8, width=32))
    return draw(hnp.arrays(np.float32, shape, elements=numbers))


def rips(D, **options):
    return vietoris_rips(D, metric="precomputed", **options)


@settings(max_examples=400)
@given(matrices(), st.sampled_from([0.0, 1.0, 1.5, 2.0, INF]))
def test_cpu_equals_the_reference(D, threshold):
    found = rips(D, backend="cpu", max_edge_length=threshold)
    truth = rips(D, backend="reference", max_edge_length=threshold)
    for k in (0, 1):
        assert bars_of(found, k) == bars_of(truth, k)
        assert pairs_of(found, k) == pairs_of(truth, k)


@given(matrices(), BACKENDS, st.randoms(use_true_random=False))
def test_names_of_vertices_do_not_matter(D, backend, random):
    order = list(range(len(D)))
    random.shuffle(order)
    here, there = rips(D, backend=backend), rips(D[np.ix_(order, order)], backend=backend)
    assert [bars_of(here, k) for k in (0, 1)] == [bars_of(there, k) for k in (0, 1)]


@given(matrices(), BACKENDS, st.integers(-20, 20))
def test_a_power_of_two_scales_every_bar_exactly(D, backend, exponent):
    factor = np.float32(2.0**exponent)
    here, there = rips(D, backend=backend), rips(D * factor, backend=backend)
    for k in (0, 1):
        assert np.array_equal(here[k] * factor, there[k])
        assert np.array_equal(here.birth_edges[k], there.birth_edges[k])
        assert np.array_equal(here.death_edges[k], there.death_edges[k])


@given(matrices(), BACKENDS, st.floats(0, 4))
def test_a_threshold_filters_the_full_diagram(D, backend, threshold):
    full = rips(D, backend=backend)
    cut = rips(D, backend=backend, max_edge_length=threshold)
    level = np.float32(threshold)
    for k in (0, 1):
        kept = full[k][full[k][:, 0] <= level]
        late = kept[:, 1] > level
        expected = np.where(late, INF, kept[:, 1])
        assert bars_of(cut, k) == sorted(zip(kept[:, 0].tolist(), expected.tolist(), strict=True))
        assert cut.truncated[k].sum() == (late & np.isfinite(kept[:, 1])).sum()


@given(matrices(smallest=1))
def test_the_number_of_loops_is_known_beforehand(D):
    found = rips(D, backend="cpu")
    components = int(np.isinf(found[0][:, 1]).sum())
    assert found.info["n_births"] == found.info["n_rng"] - len(D) + components
    assert len(found[1]) <= found.info["n_births"]


@pytest.mark.parametrize(
    "D",
    [gaussian(28, 3), gaussian(22, 10), circle(30), symmetric(24)],
    ids=["gaussian 3-D", "gaussian 10-D", "circle", "symmetric"],
)
def test_the_number_of_voids_is_known_beforehand(D):
    distances = D[np.triu_indices(len(D), 1)]
    assert len(np.unique(distances)) == len(distances)
    found = rips(D, backend="cpu")
    voids = rips(D, backend="reference", homology_dimensions=(2,))[2]
    assert found.info["n_relations"] - found.info["n_births"] == len(voids)


@given(clouds(), st.sampled_from(["euclidean", "manhattan", "chebyshev"]), BACKENDS, st.data())
def test_a_subset_moves_bars_by_at_most_twice_its_distance(points, metric, backend, data):
    rows = st.lists(st.integers(0, len(points) - 1), min_size=1, unique=True)
    subset = points[sorted(data.draw(rows))]
    steps = np.abs(points[:, None].astype(np.float64) - subset)
    norm = {"euclidean": 2, "manhattan": 1, "chebyshev": np.inf}[metric]
    hausdorff = np.linalg.norm(steps, ord=norm, axis=2).min(axis=1).max()
    whole = vietoris_rips(points, metric=metric, backend=backend)
    part = vietoris_rips(subset, metric=metric, backend=backend)
    for k in (0, 1):
        distance = gudhi.bottleneck_distance(
            whole[k].astype(np.float64), part[k].astype(np.float64), 0.0
        )
        # float32 distances below 64 are off by less than 1e-5
        assert distance <= 2 * hausdorff + 1e-4


@pytest.mark.parametrize("threads", [2, 3, 7])
@pytest.mark.parametrize(
    "D",
    [gaussian(60, 3), grid(8, 8), lattice_points(70, 2, 6), holes(50, 0.6), symmetric(2)],
    ids=["gaussian", "grid", "lattice", "holes", "one edge"],
)
def test_threads_do_not_change_the_result(monkeypatch, D, threads):
    one = rips(D, backend="cpu", threads=1)
    monkeypatch.setattr(edge_sweep, "EDGES_PER_THREAD", 1)
    many = rips(D, backend="cpu", threads=threads)
    same(one, many)


@pytest.mark.parametrize("D", [circle(700, 0.1), lattice_points(700, 3, 9)], ids=["circle", "ties"])
def test_threads_do_not_change_a_larger_result(D):
    one = rips(D, backend="cpu", threads=1)
    for threads in (2, 3):
        same(one, rips(D, backend="cpu", threads=threads))


@pytest.mark.parametrize("n", [62, 63, 64, 65, 66, 127, 128, 129, 192, 193])
@pytest.mark.parametrize("make", [lambda n: gaussian(n, 5), lambda n: lattice_points(n, 2, 8)])
def test_sizes_around_the_word_length(n, make):
    D = make(n)
    found = rips(D, backend="cpu")
    assert [bars_of(found, 0), bars_of(found, 1)] == ripser_bars(D)


def same(one, other):
    for k in (0, 1):
        assert np.array_equal(one[k], other[k])
        assert np.array_equal(one.truncated[k], other.truncated[k])
        assert np.array_equal(one.birth_edges[k], other.birth_edges[k])
        assert np.array_equal(one.death_edges[k], other.death_edges[k])
    for i in range(min(20, len(one[1]))):
        assert one.cycle(1, i) == other.cycle(1, i)
