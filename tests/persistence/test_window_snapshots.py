"""A window that is written and read back goes on as if nothing had been."""

from __future__ import annotations

import numpy as np
import pytest

from aura_tda_gpu.errors import AuraTDAError, BackendUnavailable, SnapshotError
from aura_tda_gpu.persistence.snapshots import pack
from aura_tda_gpu.persistence.vineyard_updates import RipsWindow
from tests.oracles.peers import bars_of, pairs_of
from tests.persistence.window_checks import assert_right, changing, cloud

OPTIONS = [
    {},
    {"metric": "cosine"},
    {"metric": "chebyshev", "max_edge_length": 1.25, "updates": "always"},
    {"homology_dimensions": (1,), "updates": "never"},
    {"homology_dimensions": (0,), "backend": "cpu"},
]


def filled(rng, capacity=20, **options):
    """A window with free slots, two diagrams asked for, and a change since."""
    window = RipsWindow(capacity, 3, **options)
    window.insert(cloud(rng, capacity - 2, 3).astype(float))
    for _ in range(2):
        window.diagram()
        changing(window, rng)
        window.remove(window.ids[:1])
    return window


def same(one, other):
    assert one.ids.tolist() == other.ids.tolist()
    assert one.points.tolist() == other.points.tolist()
    assert (one.origin is None) == (other.origin is None)
    if one.origin is not None:
        assert one.origin.tolist() == other.origin.tolist()
    assert (one.capacity, one.dim, one.metric) == (other.capacity, other.dim, other.metric)
    here, there = one.diagram(), other.diagram()
    assert here.dimensions == there.dimensions
    for k in here.dimensions:
        assert bars_of(here, k) == bars_of(there, k)
        assert pairs_of(here, k) == pairs_of(there, k)


def same_changes(one, other):
    here, there = one.changes(), other.changes()
    for name in ("continued", "born", "died", "before_edges", "after_edges", "before", "after"):
        mine, theirs = getattr(here, name), getattr(there, name)
        assert mine.keys() == theirs.keys()
        for k in mine:
            assert np.array_equal(mine[k], theirs[k])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("asked", [False, True], ids=["before a diagram", "after a diagram"])
def test_a_window_comes_back(rng, options, asked):
    window = filled(rng, **options)
    if asked:
        window.diagram()
    data = window.snapshot()
    restored = RipsWindow.restore(data)
    assert restored.snapshot() == data
    assert repr(restored) == repr(window)
    for _ in range(3):
        same(window, restored)
        same_changes(window, restored)
        restored.verify()
        seed = int(rng.integers(1 << 30))
        changing(window, np.random.default_rng(seed))
        changing(restored, np.random.default_rng(seed))


def test_ids_never_come_back(rng):
    window = RipsWindow(5, 2)
    window.insert(cloud(rng, 5, 2))
    window.remove(window.ids)
    restored = RipsWindow.restore(window.snapshot())
    assert len(restored) == 0
    assert restored.insert(cloud(rng, 2, 2)).tolist() == [5, 6]
    again = RipsWindow.restore(restored.snapshot())
    assert again.insert(cloud(rng, 1, 2)).tolist() == [7]
    assert again.ids.tolist() == [5, 6, 7]


def test_slots_come_back(rng):
    window = RipsWindow(6, 2)
    ids = window.insert(cloud(rng, 6, 2))
    window.remove(ids[[1, 4]])
    restored = RipsWindow.restore(window.snapshot())
    for some in (window, restored):
        some.insert(np.ones((1, 2), np.float32))
        assert some.ids.tolist() == [0, 6, 2, 3, 5]


def test_the_origin_comes_back():
    window = RipsWindow(4, 2)
    window.insert(np.array([[1e9, 5.0], [1e9 + 0.25, 5.0]]))
    restored = RipsWindow.restore(window.snapshot())
    restored.insert(np.array([[1e9 + 3, 5.0]]))
    assert restored.points.tolist() == [[0, 0], [0.25, 0], [3, 0]]


def test_an_empty_window_comes_back():
    window = RipsWindow(3, 2)
    restored = RipsWindow.restore(window.snapshot())
    assert restored.snapshot() == window.snapshot()
    assert len(restored.diagram()[0]) == 0
    assert restored.origin is None


def test_the_bytes_depend_on_the_window_alone(rng):
    seeds = [int(seed) for seed in rng.integers(1 << 30, size=2)]
    one, other = (filled(np.random.default_rng(seeds[0]), updates="always") for _ in range(2))
    assert one.snapshot() == other.snapshot()
    one.diagram()
    other.diagram()
    assert one.snapshot() == other.snapshot()
    other.insert(np.ones((1, 3)))
    assert one.snapshot() != other.snapshot()


def test_the_snapshot_is_that_of_its_moment(rng):
    window = filled(rng)
    data = window.snapshot()
    ids = window.ids.tolist()
    changing(window, rng)
    window.remove(window.ids)
    window.diagram()
    assert RipsWindow.restore(data).ids.tolist() == ids


def test_a_restored_window_updates_in_place(rng):
    window = filled(rng, capacity=60, updates="always")
    window.diagram()
    restored = RipsWindow.restore(window.snapshot(), threads=1)
    assert assert_right(restored).info["path"] == "rebuild"
    changing(restored, rng)
    assert assert_right(restored).info["path"] == "update"


def test_another_backend(rng):
    window = filled(rng)
    restored = RipsWindow.restore(window.snapshot(), backend="reference")
    same(window, restored)
    same_changes(window, restored)
    assert restored.diagram().info["backend"] == "reference"
    back = RipsWindow.restore(restored.snapshot(), backend="cpu")
    same(window, back)
    with pytest.raises(BackendUnavailable):
        RipsWindow.restore(window.snapshot(), backend="cuda")


def test_a_diagram_that_came_back_stands_for_the_last_one(rng):
    window = filled(rng)
    before = window.diagram()
    restored = RipsWindow.restore(window.snapshot())
    restored.remove(restored.ids[:1])
    changes = restored.changes()
    for k in (0, 1):
        assert np.array_equal(changes.before[k], before[k])


def test_any_cut_is_refused(rng):
    data = filled(rng, capacity=6).snapshot()
    for length in [*range(0, len(data), 7), len(data) - 1]:
        with pytest.raises(SnapshotError):
            RipsWindow.restore(data[:length])
    with pytest.raises(SnapshotError):
        RipsWindow.restore(data + b"\0")


def test_any_altered_byte_is_refused(rng):
    data = filled(rng, capacity=6).snapshot()
    for at in range(0, len(data), 5):
        for bit in (1, 128):
            altered = bytearray(data)
            altered[at] ^= bit
            with pytest.raises(SnapshotError):
                RipsWindow.restore(bytes(altered))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pack("MultiScaleStream", 1, {}, {}), "MultiScaleStream, not of a RipsWindow"),
        (pack("RipsWindow", 99, {}, {}), "version 99"),
        (pack("RipsWindow", 1, {}, {}), "snapshot"),
        (b"", "snapshot"),
        (b"something else", "no snapshot"),
        ("text", "not str"),
        (None, "not NoneType"),
    ],
)
def test_what_is_no_snapshot_of_a_window_is_refused(data, message):
    with pytest.raises(SnapshotError, match=message):
        RipsWindow.restore(data)


def test_a_refused_snapshot_is_an_error_of_this_library():
    assert issubclass(SnapshotError, AuraTDAError)
    assert issubclass(SnapshotError, ValueError)
