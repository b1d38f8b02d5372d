"""RipsWindow: slots, ids, refusals, and the diagram of what is inside."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

from aura_tda_gpu.errors import (
    BackendUnavailable,
    ConfigError,
    InvalidInputError,
    MemoryLimitError,
    UnsupportedError,
)
from aura_tda_gpu.persistence import backends
from aura_tda_gpu.persistence.rips import vietoris_rips
from aura_tda_gpu.persistence.vineyard_updates import RipsWindow
from tests.oracles.peers import bars_of, pairs_of
from tests.persistence.window_checks import assert_right


def floats(*rows):
    return np.array(rows, np.float32).reshape(len(rows), -1)


def test_slots_and_ids():
    window = RipsWindow(4, 1)
    assert window.insert(floats(10, 11, 12)).tolist() == [0, 1, 2]
    window.remove([0, 2])
    assert len(window) == 1
    assert window.insert(floats(13)).tolist() == [3]
    assert window.ids.tolist() == [3, 1]
    assert window.replace([1], floats(14, 15)).tolist() == [4, 5]
    assert window.ids.tolist() == [3, 4, 5]
    assert window.points.tolist() == [[13], [14], [15]]
    assert window.ids.dtype == np.int64
    assert window.points.dtype == np.float32
    assert repr(window) == "RipsWindow(3 of 4 points, dim=1)"


def test_replace_may_shrink_or_do_nothing():
    window = RipsWindow(3, 2)
    ids = window.insert(floats((0, 0), (1, 0), (0, 1)))
    kept = window.diagram()
    assert window.replace([], np.zeros((0, 2), np.float32)).tolist() == []
    assert window.diagram()[0] is kept[0]
    assert window.replace(ids[:2], floats((5, 5))).tolist() == [3]
    assert window.ids.tolist() == [3, 2]
    assert window.diagram()[0] is not kept[0]
    window.remove(window.ids)
    assert len(window) == 0
    assert window.diagram()[0].shape == (0, 2)


def test_the_caller_keeps_his_arrays():
    window = RipsWindow(2, 1)
    points = floats(1, 2)
    window.insert(points)
    points[:] = 7
    window.points[:] = 8
    window.ids[:] = 9
    assert window.points.tolist() == [[1], [2]]
    assert window.ids.tolist() == [0, 1]


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev", "cosine"])
def test_the_diagram_is_that_of_the_points(backend, metric, rng):
    points = rng.normal(size=(52, 3)).astype(np.float32)
    window = RipsWindow(40, 3, metric, backend=backend, max_edge_length=1.5)
    ids = window.insert(points[:40])
    window.replace(ids[::3], points[40:])
    found = window.diagram()
    batch = vietoris_rips(points[window.ids], metric=metric, backend=backend, max_edge_length=1.5)
    assert len(found[1]) > 0
    for k in (0, 1):
        assert pairs_of(found, k) == pairs_of(batch, k)
        assert bars_of(found, k) == bars_of(batch, k)
    assert found.info["path"] == "rebuild"
    assert found.info["backend"] == backend
    assert found.info["n_vertices"] == len(window) == 38


def test_cosine_rows_have_length_one(rng):
    points = rng.normal(size=(20, 3)) * 50
    window = RipsWindow(20, 3, "cosine")
    window.insert(points)
    assert window.origin is None
    assert np.allclose(np.linalg.norm(window.points, axis=1), 1, atol=1e-6)
    batch = vietoris_rips(points, metric="cosine")
    assert bars_of(window.diagram(), 1) == bars_of(batch, 1)


def test_float32_is_stored_as_it_is():
    window = RipsWindow(3, 1)
    window.insert(floats(1000.5))
    window.insert([[1001.5]])
    assert window.points.tolist() == [[1000.5], [1001.5]]
    assert window.origin.tolist() == [0.0]


def test_the_first_wide_point_is_the_origin():
    window = RipsWindow(4, 2)
    window.insert(np.zeros((0, 2)))
    assert window.origin is None
    window.insert(np.array([[1e9, 5.0], [1e9 + 0.25, 5.0]]))
    window.insert([[10**9 + 1, 6]])
    window.insert(floats((0, 6)))
    assert window.origin.tolist() == [1e9, 5.0]
    assert window.points.tolist() == [[0, 0], [0.25, 0], [1, 1], [-1e9, 1]]
    window.remove(window.ids)
    window.insert([[1e9 + 3, 5.0]])
    assert window.points.tolist() == [[3, 0]]


class Sparse:
    """As torch's sparse tensors do."""

    def __array__(self, *_, **__):
        raise TypeError("none of that")


