"""What streams on a device must do for long and side by side, there and in the emulator.

The module of a subclass gives the fixtures ``xp``, ``kernels`` and ``engine`` as for `parity`,
``n_ticks``, how long is long, and ``allocated``, a function that tells the bytes held.
"""

from __future__ import annotations

import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from aura_tda_gpu import MultiScaleStream, RipsWindow, estimate
from aura_tda_gpu.errors import MemoryLimitError
from aura_tda_gpu.persistence import cost_model, cuda_device
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.streaming.device_intake import DeviceIntake
from aura_tda_gpu.streaming.ring_buffer import Rows
from aura_tda_gpu.streaming.window_update import WindowUpdate
from benchmarks.streams import torus_knot
from tests.gpu.cover_parity import Listing
from tests.gpu.parity import FilledWith
from tests.oracles.peers import bars_of

SCALES = [400, 100]
LANDMARKS = 24
NOISE = 16 * 1024  # bytes that Python itself takes and gives back
QUICK_UPDATES = cost_model.MachineCosts(1e-8, 0.1, 1e-12, 1e-12, 1.0, 1e-6)


def new_stream(backend: str, n: int = 400, **settings: Any) -> MultiScaleStream:
    sizes = {"max_points": n, "max_landmarks": LANDMARKS, "max_memory_mb": 64}
    return MultiScaleStream(SCALES, dim=3, backend=backend, **sizes, **settings)


def updates_of(backend: str, seed: int, n: int = 260, **settings: Any) -> list[tuple[Any, ...]]:
    """Push a knot in parts; return all that the updates say."""
    points, times = torus_knot(n, 250, seed)
    stream = new_stream(backend, n, **settings)
    updates = [
        update
        for start in range(0, n, 20)
        for update in stream.push(points[start : start + 20], times[start : start + 20])
    ]
    assert any(update.error_bound > 0 for update in updates)
    return told(updates)


def told(updates: list[WindowUpdate]) -> list[tuple[Any, ...]]:
    """Return all that updates say."""
    return [
        (
            *(update.window_id, update.timestamp, update.n_points, update.error_bound),
            *(update.vertex_ids.tolist(), bars_of(update.diagram, 0), bars_of(update.diagram, 1)),
        )
        for update in updates
    ]


def device_bytes(thing: object) -> int:
    """Return the sum of all ``device_nbytes`` that objects of the package tell, each once."""
    total, seen, stack = 0, set(), [thing]
    while stack:
        found = stack.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, list | tuple):
            stack.extend(found)
        elif type(found).__module__.startswith("aura_tda_gpu"):
            total += getattr(found, "device_nbytes", 0)
            stack.extend(getattr(found, "__dict__", {}).values())
    return total


class ShortOfMemory:
    """An array module that has no room for one of the next arrays that are asked for."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp
        self.left = -1  # how many there is room for; below 0 for all

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._xp, name)
        if name not in ("asarray", "empty", "full", "zeros"):
            return found

        def with_room(*arguments: Any) -> Any:
            self.left -= 1
            if self.left == -1:
                raise MemoryError("no room")
            return found(*arguments)

        return with_room


class Counting:
    """An array module that notes what is sent from the host to it."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp
        self.sent: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._xp, name)

    def asarray(self, array: Any, *more: Any) -> Any:
        if isinstance(array, np.ndarray):
            self.sent.append(array.nbytes)
        return self._xp.asarray(array, *more)


@pytest.fixture
def as_backend(engine, monkeypatch):
    """Let backend "cuda" be the engine, in windows that prefer updates."""
    monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
    monkeypatch.setattr(cuda_device, "check_size", lambda n: None)
    monkeypatch.setitem(cost_model._MEASURED, "cuda", QUICK_UPDATES)


