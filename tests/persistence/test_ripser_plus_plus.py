"""Ripser++ as an engine and as a peer: a package with its interface, behind it ripser.py."""

from __future__ import annotations

import ctypes
import sys
from types import ModuleType

import numpy as np
import pytest

from aura_tda_gpu import MultiScaleStream, RipsWindow, vietoris_rips, vietoris_rips_batch
from aura_tda_gpu.errors import (
    BackendUnavailable,
    ConfigError,
    NotComputedError,
    UnsupportedError,
)
from aura_tda_gpu.persistence import backends, cuda_device, ripser_plus_plus
from benchmarks import peers
from tests.oracles.clouds import CLOUDS, gaussian
from tests.oracles.peers import bars_of

ripser = pytest.importorskip("ripser").ripser
NAMED = {"backend": "ripser++"}
SMALL = [name for name, make in CLOUDS.items() if len(make()) <= 64]


class Pair(ctypes.Structure):
    _fields_ = (("birth", ctypes.c_float), ("death", ctypes.c_float))


class Package(ModuleType):
    """``ripserplusplus.run``: a dictionary of records without infinite and empty bars."""

    def __init__(self) -> None:
        super().__init__("ripserplusplus")
        self.asked: list[str] = []

    def run(self, arguments, data=None):
        self.asked.append(arguments)
        if not np.allclose(data, data.T):
            raise Exception("Entered user matrix needs to be symmetric\n    How to use Ripser++")
        found = ripser(data, maxdim=1, distance_matrix=True)["dgms"]
        return {k: self.collected(found[k].astype(np.float32)) for k in (0, 1)}

    @staticmethod
    def collected(bars):
        bars = bars[np.isfinite(bars[:, 1]) & (bars[:, 1] > bars[:, 0])]
        pairs = (Pair * len(bars))(*map(tuple, bars.tolist()))
        return np.array([np.array(pair) for pair in pairs])


@pytest.fixture
def package(monkeypatch):
    made = Package()
    monkeypatch.setitem(sys.modules, "ripserplusplus", made)
    monkeypatch.setattr(ripser_plus_plus, "why_not", lambda: None)
    backends._ripser_plus_plus.cache_clear()
    yield made
    backends._ripser_plus_plus.cache_clear()


def same(D, threshold=np.inf, dimensions=(0, 1)):
    """Assert that all that Ripser++ can tell is as the CPU engine tells it."""
    settings = {
        **{"metric": "precomputed", "max_edge_length": threshold},
        "homology_dimensions": dimensions,
    }
    found = vietoris_rips(D, backend="ripser++", **settings)
    truth = vietoris_rips(D, backend="cpu", **settings)
    assert found.dimensions == truth.dimensions
    for k in dimensions:
        assert bars_of(found, k) == bars_of(truth, k)
        assert sorted(zip(found[k].tolist(), found.truncated[k], strict=True)) == sorted(
            zip(truth[k].tolist(), truth.truncated[k], strict=True)
        )
        assert (found.birth_edges[k] == -1).all()
        assert (found.death_edges[k] == -1).all()
    assert found.info["r_enc"] == truth.info["r_enc"]
    return found


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("share", [0.35, 0.7, 1.0])
def test_bars_are_those_of_the_cpu_infinite_ones_included(package, name, share):
    D = CLOUDS[name]()
    finite = D[np.isfinite(D)]
    threshold = float(np.quantile(finite, share, method="lower")) if finite.size else np.inf
    same(D, threshold)
    same(D)


@pytest.mark.parametrize("dimensions", [(0,), (1,)])
def test_one_dimension(package, dimensions):
    same(gaussian(20, 3), dimensions=dimensions)
    same(np.zeros((0, 0), np.float32), dimensions=dimensions)


def test_points_and_many_clouds(package):
    points = np.random.default_rng(0).normal(size=(3, 20, 2)).astype(np.float32)
    together = vietoris_rips_batch(points, backend="ripser++")
    for cloud, diagram in zip(points, together, strict=True):
        truth = vietoris_rips(cloud, backend="cpu")
        assert [bars_of(diagram, k) for k in (0, 1)] == [bars_of(truth, k) for k in (0, 1)]
    assert package.asked == ["--format distance --dim 1"] * 3


def test_what_was_restored_is_said(package):
    square = np.array([[0, 1, 9, 1], [1, 0, 1, 9], [9, 1, 0, 1], [1, 9, 1, 0]], np.float32)
    square[square == 9] = np.inf
    found = same(square)
    assert found[1].tolist() == [[1.0, np.inf]]
    assert found.info["infinite_bars"] == (
        "Ripser++ leaves infinite bars out; 1 of H0 and 1 of H1 were restored"
    )
    assert found.info["backend"] == "ripser++"
    assert found.info["edges"].startswith("backend 'ripser++' names no edges and no loops")


def test_there_are_no_loops(package):
    found = vietoris_rips([[0, 0], [0, 1], [1, 0], [1, 1]], **NAMED)
    assert len(found[1])
    assert found.nbytes > 0
    with pytest.raises(NotComputedError, match=r"'ripser\+\+' names no edges and no loops"):
        found.cycle(1, 0)


