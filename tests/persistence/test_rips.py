"""Settings of vietoris_rips: what is refused, and what the answer says about itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aura_tda_gpu.errors import (
    AuraTDAError,
    BackendUnavailable,
    ConfigError,
    InvalidInputError,
    MemoryLimitError,
    UnsupportedError,
)
from aura_tda_gpu.persistence import backends, cuda_device
from aura_tda_gpu.persistence.cpu import CpuEngine
from aura_tda_gpu.persistence.distances import as_points
from aura_tda_gpu.persistence.reference import MAX_SIMPLICES, ReferenceEngine
from aura_tda_gpu.persistence.rips import vietoris_rips
from aura_tda_gpu.persistence.rips_options import check_options
from tests.oracles.clouds import constant, gaussian
from tests.oracles.peers import bars_of, pairs_of

SQUARE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
BAD_SETTINGS = {
    "metric": ({"metric": "cityblock"}, "'cityblock'; .*euclidean.*precomputed"),
    "metric number": ({"metric": 2}, "unknown metric 2"),
    "backend": ({"backend": "gpu"}, "'gpu'; choose one of auto, cpu, cuda, reference"),
    "backend none": ({"backend": None}, "unknown backend None"),
    "no dimensions": ({"homology_dimensions": ()}, "homology_dimensions"),
    "one dimension": ({"homology_dimensions": 1}, r"such as \(0, 1\), not 1"),
    "text dimensions": ({"homology_dimensions": "01"}, "homology_dimensions"),
    "negative dimension": ({"homology_dimensions": (0, -1)}, "not -1"),
    "float dimension": ({"homology_dimensions": (0, 1.0)}, "not 1.0"),
    "bool dimension": ({"homology_dimensions": (True,)}, "not True"),
    "negative edge": ({"max_edge_length": -1.0}, "max_edge_length.*-1.0"),
    "nan edge": ({"max_edge_length": math.nan}, "max_edge_length.*nan"),
    "text edge": ({"max_edge_length": "1"}, "max_edge_length.*'1'"),
    "bool edge": ({"max_edge_length": True}, "max_edge_length.*True"),
    "no edge": ({"max_edge_length": None}, "max_edge_length.*None"),
    "no threads": ({"threads": 0}, "threads.*0"),
    "half a thread": ({"threads": 1.5}, "threads.*1.5"),
    "text threads": ({"threads": "2"}, "threads.*'2'"),
}


@pytest.mark.parametrize(("settings", "message"), BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        vietoris_rips(SQUARE, **settings)
    # settings are looked at before the points
    with pytest.raises(ConfigError, match=message):
        vietoris_rips("no points", **settings)


def test_settings_are_put_in_order():
    options = check_options(homology_dimensions=np.array([1, 0, 1]), max_edge_length=np.float32(2))
    assert options.homology_dimensions == (0, 1)
    assert options.max_edge_length == 2.0
    assert options.threads == backends.usable_cores()


def test_bad_points_reach_the_caller():
    with pytest.raises(InvalidInputError, match="row 1") as caught:
        vietoris_rips([[0.0], [math.nan]])
    assert caught.value.row == 1
    assert isinstance(caught.value, AuraTDAError)
    assert isinstance(caught.value, ValueError)
    with pytest.raises(InvalidInputError, match=r"D\[0, 1\]"):
        vietoris_rips([[0.0, 1.0], [2.0, 0.0]], metric="precomputed")


def test_cuda_without_a_driver_says_so(monkeypatch):
    monkeypatch.setattr(cuda_device, "load_driver", lambda: None)
    with pytest.raises(BackendUnavailable, match="'cuda': no NVIDIA driver was found"):
        vietoris_rips(SQUARE, backend="cuda")


def test_dimension_two_is_for_small_clouds():
    D = constant(65)
    for backend in ("auto", "cpu"):
        with pytest.raises(UnsupportedError, match=r"dimension 2 of 65 points.*at most 64"):
            vietoris_rips(D, metric="precomputed", homology_dimensions=(0, 2), backend=backend)
    with pytest.raises(UnsupportedError, match="dimension 2 of 4 points on backend 'cpu'"):
        vietoris_rips(SQUARE, homology_dimensions=(2,), backend="cpu")
    with pytest.raises(UnsupportedError, match="'reference' takes at most 64 points, not 65"):
        vietoris_rips(D, metric="precomputed", backend="reference")
    with pytest.raises(UnsupportedError, match="at most 64"):
        ReferenceEngine().compute(D, dimensions=(0,), threshold=np.inf, threads=1)
    with pytest.raises(UnsupportedError, match="dimensions 0 and 1"):
        CpuEngine().compute(D, dimensions=(2,), threshold=np.inf, threads=1)


def test_too_many_simplices_is_a_number():
    with pytest.raises(UnsupportedError, match=f"{MAX_SIMPLICES} simplices; 64 points.*dimension"):
        vietoris_rips(gaussian(64, 20), metric="precomputed", homology_dimensions=(5,))


def test_dimensions_beyond_the_points_are_empty():
    found = vietoris_rips(SQUARE, homology_dimensions=(0, 7))
    assert found[7].shape == (0, 2)
    assert len(found[0]) == 4


def test_more_points_than_ids():
    with pytest.raises(UnsupportedError, match=r"at most 65534 vertices.*65535.*landmarks"):
        vietoris_rips(np.zeros((65_535, 1), np.float32))


def test_memory_is_asked_for_before_it_is_taken(monkeypatch):
    monkeypatch.setattr(backends, "usable_cores", lambda: 8)
    monkeypatch.setattr(backends, "available_memory", lambda: 11_000_000 - 1)
    monkeypatch.setattr(CpuEngine, "pairwise", lambda *_: pytest.fail("distances were computed"))
    points = np.zeros((1000, 2), np.float32)
    with pytest.raises(MemoryLimitError, match="11000000 bytes, 10999999 bytes are available"):
        vietoris_rips(points)
    assert backends.required_memory(1000) == 11_000_000
    monkeypatch.undo()
    monkeypatch.setattr(backends, "available_memory", lambda: None)
    assert len(vietoris_rips(points)[0]) == 1


def test_memory_of_this_machine():
    available = backends.available_memory()
    assert available is None or 1 << 20 < available < 1 << 50


def test_the_answer_tells_how_it_was_found(backend):
    found = vietoris_rips(np.array(SQUARE), backend=backend, max_edge_length=2.0)
    info = found.info
    assert info["backend"] == backend
    assert info["backend_reason"] == "asked for"
    assert info["path"] == "rebuild"
    assert info["n_points"] == info["n_vertices"] == 4
    assert info["r_enc"] == float(np.float32(np.sqrt(2)))
    assert info["metric"] == "euclidean"
    assert info["max_edge_length"] == 2.0
    assert info["seconds"]["distance"] >= 0
    assert len(info["seconds"]) > 1
    assert found.error_bound == 0.0


def test_auto_says_why():
    found = vietoris_rips(SQUARE)
    assert found.info["backend"] == "cpu"
    assert found.info["backend_reason"] == backends.probe()["reason"]
    deeper = vietoris_rips(SQUARE, homology_dimensions=(0, 2))
    assert deeper.info["backend"] == "reference"
    assert "dimension 2" in deeper.info["backend_reason"]


def test_probe_is_complete():
    found = backends.probe()
    assert found["auto"] == "cpu"
    assert found["cores"] >= 1
    assert isinstance(found["cuda"], bool)
    assert found["python"].startswith("3.")
    assert found["numba"]
    assert set(found["backends"]) == set(backends.BATCH_BACKENDS) - {"auto"}


@pytest.mark.parametrize("driver", [False, True])
def test_auto_knows_of_a_driver_it_cannot_use(monkeypatch, driver):
    monkeypatch.setattr(backends, "_has_nvidia_driver", lambda: driver)
    _, reason = backends.resolve("auto", 10, (0, 1))
    assert ("an NVIDIA driver is installed" in reason) == driver
    assert backends.probe()["cuda"] == driver


def test_a_threshold_is_rounded_as_the_distances_are(backend):
    # float32(0.1) is larger than 0.1
    found = vietoris_rips([[0.0], [0.1]], max_edge_length=0.1, backend=backend)
    assert np.isfinite(found[0][:, 1]).sum() == 1
    beyond = vietoris_rips([[0.0], [0.1]], max_edge_length=1e39, backend=backend)
    assert beyond.info["max_edge_length"] == math.inf


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev", "cosine"])
def test_metrics_are_the_engine_on_their_matrix(metric, rng):
    points = rng.normal(size=(30, 3))
    engine, _ = backends.resolve("cpu", 30, (0, 1))
    D = engine.pairwise(as_points(points, metric), metric)
    for backend in ("cpu", "reference"):
        here = vietoris_rips(points, metric=metric, backend=backend)
        there = vietoris_rips(D, metric="precomputed", backend=backend)
        for k in (0, 1):
            assert bars_of(here, k) == bars_of(there, k)
            assert pairs_of(here, k) == pairs_of(there, k)


def test_the_matrix_is_not_modified(backend):
    D = gaussian(40, 3)
    before = D.copy()
    D.setflags(write=False)
    vietoris_rips(D, metric="precomputed", backend=backend)
    assert np.array_equal(D, before)


def test_the_diagram_does_not_follow_the_matrix(backend):
    D = gaussian(40, 3)
    found = vietoris_rips(D, metric="precomputed", backend=backend)
    again = vietoris_rips(D.copy(), metric="precomputed", backend=backend)
    D[...] = 0
    for i in range(len(found[1])):
        assert found.cycle(1, i) == again.cycle(1, i)


def test_rows_go_by_decreasing_persistence(backend):
    found = vietoris_rips(gaussian(60, 2), metric="precomputed", backend=backend)
    for k in (0, 1):
        lengths = found[k][:, 1] - found[k][:, 0]
        assert (lengths[:-1] >= lengths[1:]).all()
        assert found[k].dtype == np.float32


def test_a_threshold_of_minus_zero_is_zero(backend):
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    d = vietoris_rips(square, max_edge_length=-0.0, backend=backend)
    assert d[0].tolist() == [[0, np.inf]] * 4
    assert d[1].shape == (0, 2)


@pytest.mark.parametrize("dimension", [64, 10**8])
def test_a_dimension_no_cloud_has_is_refused(dimension):
    with pytest.raises(ConfigError, match="from 0 to 63"):
        vietoris_rips(np.zeros((2, 1)), homology_dimensions=(dimension,))


def test_a_threshold_beyond_every_float_is_refused():
    with pytest.raises(ConfigError, match="max_edge_length"):
        vietoris_rips(np.zeros((2, 1)), max_edge_length=10**400)


def test_an_engine_out_of_memory_is_one_typed_error(monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr("aura_tda_gpu.persistence.cpu.CpuEngine.compute", fail)
    with pytest.raises(MemoryLimitError, match="4 vertices"):
        vietoris_rips(np.zeros((4, 2)), backend="cpu")


def test_a_diagram_cannot_be_written_into(backend):
    d = vietoris_rips(np.eye(3), backend=backend)
    for held in (d[0], d.truncated[0], d.birth_edges[0], d.death_edges[0]):
        assert not held.flags.writeable