@pytest.mark.usefixtures("as_backend")
class StreamLife:
    def test_a_window_that_returns_to_its_points_holds_what_it_held(self, allocated, n_ticks):
        rng = np.random.default_rng(0)
        window = RipsWindow(capacity=20, dim=3, backend="cuda", updates="always")
        window.insert(rng.normal(size=(20, 3)).astype(np.float32))
        turns = rng.normal(size=(4, 2, 3)).astype(np.float32)
        held = []
        for turn in range(n_ticks):
            window.replace(window.ids[:2], turns[turn % 4])
            window.diagram()
            if turn % 4 == 3:
                held.append(allocated())
        assert window.diagram().info["path"] == "update"
        half = len(held) // 2
        assert max(held[half:]) <= max(held[2:half]) + NOISE

    def test_a_stream_holds_no_more_after_many_ticks(self, allocated, n_ticks):
        points, times = torus_knot(4 * n_ticks, 400)
        stream = new_stream("cuda")
        held = []
        for start in range(0, len(points), 4):
            stream.push(points[start : start + 4], times[start : start + 4])
            held.append(allocated())
        assert sum(stream.stats.ticks.values()) > 0.9 * n_ticks
        filled, half = len(held) // 4, len(held) // 2
        assert max(held[half:]) <= 1.1 * max(held[filled:half]) + NOISE

    def test_two_streams_by_turns(self):
        points, times = torus_knot(200, 250, 5)
        streams = [new_stream("cuda", 200) for _ in range(2)]
        told = [[], []]
        for start in range(0, 200, 20):
            part = slice(start, start + 20)
            for stream, updates, sign in zip(streams, told, (1, -1), strict=True):
                updates += stream.push(sign * points[part], times[part])
        for one, other in zip(*told, strict=True):
            assert bars_of(one.diagram, 1) == bars_of(other.diagram, 1)
            assert one.vertex_ids.tolist() == other.vertex_ids.tolist()

    def test_two_streams_in_two_threads(self):
        truth = [updates_of("cpu", seed) for seed in (1, 2)]
        with ThreadPoolExecutor(2) as threads:
            found = list(threads.map(lambda seed: updates_of("cuda", seed), (1, 2)))
        assert found == truth

    def test_a_stream_goes_on_after_the_device_had_no_memory(self, xp, kernels, monkeypatch):
        short = ShortOfMemory(xp)
        engine = CudaEngine(short, kernels)
        monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
        points, times = torus_knot(260, 250, 3)
        stream, updates, refusals = new_stream("cuda", 260), [], []
        for start in range(0, 260, 20):
            short.left = start * 7 % 60
            try:
                updates += stream.push(points[start : start + 20], times[start : start + 20])
            except MemoryLimitError as error:
                refusals.append(str(error))
                short.left = -1
                if stream.stats.accepted == start:  # nothing was taken
                    updates += stream.push(points[start : start + 20], times[start : start + 20])
                assert stream.stats.accepted == start + 20
                updates += stream.push(points[:0], times[:0])
            short.left = -1
        assert len(refusals) > 5
        assert all("on the GPU" in text for text in refusals)
        # a window that lost its engine begins a new one, with its vertices in another order
        found, truth = (
            [(*update[:4], sorted(update[4]), *update[5:]) for update in some]
            for some in (told(updates), updates_of("cpu", 3))
        )
        assert found == truth

    def test_what_is_kept_on_the_device_is_told_and_within_the_estimate(self, allocated, engine):
        points, times = torus_knot(400, 400)
        before = allocated()
        stream = new_stream("cuda")
        for start in range(0, 400, 50):
            stream.push(points[start : start + 50], times[start : start + 50])
        kept = device_bytes(stream)
        told = estimate(
            SCALES,
            400,
            3,
            **{"backend": "cuda", "max_points": 400, "max_landmarks": LANDMARKS},
            max_memory_mb=64,
        )
        n_states = 2 * 8 * LANDMARKS**2 + 2 * 400 * 40
        assert n_states < kept <= told.buffer_bytes
        if hasattr(engine.device.xp, "cuda"):
            rounding = 512 * 64  # CuPy rounds every array up to 512 bytes
            assert allocated() - before <= kept + rounding

    def test_the_rows_of_a_push_are_sent_once_for_all_windows(self, xp, kernels, monkeypatch):
        counting = Counting(xp)
        engine = CudaEngine(counting, kernels)
        monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
        points, times = torus_knot(700, 250)
        stream = new_stream("cuda", 700)
        for start in range(0, 700, 140):  # five or six ticks of the finer window in each
            counting.sent.clear()
            stream.push(points[start : start + 140], times[start : start + 140])
            covers = {lane.window._landmarks.state.device_nbytes for lane in stream._lanes}
            large = [n for n in counting.sent if n > 5000 and n not in covers]
            assert large == [(139 if start == 0 else 140) * 40]  # the newest row waits
        assert not any(lane.window._intake._sent for lane in stream._lanes)

    def test_windows_take_rows_by_one_set_of_launches(self, xp, kernels, monkeypatch):
        listing = Listing(kernels)
        engine = CudaEngine(xp, listing)
        monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
        points, times = torus_knot(700, 250)
        stream = new_stream("cuda", 700)
        for start in range(0, 700, 140):
            listing.names.clear()
            updates = stream.push(points[start : start + 140], times[start : start + 140])
            instants = len({update.timestamp for update in updates})
            assert len(updates) > instants > 3
            for name in ("append_rows", "cover_take"):
                assert listing.names.count(name) == instants + 1  # before each, and at the end

    @pytest.mark.parametrize(("dim", "memory_mb"), [(3, 2), (100, 64)])
    @pytest.mark.parametrize("n_scales", [4, 10])
    def test_many_scales_keep_within_the_estimate(self, dim, memory_mb, n_scales, rng):
        settings = {"max_landmarks": 16, "max_memory_mb": memory_mb, "backend": "cuda"}
        scales = [100 * (i + 1) for i in range(n_scales)]
        slides = n_scales * [500]
        stream = MultiScaleStream(scales, slide_intervals_ms=slides, dim=dim, **settings)
        told = estimate(scales, None, dim, slide_intervals_ms=slides, **settings)
        points, times = rng.normal(size=(1500, dim)), np.arange(1500) / 1000
        for start in range(0, 1500, 500):
            stream.push(points[start : start + 500], times[start : start + 500])
            assert device_bytes(stream) <= told.buffer_bytes
            assert stream.get_memory_usage() <= told.buffer_bytes

    def test_what_an_interrupt_left_of_a_push_is_not_taken_for_another(self, xp):
        intake, dead = DeviceIntake(), Rows(np.ones((4, 2)), np.arange(4), np.arange(4))
        columns, _ = intake.part(dead, xp)
        rows = Rows(np.zeros((4, 2)), np.arange(4), np.arange(4))
        gone = weakref.ref(np.empty(1))  # its callback, which forgets the columns, was interrupted
        intake._sent[id(rows.times)] = gone, columns
        (points, _, _), place = intake.part(rows, xp)
        assert place == 0
        assert not points.any()

    @pytest.mark.parametrize("byte", [0x00, 0xAB, 0xFF])
    def test_nothing_is_read_that_was_not_written(self, xp, kernels, monkeypatch, byte):
        filled = CudaEngine(FilledWith(xp, byte), kernels)
        monkeypatch.setattr(cuda_device, "cuda_engine", lambda: filled)
        assert updates_of("cuda", byte) == updates_of("cpu", byte)

    def test_weighted_landmarks_are_those_of_the_cpu(self):
        assert updates_of("cuda", 3, metric="dtm") == updates_of("cpu", 3, metric="dtm")
