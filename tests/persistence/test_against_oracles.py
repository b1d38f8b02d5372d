"""Every engine gives the bars of ripser, of gudhi and of the reference engine, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from aura_tda_gpu.persistence.diagram import Diagram
from aura_tda_gpu.persistence.rips import vietoris_rips
from tests.oracles.clouds import CLOUDS, Matrix, gaussian, lattice_points, symmetric
from tests.oracles.peers import bars_of, gudhi_bars, pairs_of, ripser_bars

SMALL = [name for name, make in CLOUDS.items() if len(make()) <= 64]
CASES = [(name, "cpu") for name in CLOUDS] + [(name, "reference") for name in SMALL]
THRESHOLDS = ("zero", "below", "an edge", "r_enc", "above")


@cache
def cloud(name: str) -> Matrix:
    D = CLOUDS[name]()
    D.setflags(write=False)
    return D


def threshold_of(D: Matrix, kind: str) -> float:
    """A threshold at an instructive place, representable in float32."""
    edges = np.sort(D[np.triu_indices(len(D), 1)])
    finite = edges[np.isfinite(edges)]
    r_enc = float(D.max(axis=1, initial=0).min(initial=np.inf))
    if kind == "zero" or not len(finite):
        return 0.0
    if kind == "below":
        return float(np.nextafter(finite[len(finite) // 4], np.float32(0)))
    if kind == "an edge":
        return float(finite[len(finite) // 3])
    if kind == "r_enc":
        return r_enc if np.isfinite(r_enc) else float(finite[-1])
    return float(finite[-1]) + 1.0


@cache
def diagram(name: str, backend: str, threshold: float) -> Diagram:
    return vietoris_rips(
        cloud(name), metric="precomputed", max_edge_length=threshold, backend=backend
    )


@cache
def peer(which: Callable[..., list[list[tuple[float, float]]]], name: str, threshold: float):
    return which(cloud(name), 1, threshold)


@pytest.mark.parametrize(("name", "backend"), CASES)
@pytest.mark.parametrize("which", [ripser_bars, gudhi_bars])
def test_bars_equal_a_peer(name, backend, which):
    found = diagram(name, backend, np.inf)
    assert [bars_of(found, 0), bars_of(found, 1)] == peer(which, name, np.inf)


@pytest.mark.parametrize(("name", "backend"), CASES)
@pytest.mark.parametrize("kind", THRESHOLDS)
def test_bars_below_a_threshold_equal_gudhi(name, backend, kind):
    threshold = threshold_of(cloud(name), kind)
    found = diagram(name, backend, threshold)
    assert [bars_of(found, 0), bars_of(found, 1)] == peer(gudhi_bars, name, threshold)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("kind", ["none", *THRESHOLDS])
def test_pairs_of_edges_equal_the_reference(name, kind):
    threshold = np.inf if kind == "none" else threshold_of(cloud(name), kind)
    found = diagram(name, "cpu", threshold)
    truth = diagram(name, "reference", threshold)
    assert pairs_of(found, 0) == pairs_of(truth, 0)
    assert pairs_of(found, 1) == pairs_of(truth, 1)
    assert found.info["r_enc"] == truth.info["r_enc"]


@pytest.mark.parametrize(("name", "backend"), CASES)
@pytest.mark.parametrize("kind", ["none", "below", "an edge"])
def test_edges_are_as_long_as_the_bars_say(name, backend, kind):
    D = cloud(name)
    threshold = np.inf if kind == "none" else threshold_of(D, kind)
    found = diagram(name, backend, threshold)
    for dimension in (0, 1):
        births, deaths = found[dimension].T
        closed = np.isfinite(deaths)
        edges = found.death_edges[dimension]
        assert np.array_equal(D[tuple(edges[closed].T)], deaths[closed])
        assert (edges[closed, 0] < edges[closed, 1]).all()
        assert (edges[~closed] == -1).all()
        assert (births < deaths).all()
        assert (deaths[closed] <= threshold).all()
        if dimension == 0:
            assert (births == 0).all()
            assert (found.birth_edges[0] == -1).all()
        else:
            assert np.array_equal(D[tuple(found.birth_edges[1].T)], births)
            assert (found.birth_edges[1][:, 0] < found.birth_edges[1][:, 1]).all()


@pytest.mark.parametrize(("name", "backend"), CASES)
@pytest.mark.parametrize("kind", THRESHOLDS)
def test_truncated_bars_are_the_ones_that_close_without_the_threshold(name, backend, kind):
    full = diagram(name, backend, np.inf)
    cut = diagram(name, backend, threshold_of(cloud(name), kind))
    assert not any(mask.any() for mask in full.truncated.values())
    for dimension in (0, 1):
        is_open = np.isinf(cut[dimension][:, 1])
        assert not cut.truncated[dimension][~is_open].any()
    assert (np.isinf(cut[0][:, 1]) & ~cut.truncated[0]).sum() == np.isinf(full[0][:, 1]).sum()
    births = list(map(tuple, full.birth_edges[1].tolist()))
    closes = dict(zip(births, np.isfinite(full[1][:, 1]).tolist(), strict=True))
    for edge, death, truncated in zip(
        cut.birth_edges[1].tolist(), cut[1][:, 1], cut.truncated[1], strict=True
    ):
        assert truncated == (np.isinf(death) and closes[tuple(edge)])


@pytest.mark.parametrize(
    "D",
    [gaussian(25, 3), gaussian(18, 8), lattice_points(24, 3, 3), symmetric(22)],
    ids=["gaussian", "gaussian 8-D", "lattice", "symmetric"],
)
@pytest.mark.parametrize("share", [0.4, 1.0])
def test_reference_dimension_two_equals_peers(D, share):
    threshold = float(np.float32(D.max() * share))
    found = vietoris_rips(
        D,
        metric="precomputed",
        homology_dimensions=(0, 1, 2),
        max_edge_length=threshold,
        backend="reference",
    )
    bars = [bars_of(found, k) for k in (0, 1, 2)]
    assert bars == gudhi_bars(D, 2, threshold)
    assert bars == ripser_bars(D, 2, threshold)


def test_octahedron_has_a_void():
    D = np.full((6, 6), 1.0, np.float32) - np.eye(6, dtype=np.float32)
    for a in (0, 2, 4):
        D[a, a + 1] = D[a + 1, a] = 2.0
    found = vietoris_rips(D, metric="precomputed", homology_dimensions=(2,))
    assert found[2].tolist() == [[1.0, 2.0]]
    assert found.info["backend"] == "reference"


@pytest.mark.parametrize("dimensions", [(0,), (1,), (1, 0), [0, 0, 1]])
def test_only_the_dimensions_asked_for(backend, dimensions):
    D = gaussian(30, 3)
    found = vietoris_rips(D, metric="precomputed", homology_dimensions=dimensions, backend=backend)
    assert found.dimensions == tuple(sorted(set(dimensions)))
    for k in found.dimensions:
        assert bars_of(found, k) == ripser_bars(D)[k]


@pytest.mark.parametrize("n", [0, 1])
def test_no_points_and_one_point(backend, n):
    found = vietoris_rips(np.zeros((n, 3)), backend=backend)
    assert found[0].tolist() == [[0.0, np.inf]] * n
    assert found[1].shape == (0, 2)
    assert found.info["n_points"] == found.info["n_vertices"] == n


def test_the_square(backend):
    found = vietoris_rips([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], backend=backend)
    assert found[1].tolist() == [[1.0, float(np.float32(np.sqrt(2.0)))]]
    assert found.cycle(1, 0) == [[0, 1, 2, 3]]