BAD_POINTS = {
    "nan": ([[0.0, math.nan]], "row 0", 0),
    "wrong dimension": ([[0.0, 1.0, 2.0]], "3 coordinates, the window has 2", 0),
    "one axis": ([0.0, 1.0], r"points must be .* point\[None, :\]", None),
    "text": ([["a", "b"]], "row 0", 0),
    "too large": (floats((0, 0), (1e19, 0)), "row 1", 1),
    "too many": (np.zeros((4, 2), np.float32), "4 points do not fit: 3 of 5 slots", 3),
}
BAD_IDS = {
    "unknown": ([1, 7], "id 7 is not in the window", 1),
    "removed": ([0], "id 0 is not in the window", 0),
    "negative": ([-1], "id -1 is not in the window", 0),
    "twice": ([1, 2, 1], "id 1 is named twice", 2),
    "floats": ([1.0], "list of integers", None),
    "bools": ([True], "list of integers", None),
    "a number": (1, "list of integers", None),
    "ragged": ([[1], [1, 2]], "list of integers", None),
    "nothing": (None, "list of integers", None),
    "masked": (np.ma.masked_array([2, 1], [False, True]), "row 1 is masked", 1),
    "not an array": (Sparse(), "list of integers: none of that", None),
}


@pytest.fixture(params=["auto", "always", "never"])
def window(request):
    """Points 1 and 2 in slots 1 and 0 of five."""
    window = RipsWindow(5, 2, updates=request.param)
    window.insert(floats((0, 0), (1, 0)))
    window.diagram()
    window.replace([0], floats((2, 2)))
    return window


def assert_goes_on(window):
    """The diagram is right, and so is the next one."""
    assert_right(window)
    assert window.replace([1], floats((5, 5))).tolist() == [3]
    assert_right(window)


@pytest.mark.parametrize(("points", "message", "row"), BAD_POINTS.values(), ids=BAD_POINTS)
def test_a_refused_insert_changes_nothing(window, points, message, row):
    diagram, before = window.diagram(), window.snapshot()
    with pytest.raises(InvalidInputError, match=message) as caught:
        window.insert(points)
    assert caught.value.row == row
    assert window.snapshot() == before
    assert window.diagram()[0] is diagram[0]
    assert_goes_on(window)


@pytest.mark.parametrize(("ids", "message", "row"), BAD_IDS.values(), ids=BAD_IDS)
@pytest.mark.parametrize("call", ["remove", "replace"])
def test_a_refused_removal_changes_nothing(window, call, ids, message, row):
    diagram, before = window.diagram(), window.snapshot()
    arguments = (ids,) if call == "remove" else (ids, floats((3, 3)))
    with pytest.raises(InvalidInputError, match=message) as caught:
        getattr(window, call)(*arguments)
    assert caught.value.row == row
    assert window.snapshot() == before
    assert window.diagram()[0] is diagram[0]
    assert_goes_on(window)


@pytest.mark.parametrize("points", [BAD_POINTS[name][0] for name in BAD_POINTS], ids=BAD_POINTS)
def test_a_refused_replacement_before_a_diagram_changes_nothing(window, points):
    before = window.snapshot()
    with pytest.raises(InvalidInputError):
        window.replace([1, 2, 9], points)
    with pytest.raises(InvalidInputError):
        window.replace([], points)
    assert window.snapshot() == before
    assert_goes_on(window)


def test_a_refused_replacement_takes_nothing_out(window):
    before = window.snapshot()
    with pytest.raises(InvalidInputError, match="row 0"):
        window.replace([1, 2], [[math.inf, 0.0]])
    with pytest.raises(InvalidInputError, match="6 points do not fit: 5 of 5"):
        window.replace([1, 2], np.zeros((6, 2), np.float32))
    assert window.snapshot() == before
    window.replace([1, 2], np.zeros((5, 2), np.float32))
    assert len(window) == 5
    assert_right(window)


def test_a_refused_first_insert_fixes_no_origin():
    window = RipsWindow(2, 1)
    with pytest.raises(InvalidInputError):
        window.insert([[5.0], [6.0], [7.0]])
    assert window.origin is None
    with pytest.raises(InvalidInputError):
        window.insert([[5.0], [1e300]])
    assert window.origin is None


