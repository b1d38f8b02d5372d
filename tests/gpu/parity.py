"""What every CUDA engine must do, on a device and in the emulator: the tests of both.

The module of a subclass gives the fixtures ``xp`` (cupy or numpy), ``kernels`` and ``engine``,
which is made of the two; the tests differ in nothing else.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from aura_tda_gpu.errors import MemoryLimitError, UnsupportedError
from aura_tda_gpu.persistence import (
    cuda_bars,
    cuda_device,
    cuda_reduction,
    cuda_stages,
    distances,
)
from aura_tda_gpu.persistence.batch import vietoris_rips_batch
from aura_tda_gpu.persistence.cuda import MAX_VERTICES, CudaEngine
from aura_tda_gpu.persistence.diagram import Diagram
from aura_tda_gpu.persistence.rips import compute_diagram, vietoris_rips
from aura_tda_gpu.persistence.rips_options import check_options
from benchmarks import clouds as shapes
from tests.oracles.clouds import (
    CLOUDS,
    Matrix,
    circle,
    gaussian,
    grid,
    holes,
    integer_holes,
    islands,
    lattice_points,
    small_integers,
    square_without_diagonals,
)
from tests.oracles.homology import Filling, closed_walk_edges
from tests.oracles.peers import bars_of, pairs_of

COUNTS = ("r_enc", "n_edges", "n_rng", "n_births", "n_split", "n_relations")
SHARES = (0.1, 0.35, 0.7, np.inf)
METRICS = ("euclidean", "manhattan", "chebyshev", "cosine")
SMALL = [name for name, make in CLOUDS.items() if len(make()) <= 64]
WITH_LOOPS = {
    "circle": circle(30),
    "gaussian 8-D": gaussian(24, 8),
    "grid": grid(5, 5),
    "lattice": lattice_points(30, 2, 5),
    "small integers": small_integers(28),
    "holes": holes(30, 0.5),
    "integer holes": integer_holes(30, 0.7),
    "islands": islands(14, 12),
    "square": square_without_diagonals(),
}


@cache
def cloud(name: str) -> Matrix:
    D = CLOUDS[name]()
    D.setflags(write=False)
    return D


def two_sides(n: int) -> Matrix:
    """Two sets of n vertices, nearer to each other than within: every edge across is RNG."""
    D = np.triu(np.random.default_rng(n).uniform(2, 3, (2 * n, 2 * n)), 1).astype(np.float32)
    D[:n, n:] -= 1
    return D + D.T


def threshold_at(D: Matrix, share: float) -> float:
    """The length that a share of all finite entries does not exceed."""
    finite = D[np.isfinite(D)]
    return float(np.quantile(finite, share, method="lower")) if share < 1 and finite.size else share


def diagram_by(engine: CudaEngine, D: Matrix, threshold: float = np.inf) -> Diagram:
    options = check_options("precomputed", (0, 1), threshold)
    return compute_diagram(D, options, engine, "tested")


def assert_same(found: Diagram, truth: Diagram, counted: bool = True) -> None:
    for k in (0, 1):
        assert bars_of(found, k) == bars_of(truth, k)
        assert pairs_of(found, k) == pairs_of(truth, k)
    if counted:
        assert {name: found.info[name] for name in COUNTS} == {
            name: truth.info[name] for name in COUNTS
        }


class FilledWith:
    """An array module whose empty arrays hold one byte everywhere."""

    def __init__(self, xp: Any, byte: int) -> None:
        self._xp = xp
        self._byte = byte

    def __getattr__(self, name: str) -> Any:
        return getattr(self._xp, name)

    def empty(self, shape: Any, dtype: Any) -> Any:
        made = self._xp.empty(shape, dtype)
        if made.size:
            made.reshape(-1).view(np.uint8)[...] = self._byte
        return made


class WithoutMemory:
    """An array module that has no room for the second array that is asked for."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp
        self.refusing = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._xp, name)

    def zeros(self, shape: Any, dtype: Any) -> Any:
        if self.refusing:
            raise MemoryError("no room")
        return self._xp.zeros(shape, dtype)