def test_windows_and_streams_refuse_it(package):
    with pytest.raises(UnsupportedError, match=r"'ripser\+\+' computes single diagrams"):
        RipsWindow(4, 2, backend="ripser++")
    stream = MultiScaleStream([100], backend="ripser++")
    with pytest.raises(UnsupportedError, match=r"'ripser\+\+' computes single diagrams"):
        stream.push([[0.0, 0.0]], [0.0])
    with pytest.raises(UnsupportedError, match="single diagrams"):
        ripser_plus_plus.RipserPlusPlusEngine().window_state(
            4, 2, "euclidean", threshold=np.inf, threads=1
        )


def test_what_it_does_not_compute(package):
    with pytest.raises(UnsupportedError, match=r"'ripser\+\+' takes dimensions 0 and 1"):
        vietoris_rips(gaussian(5, 2), metric="precomputed", homology_dimensions=(2,), **NAMED)
    D = np.full((3, 3), np.finfo(np.float32).max, np.float32)
    np.fill_diagonal(D, 0)
    D[0, 1] = D[1, 0] = np.inf
    with pytest.raises(UnsupportedError, match="beside the largest float32"):
        vietoris_rips(D, metric="precomputed", **NAMED)


def test_where_it_fails_the_error_says_so(package, monkeypatch):
    def fail(arguments, data):
        raise Exception("\nUser Matrix was not created\n    How to use Ripser++")

    monkeypatch.setattr(package, "run", fail)
    with pytest.raises(BackendUnavailable, match="failed on 2 vertices: User Matrix was not cre"):
        vietoris_rips([[0.0], [1.0]], **NAMED)
    monkeypatch.setattr(package, "run", lambda arguments, data: None)
    with pytest.raises(BackendUnavailable, match="returned no bars of 2 vertices"):
        vietoris_rips([[0.0], [1.0]], **NAMED)


def test_where_it_is_not_installed_or_has_no_device(monkeypatch):
    backends._ripser_plus_plus.cache_clear()
    monkeypatch.setattr(ripser_plus_plus.util, "find_spec", lambda name: None)
    message = r"'ripser\+\+': Ripser\+\+ is not installed: pip install ripserplusplus, which needs"
    with pytest.raises(BackendUnavailable, match=message):
        vietoris_rips([[0.0], [1.0]], **NAMED)
    monkeypatch.setattr(ripser_plus_plus.util, "find_spec", lambda name: object())
    monkeypatch.setattr(cuda_device, "no_device", lambda: "the NVIDIA driver knows no device")
    with pytest.raises(BackendUnavailable, match="'ripser\\+\\+': the NVIDIA driver knows no dev"):
        vietoris_rips([[0.0], [1.0]], **NAMED)
    assert backends.probe()["backends"]["ripser++"] == "the NVIDIA driver knows no device"


def test_a_package_that_does_not_load(monkeypatch):
    backends._ripser_plus_plus.cache_clear()
    monkeypatch.setattr(ripser_plus_plus, "why_not", lambda: None)
    monkeypatch.setitem(sys.modules, "ripserplusplus", None)
    with pytest.raises(BackendUnavailable, match="does not load: import of ripserplusplus halted"):
        vietoris_rips([[0.0], [1.0]], **NAMED)


def test_the_name_is_known():
    assert backends.check_backend("ripser++") == "ripser++"
    with pytest.raises(ConfigError, match=r"choose one of .*reference, ripser\+\+"):
        backends.check_backend("ripser")


class TestPeer:
    """The adapter of the benchmarks."""

    @pytest.mark.parametrize("name", ["gaussian n=65", "integer holes"])
    def test_bars_by_the_package(self, package, name):
        D = CLOUDS[name]()
        truth = vietoris_rips(D, metric="precomputed", backend="cpu")
        found = peers.ripser_plus_plus.bars(D, "package")
        for k in (0, 1):
            assert sorted(map(tuple, found[k].tolist())) == bars_of(truth, k)

    def test_bars_by_the_library(self, monkeypatch):
        D = gaussian(12, 3)
        below = D[np.tril_indices(12, -1)]
        sets = (peers.ripser_plus_plus._Set * 2)()
        arrays = [np.array([[0, 0.5], [0, 0.25]], np.float32), np.empty((0, 2), np.float32)]
        for k, array in enumerate(arrays):
            sets[k].n_bars = len(array)
            sets[k].bars = array.ctypes.data_as(ctypes.POINTER(ctypes.c_float))

        class Library:
            def run_main(self, n_arguments, arguments, pointer, n_entries, n_rows, n_columns):
                assert list(arguments) == [b"--format", b"lower-distance", b"--dim", b"1"]
                assert np.array_equal(np.ctypeslib.as_array(pointer, (n_entries,)), below)
                assert (n_arguments, n_rows, n_columns) == (4, 12, 12)
                return peers.ripser_plus_plus._Result(2, sets)

        monkeypatch.setattr(peers.ripser_plus_plus, "_library", Library)
        found = peers.ripser_plus_plus.bars(D)
        assert found[0].tolist() == [[0, 0.5], [0, 0.25], [0, np.inf]]
        assert found[1].shape == (0, 2)
