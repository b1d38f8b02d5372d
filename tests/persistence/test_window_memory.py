"""What a window says it holds is what it holds, and never more than it may."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import tracemalloc

import numpy as np
import pytest

from aura_tda_gpu.persistence.footprint import state_bytes
from aura_tda_gpu.persistence.rips import vietoris_rips
from aura_tda_gpu.persistence.vineyard_updates import RipsWindow
from aura_tda_gpu.streaming.memory import engine_bytes
from tests.held import bytes_of
from tests.oracles.peers import bars_of, pairs_of

N, CHANGES = 128, 6
OBJECTS = 20_000  # bytes of the Python objects around the arrays


def joined_simplices(n, rng, blur):
    """Every point of one simplex a little nearer to every point of another than to its own."""
    corners = np.eye(n // 2) - 2 / n
    points = np.kron(np.eye(2), corners)
    return points + rng.normal(scale=blur, size=points.shape)


def cloud(name, n=N):
    """Points for a window of n, and some to replace them by."""
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, 2 * np.pi, n)
    if name == "circle":
        points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        points += rng.normal(scale=0.02, size=points.shape)
    elif name == "far simplices":
        points = np.hstack([np.eye(n), np.outer(np.arange(n) % 2, [50, 50])])
        points += rng.normal(scale=1e-3, size=points.shape)
    elif name == "joined simplices":
        points = joined_simplices(n, rng, 1e-5)
    else:
        points = rng.normal(size=(n, int(name)))
    return points.astype(np.float32)


CLOUDS = ["circle", "3", "10", "200", "far simplices", "joined simplices"]
UPDATES = ["always", "never", "auto"]


def used(points, updates):
    """A window in which points were replaced one by one."""
    window = RipsWindow(len(points), points.shape[1], updates=updates, threads=1)
    ids = window.insert(points)
    window.diagram()
    for i in range(CHANGES):
        window.replace(ids[i : i + 1], points[i : i + 1] * np.float32(1.001))
        window.diagram()
    return window


@pytest.mark.parametrize("updates", UPDATES)
@pytest.mark.parametrize("name", CLOUDS)
def test_what_a_window_holds_is_what_it_says(name, updates):
    points = cloud(name)
    used(points, updates)  # what the first one imports is older
    gc.collect()
    tracemalloc.start()
    try:
        start = tracemalloc.get_traced_memory()[0]
        window = used(points, updates)
        gc.collect()
        traced = tracemalloc.get_traced_memory()[0] - start
    finally:
        tracemalloc.stop()
    held = bytes_of(window)
    assert window.nbytes == held
    assert traced <= 1.02 * window.nbytes + OBJECTS
    assert window.nbytes <= engine_bytes(N, points.shape[1])


@pytest.mark.parametrize("updates", UPDATES)
def test_a_change_lets_go_of_the_loops(updates):
    points = cloud("10")
    window = used(points, updates)
    diagram = window.diagram()
    full = window.nbytes
    window.remove(window.ids[:1])
    orders = sum(order.nbytes for order in diagram._order.values())
    assert full - window.nbytes == orders + diagram._loop_edges.nbytes
    assert window.nbytes == bytes_of(window)


@pytest.mark.parametrize("updates", UPDATES)
def test_the_most_bars_there_can_be_fit(updates):
    points = cloud("joined simplices")
    window = used(points, updates)
    found = window.diagram()
    assert len(found[1]) == (N // 2 - 1) ** 2  # of n^2 / 4 edges, less the forest
    history = window._held[1]
    assert history.diagram is None
    assert history.nbytes <= state_bytes(N, points.shape[1])
    # nothing but time is lost
    again = window.diagram()
    assert pairs_of(again, 1) == pairs_of(found, 1)
    assert again.cycle(1, 0) == found.cycle(1, 0)
    changes = window.changes()
    assert np.array_equal(changes.after[1], found[1])
    restored = RipsWindow.restore(window.snapshot())
    assert bars_of(restored.diagram(), 1) == bars_of(found, 1)


def test_bars_alone_are_as_few_bytes_as_the_bound_assumes():
    points = cloud("joined simplices")
    window = used(points, "never")
    history = window._held[1].without_diagram()
    n_bars = sum(len(bars) for bars in history.now.bars.values())
    assert history.now.nbytes == 17 * n_bars + 8 * N
    most = N * N // 4 + N  # births and components
    for n in (1, 16, 64, 1000, 30_000):
        assert 2 * (17 * (n * n // 4 + n) + 8 * n) <= state_bytes(n, 1)
    assert n_bars <= most


def test_a_state_that_is_too_large_goes_before_the_bars(monkeypatch, rng):
    window = RipsWindow(60, 3, updates="always")
    window.insert(rng.normal(size=(60, 3)))
    before = window.diagram()
    assert window._updates.state_nbytes > 0
    room = window._held[1].without_diagram().nbytes
    monkeypatch.setattr("aura_tda_gpu.persistence.vineyard_updates.state_bytes", lambda *_: room)
    window.remove(window.ids[:1])
    window.diagram()
    assert window._updates.state_nbytes == 0
    assert window._held[1].diagram is None
    assert np.array_equal(window.changes().before[1], before[1])
    assert window.diagram().info["path"] == "rebuild"


def test_a_diagram_that_is_asked_for_again_is_the_same_one_while_there_is_room(rng):
    window = RipsWindow(60, 3, updates="always")
    window.insert(rng.normal(size=(60, 3)))
    assert window.diagram()[1] is window.diagram()[1]


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_a_diagram_counts_its_loops(backend):
    diagram = vietoris_rips(cloud("circle", 40), backend=backend)
    assert diagram.nbytes == bytes_of(diagram)
    assert diagram.nbytes > sum(49 * len(diagram[k]) for k in diagram.dimensions)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_process_grows_by_what_windows_say():
    script = """
        import gc, os
        import numpy as np
        from aura_tda_gpu import RipsWindow

        def resident():
            gc.collect()
            with open("/proc/self/statm") as statm:
                return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        def used(seed):
            rng = np.random.default_rng(seed)
            window = RipsWindow(512, 10, updates="always", threads=1)
            ids = window.insert(rng.normal(size=(512, 10)))
            for i in range(3):
                window.diagram()
                window.replace(ids[i : i + 1], rng.normal(size=(1, 10)))
            window.diagram()
            return window

        first = [used(0), used(1)]
        start = resident()
        windows = [used(seed) for seed in range(2, 14)]
        print(resident() - start, sum(window.nbytes for window in windows))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=True,
        # freed blocks go back to the system at once
        env=os.environ | {"MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_MMAP_THRESHOLD_": "65536"},
    )
    grown, told = (int(word) for word in done.stdout.split())
    assert 0.9 * told <= grown <= 1.1 * told + 2_000_000