class Parity:
    @pytest.mark.parametrize("name", CLOUDS)
    @pytest.mark.parametrize("share", SHARES)
    def test_bars_pairs_and_counts_are_those_of_the_cpu(self, engine, name, share):
        D = cloud(name)
        threshold = threshold_at(D, share)
        truth = vietoris_rips(
            D, metric="precomputed", max_edge_length=threshold, backend="cpu", threads=1
        )
        assert_same(diagram_by(engine, D, threshold), truth)

    @pytest.mark.parametrize("name", SMALL)
    def test_bars_and_pairs_are_those_of_the_reference(self, engine, name):
        D = cloud(name)
        for share in (0.35, np.inf):
            threshold = threshold_at(D, share)
            truth = vietoris_rips(
                D, metric="precomputed", max_edge_length=threshold, backend="reference"
            )
            assert_same(diagram_by(engine, D, threshold), truth, counted=False)

    @pytest.mark.parametrize("metric", METRICS)
    @pytest.mark.parametrize(
        ("n", "dim"), [(0, 2), (1, 1), (2, 3), (31, 16), (33, 17), (64, 1), (65, 40), (97, 3)]
    )
    def test_distances_have_the_same_bits(self, engine, metric, n, dim):
        points = np.random.default_rng((n, dim)).normal(size=(n, dim)) * 10
        points[n // 2 :] = np.round(points[n // 2 :])
        points = distances.as_points(points + (metric == "cosine") * 0.25, metric)
        found = engine.device.to_host(engine.pairwise(points, metric))
        truth = distances.pairwise(points, metric)
        assert np.array_equal(found.view(np.uint32), truth.view(np.uint32))

    @pytest.mark.parametrize("metric", METRICS[:3])
    @pytest.mark.parametrize("scale", [1e-19, 1e-21, 1e-39])
    def test_distances_that_are_nearly_nothing_have_the_same_bits(self, engine, metric, scale):
        # their squares are subnormal; a compiler that flushes those to zero gives other bars
        points = (scale * np.random.default_rng(8).normal(size=(40, 3))).astype(np.float32)
        found = engine.device.to_host(engine.pairwise(points, metric))
        truth = distances.pairwise(points, metric)
        assert np.array_equal(found.view(np.uint32), truth.view(np.uint32))

    @pytest.mark.parametrize("shape", ["lorenz", "torus", "gaussian 10-D", "noisy circle"])
    def test_points_of_known_shape(self, engine, shape):
        points = shapes.CLOUDS[shape](300, np.random.default_rng(3)).astype(np.float32)
        truth = vietoris_rips(points, backend="cpu", threads=1)
        found = compute_diagram(points, check_options(), engine, "tested")
        assert_same(found, truth)
        assert found.info["backend"] == "cuda"

    @pytest.mark.parametrize("mass", [1e-6, 0.1, 0.5])
    @pytest.mark.parametrize("n", [0, 1, 2, 33, 90])
    def test_weighted_points(self, engine, n, mass):
        points = np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32)
        points[n // 2 :] = np.round(points[n // 2 :])
        for threshold in (np.inf, 1.5):
            options = check_options("dtm", (0, 1), threshold, dtm_mass=mass)
            truth = vietoris_rips(
                points, metric="dtm", dtm_mass=mass, max_edge_length=threshold, backend="cpu"
            )
            assert_same(compute_diagram(points, options, engine, "tested"), truth, n > 1)

    def test_many_clouds_of_weighted_points(self, engine, monkeypatch):
        monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
        monkeypatch.setattr(cuda_device, "check_size", lambda n: None)
        clouds = np.random.default_rng(5).normal(size=(5, 40, 3))
        for threshold in (np.inf, 2.0):
            given = {"metric": "dtm", "dtm_mass": 0.2, "max_edge_length": threshold}
            found = vietoris_rips_batch([*clouds, clouds[0][:7]], backend="cuda", **given)
            assert [d.info["n_together"] for d in found] == [5, 5, 5, 5, 5, 1]
            for mine, points in zip(found, [*clouds, clouds[0][:7]], strict=True):
                assert_same(mine, vietoris_rips(points, backend="cpu", **given))
                assert mine.info["dtm_neighbours"] == -(-len(points) // 5)

    def test_more_vertices_than_a_chunk_of_masks(self, engine):
        order = np.random.default_rng(4).permutation(1100)
        D = circle(1100, 0.02)[np.ix_(order, order)]
        threshold = threshold_at(D, 0.01)
        truth = vietoris_rips(D, metric="precomputed", max_edge_length=threshold, backend="cpu")
        assert truth.info["n_split"] > 5
        assert_same(diagram_by(engine, D, threshold), truth)

    def test_more_births_than_a_warp_has_bits(self, engine):
        D = two_sides(36)
        truth = vietoris_rips(D, metric="precomputed", backend="cpu")
        assert truth.info["n_births"] > 1024
        assert_same(diagram_by(engine, D), truth)

    @pytest.mark.parametrize("name", WITH_LOOPS)
    @pytest.mark.parametrize("share", [0.6, np.inf])
    def test_cycles_live_exactly_as_long_as_their_bars(self, engine, name, share):
        D = WITH_LOOPS[name]
        filling = Filling(D)
        found = diagram_by(engine, D, threshold_at(D, share))
        for i in range(len(found[1])):
            loop = [edge for walk in found.cycle(1, i) for edge in closed_walk_edges(walk)]
            birth = tuple(found.birth_edges[1][i].tolist())
            death = tuple(found.death_edges[1][i].tolist())
            assert max(loop, key=filling.ranks.__getitem__) == birth
            if death != (-1, -1):
                assert not filling.filled(loop, filling.ranks[death] - 1)
                assert filling.filled(loop, filling.ranks[death])

    def test_many_windows_in_one_call(self, engine):
        D = np.stack([circle(40), gaussian(40, 10), lattice_points(40, 2, 5), holes(40, 0.5)])
        for threshold in (np.inf, 1.0):
            together = engine.compute_many(D, dimensions=(0, 1), threshold=threshold)
            for matrix, result in zip(D, together, strict=True):
                alone = diagram_by(engine, matrix, threshold)
                assert_same(Diagram(result), alone)
                for i in range(len(alone[1])):
                    assert Diagram(result).cycle(1, i) == alone.cycle(1, i)

    @pytest.mark.parametrize("dimensions", [(0,), (1,)])
    def test_one_dimension(self, engine, dimensions):
        D = gaussian(30, 3)
        (result,) = engine.compute_many(D[None], dimensions=dimensions, threshold=np.inf)
        assert tuple(result.bars) == dimensions
        assert (result.loop_edges is None) == (dimensions == (0,))
        for k in dimensions:
            assert bars_of(Diagram(result), k) == bars_of(diagram_by(engine, D), k)

    @pytest.mark.parametrize("name", ["gaussian n=65", "small integers", "holes", "all equal"])
    def test_lists_that_are_too_short_grow(self, engine, name, monkeypatch):
        D = cloud(name)
        truth = diagram_by(engine, D)
        monkeypatch.setattr(cuda_stages, "ROOM_PER_VERTEX", 0)
        monkeypatch.setattr(cuda_stages, "FIRST_ROOM", 1)
        monkeypatch.setattr(cuda_bars, "FIRST_LIST", 4)
        assert_same(diagram_by(engine, D), truth)

    @pytest.mark.parametrize("name", ["gaussian n=65", "small integers", "symmetric", "holes"])
    def test_relations_may_come_in_chunks(self, engine, name, monkeypatch):
        D = cloud(name)
        truth = diagram_by(engine, D)
        monkeypatch.setattr(cuda_reduction, "COLUMN_BYTES", 300)
        assert_same(diagram_by(engine, D), truth)

    @pytest.mark.parametrize("name", ["gaussian n=65", "small integers", "symmetric", "holes"])
    def test_long_lists_are_sorted(self, engine, name, monkeypatch):
        D = cloud(name)
        truth = diagram_by(engine, D)
        monkeypatch.setattr(cuda_stages, "MANY_KEYS", 0)
        assert_same(diagram_by(engine, D), truth)

    @pytest.mark.parametrize("byte", [0x00, 0xAB, 0xFF])
    @pytest.mark.parametrize("name", ["gaussian n=65", "integer holes", "lattice"])
    def test_nothing_is_read_that_was_not_written(self, xp, kernels, engine, name, byte):
        D = cloud(name)
        filled = CudaEngine(FilledWith(xp, byte), kernels)
        points = np.random.default_rng(5).normal(size=(40, 5)).astype(np.float32)
        here, there = engine.pairwise(points, "manhattan"), filled.pairwise(points, "manhattan")
        assert np.array_equal(engine.device.to_host(here), filled.device.to_host(there))
        found, truth = diagram_by(filled, D), diagram_by(engine, D)
        assert_same(found, truth)
        assert found.info["column_additions"] == truth.info["column_additions"]
        for i in range(len(truth[1])):
            assert found.cycle(1, i) == truth.cycle(1, i)

    def test_the_matrix_is_left_as_it_was(self, engine):
        D = small_integers(40)
        before = D.copy()
        diagram_by(engine, D)
        assert np.array_equal(D, before)

    def test_what_it_refuses(self, engine):
        with pytest.raises(UnsupportedError, match="dimensions 0 and 1, not"):
            engine.compute_many(gaussian(5, 2)[None], dimensions=(2,), threshold=np.inf)
        many = np.broadcast_to(np.float32(0), (1, MAX_VERTICES + 1, MAX_VERTICES + 1))
        with pytest.raises(UnsupportedError, match=f"at most {MAX_VERTICES} vertices"):
            engine.compute_many(many, dimensions=(0,), threshold=np.inf)
        assert engine.has_window_state(MAX_VERTICES)
        assert not engine.has_window_state(MAX_VERTICES + 1)

    def test_no_memory_on_the_device_is_told_and_survived(self, xp, kernels):
        short = WithoutMemory(xp)
        engine = CudaEngine(short, kernels)
        D = gaussian(30, 3)
        truth = diagram_by(engine, D)
        short.refusing = True
        with pytest.raises(
            MemoryLimitError, match=r"of 30 vertices need about .* bytes on the GPU"
        ):
            engine.compute_many(D[None], dimensions=(0, 1), threshold=np.inf)
        short.refusing = False
        assert_same(diagram_by(engine, D), truth)