def test_a_zero_vector_is_refused_under_cosine():
    window = RipsWindow(3, 2, "cosine")
    with pytest.raises(InvalidInputError, match="row 1 is the zero vector"):
        window.insert([[1.0, 0.0], [0.0, 0.0]])
    assert len(window) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"capacity": 0}, "capacity.*0"),
        ({"capacity": 2.0}, "capacity.*2.0"),
        ({"capacity": True}, "capacity.*True"),
        ({"dim": -1}, "dim.*-1"),
        ({"dim": "2"}, "dim.*'2'"),
        ({"metric": "precomputed"}, "unknown metric 'precomputed'"),
        ({"metric": "angle"}, "unknown metric 'angle'"),
        ({"backend": "gpu"}, "unknown backend 'gpu'"),
        ({"homology_dimensions": 1}, "homology_dimensions"),
        ({"max_edge_length": -1}, "max_edge_length"),
        ({"threads": 0}, "threads"),
        ({"updates": "sometimes"}, "updates.*'sometimes'"),
        ({"updates": None}, "updates.*None"),
        ({"updates": True}, "updates.*True"),
        ({"updates": ["auto"]}, r"updates.*\['auto'\]"),
        ({"updates": np.array(["auto", "never"])}, "updates"),
    ],
)
def test_bad_settings_are_named(arguments, message):
    with pytest.raises(ConfigError, match=message):
        RipsWindow(**{"capacity": 3, "dim": 2, **arguments})


def test_a_window_that_no_engine_serves_is_not_made(monkeypatch):
    with pytest.raises(BackendUnavailable, match="cuda"):
        RipsWindow(3, 2, backend="cuda")
    with pytest.raises(UnsupportedError, match="65 points"):
        RipsWindow(65, 2, homology_dimensions=(2,))
    with pytest.raises(UnsupportedError, match="not 65"):
        RipsWindow(65, 2, backend="reference")
    with pytest.raises(UnsupportedError, match="65534"):
        RipsWindow(100_000, 2)
    monkeypatch.setattr(backends, "available_memory", lambda: 1000)
    with pytest.raises(MemoryLimitError, match="1000 bytes are available"):
        RipsWindow(100, 2)


def test_two_diagrams_of_one_state_share_no_information():
    window = RipsWindow(4, 2)
    window.insert(np.eye(2, dtype=np.float32))
    first = window.diagram()
    first.error_bound = 7.0
    first.info["backend"] = "mine"
    assert window.diagram().error_bound == 0.0
    assert window.diagram().info["backend"] == "cpu"


@pytest.mark.parametrize("dim", [10**13, 10**30])
def test_a_window_that_does_not_fit_is_refused(dim):
    with pytest.raises(MemoryLimitError, match="do not fit"):
        RipsWindow(16, dim)


@pytest.mark.parametrize("call", ["insert", "replace"])
@pytest.mark.parametrize("bad", [[[0.0, np.nan]], [[]], "rows", [["a", "b"]]])
def test_what_is_wrong_with_points_is_said_of_points(call, bad):
    window = RipsWindow(capacity=4, dim=2)
    with pytest.raises(InvalidInputError, match=r"^points "):
        window.insert(bad) if call == "insert" else window.replace([], bad)


def test_the_origin_is_no_handle_on_the_window():
    window = RipsWindow(4, 2)
    window.insert([[1e9, 5.0]])
    for held in (window, RipsWindow.restore(window.snapshot())):
        with pytest.raises(ValueError, match="read-only"):
            held.origin[:] = 0


def test_a_diagram_is_no_handle_on_the_window():
    window = RipsWindow(4, 2)
    window.insert(np.eye(2, dtype=np.float32))
    first = window.diagram()
    for held in (first.birth_edges, first.death_edges, first.truncated):
        held.clear()
    assert_right(window)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda window: pickle.loads(pickle.dumps(window))]
)
def test_a_copy_goes_its_own_way(copied, rng):
    window = RipsWindow(30, 2, threads=1, updates="always")
    window.insert(rng.normal(size=(30, 2)))
    window.diagram()
    window.replace([0], [[0.5, 0.5]])
    other = copied(window)
    assert other.snapshot() == window.snapshot()
    assert other._options == window._options
    for each in (window, other, window):
        each.replace(each.ids[:2], rng.normal(size=(2, 2)))
        assert_right(each)
