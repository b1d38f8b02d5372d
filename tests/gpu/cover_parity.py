"""What a cover on a device must do, on a device and in the emulator; see `parity`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aura_tda_gpu.errors import MemoryLimitError
from aura_tda_gpu.persistence import cost_model, cuda_device
from aura_tda_gpu.persistence.cuda_launch import Device
from aura_tda_gpu.persistence.kernels import cover as kernel
from aura_tda_gpu.streaming import cover, device_cover
from aura_tda_gpu.streaming.cover import GhostCover
from aura_tda_gpu.streaming.device_cover import COUNTS, QUEUE, DeviceCover
from aura_tda_gpu.streaming.device_intake import DeviceIntake, Tables
from aura_tda_gpu.streaming.device_ring import DeviceRing
from aura_tda_gpu.streaming.device_taking import Share, take_together
from aura_tda_gpu.streaming.host_cover import HostCover
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.ring_buffer import RingBuffer, Rows
from tests.gpu.parity import FilledWith, WithoutMemory
from tests.streaming.clouds import METRICS, STREAMS
from tests.streaming.test_cover import lattice, specks, told

N, SLIDE, DURATION, CAPACITY = 240, 12, 50, 44


class Refusing(WithoutMemory):
    """An array module that has no room for what is sent from the host either."""

    def asarray(self, *arguments: Any) -> Any:
        if self.refusing:
            raise MemoryError("no room")
        return self._xp.asarray(*arguments)

    def empty(self, *arguments: Any) -> Any:
        if self.refusing:
            raise MemoryError("no room")
        return self._xp.empty(*arguments)


class Listing:
    """Kernels that note which of them were launched."""

    def __init__(self, kernels: Any) -> None:
        self._kernels = kernels
        self.names: list[str] = []

    def __getitem__(self, name: str) -> Any:
        self.names.append(name)
        return self._kernels[name]


def on_host(state: DeviceCover) -> dict[str, Any]:
    """Everything a device cover knows, as `of_host` tells it."""
    to_host, k, dim = state.ring.device.to_host, state._k, state.ring.dim
    reals, numbers = to_host(state.reals), to_host(state.numbers)
    raw = k * dim if state._metric == "cosine" else 0
    parts = np.split(reals, np.cumsum([k * dim, raw, k, k, QUEUE]))
    ids, newest, _, last, bucket, counts = np.split(numbers, np.cumsum([k, k, k, QUEUE, QUEUE]))
    assert len(counts) == COUNTS
    columns = parts[0].reshape(dim, k)
    return known(columns, ids, newest, parts[2], last, bucket, parts[4], counts, parts[5])


def of_host(state: HostCover) -> dict[str, Any]:
    s = state.state
    return known(s.columns, s.ids, s.newest, s.back, s.last, s.bucket, s.bound, s.counts, s.rho)


def known(columns, ids, newest, back, last, bucket, bound, counts, rho) -> dict[str, Any]:
    queue = (counts[kernel.HEAD] + np.arange(counts[kernel.SIZE])) % len(last)
    return {
        "slots": {
            slot: (*columns[:, slot].tolist(), ids[slot], newest[slot], back[slot])
            for slot in np.flatnonzero(newest != kernel.FREE)
        },
        "free": np.isinf(columns[:, newest == kernel.FREE]).all(),
        "queue": [(last[i], bucket[i], bound[i]) for i in queue],
        "counts": [
            int(counts[place])
            for place in (kernel.SEEN, kernel.USED, kernel.HIGH, kernel.SETTLED, kernel.LOOSE)
        ],
        "rho": float(rho[0]),
    }


class CoverParity:
    """Tests of a cover; the module of a subclass gives ``xp``, ``kernels`` and ``engine``."""

    @pytest.mark.parametrize("metric", METRICS)
    @pytest.mark.parametrize("cloud", [*STREAMS.values(), lattice, specks])
    @pytest.mark.parametrize("k", [1, 2, 3, 13])
    def test_the_device_is_the_host(self, engine, cloud, k, metric, monkeypatch):
        monkeypatch.setattr(device_cover, "CHUNK", 17)
        rng = np.random.default_rng(k)
        points = cloud(N, rng)
        if metric == "cosine":
            points = points[np.abs(points).max(axis=1) > 1e-9]
        self.assert_same_states(engine.device, points, k, metric, rng)

    def assert_same_states(self, device, points, k, metric, rng):
        host = HostCover(k, points.shape[1], metric, CAPACITY, SLIDE)
        rows = DeviceRing(device, CAPACITY, points.shape[1])
        other = DeviceCover(rows, k, metric, SLIDE)
        numbers = np.arange(len(points))
        for start in range(0, len(points), SLIDE):
            stop = min(start + SLIDE, len(points))
            live = max(0, start + SLIDE - DURATION)
            cut = int(rng.integers(0, stop - start + 1))
            for a, b in ((start, start + cut), (start, stop)):  # the second repeats rows
                part = Rows(points[a:b], numbers[a:b], numbers[a:b] + 7)
                for state in (host, other):
                    state.take(part, a, live)
            assert on_host(other) == of_host(host)
            live = max(live, stop - CAPACITY)
            assert other.settle(live, start) == host.settle(live, start)
            assert on_host(other) == of_host(host)
            assert (other.used, other.loose, other.rho, other.seen) == (
                *(host.used, host.loose, host.rho, host.seen),
            )
            for mine, theirs in zip(other.landmarks(), host.landmarks(), strict=True):
                assert np.array_equal(mine, theirs)

    def test_one_call_with_more_rows_than_the_window_holds(self, engine):
        points = lattice(N, np.random.default_rng(0))
        rows = Rows(points, np.arange(N), np.arange(N))
        host = HostCover(9, 2, "euclidean", CAPACITY, SLIDE)
        other = DeviceCover(DeviceRing(engine.device, CAPACITY, 2), 9, "euclidean", SLIDE)
        for state in (host, other):
            state.take(rows, 0, 0)
        assert on_host(other) == of_host(host)

    @pytest.mark.parametrize("metric", METRICS)
    def test_landmarks_that_close_amid_a_launch(self, engine, metric):
        points = np.random.default_rng(0).integers(1, 9, (400, 2)) + 0.5
        rows = Rows(points, np.arange(400), np.arange(400))
        host = HostCover(30, 2, metric, CAPACITY, SLIDE)
        other = DeviceCover(DeviceRing(engine.device, CAPACITY, 2), 30, metric, SLIDE)
        for state in (host, other):
            state.take(rows, 0, 0)
        assert on_host(other) == of_host(host)

    @pytest.mark.parametrize("k", [4, 9, 300])
    def test_landmarks_of_the_same_newest_member_are_thinned(self, engine, k):
        # a row that is measured anew may leave its landmark, which keeps its number all the same
        rng = np.random.default_rng(k)
        points, numbers = rng.normal(size=(k + 1, 3)), np.arange(k + 1)
        rows = Rows(points, numbers, numbers)
        host = HostCover(k, 3, "euclidean", k + 1, SLIDE)
        other = DeviceCover(DeviceRing(engine.device, k + 1, 3), k, "euclidean", SLIDE)
        newest, back = rng.integers(0, 3, k), rng.uniform(0.1, 1, k)
        for state in (host, other):
            state.take(rows[:k], 0, 0)
        host.state.newest[:], host.state.back[:] = newest, back
        xp = engine.device.xp
        other.numbers[k : 2 * k], other.reals[3 * k : 4 * k] = xp.asarray(newest), xp.asarray(back)
        for state in (host, other):
            state.take(rows[k:], k, 0)
        assert host.loose
        assert on_host(other) == of_host(host)

    @pytest.mark.parametrize("metric", METRICS)
    @pytest.mark.parametrize("pushed", [True, False])
    def test_windows_of_any_sizes_share_their_launches(
        self, xp, kernels, metric, pushed, monkeypatch
    ):
        monkeypatch.setattr(device_cover, "CHUNK", 13)
        launched = Listing(kernels)
        device, intake = Device(xp, launched), DeviceIntake()
        rng = np.random.default_rng(4)
        scale = np.repeat([1.0, 30.0], N // 2)[:, np.newaxis]
        rows = Rows(rng.normal(size=(N, 3)) * scale, np.arange(N), np.arange(N) + 7)
        sizes = [(9, CAPACITY, SLIDE), (5, 11, 3), (30, N, 40), (1, 60, 1)]
        hosts = [HostCover(k, 3, metric, capacity, slide) for k, capacity, slide in sizes]
        covers = [
            DeviceCover(DeviceRing(device, capacity, 3, intake), k, metric, slide)
            for k, capacity, slide in sizes
        ]
        seen = [0] * len(sizes)
        for step in range(30):
            ends = [min(N, s + int(rng.integers(0, 30))) for s in seen]
            shares = []
            for w, (start, end) in enumerate(zip(seen, ends, strict=True)):
                live = max(0, end - sizes[w][1] + w)
                hosts[w].take(rows[start:end], start, live)
                shares.append(Share(covers[w], rows[start:end], start, live, pushed))
            launched.names.clear()
            take_together(shares)
            for host, share in zip(hosts, shares, strict=True):
                assert share.cover.settle(share.live, step) == host.settle(share.live, step)
                assert on_host(share.cover) == of_host(host)
            if pushed:
                most = max(-(-len(s.rows) // s.cover.room) for s in shares)
                taking = ["append_rows", "cover_nearest", "cover_take"]
                assert launched.names == most * taking + len(sizes) * ["cover_settle"]
            seen = ends
        assert min(seen) == N

    def test_tables_are_sent_again_and_again(self, engine):
        tables = Tables(engine.device, 24)
        for i in range(100):
            sent = engine.device.to_host(tables.send(np.array([i, -i, 7], np.int64)))
            assert sent.view(np.int64).tolist() == [i, -i, 7]

    def test_rows_that_the_window_did_not_get(self, engine):
        points, numbers = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60)
        rows = Rows(points, numbers, numbers)
        for n_taken in (60, 45):
            ring = RingBuffer(40, 2)
            host = GhostCover.on_host(50, 2, "euclidean", 40, SLIDE)
            state = DeviceCover(DeviceRing(engine.device, 40, 2), 50, "euclidean", SLIDE)
            other = GhostCover(state, 50, 2, "euclidean", SLIDE)
            for one in (host, other):
                one.take(rows[:40], 0, 0)
            ring.append(rows[:40])
            for one in (host, other):  # and an interruption keeps them from the ring
                one.take(rows[40:n_taken], 40, 0)
            for end in (40, 60):
                ring.append(rows[ring.total : end])
                chosen = [one.choose(ring, 40, 1000, np.zeros(2)) for one in (host, other)]
                assert np.array_equal(chosen[0].ids, chosen[1].ids)
                assert np.array_equal(chosen[0].points, chosen[1].points)

    @pytest.mark.parametrize("metric", METRICS)
    @pytest.mark.parametrize(("k", "dim"), [(300, 3), (40, 9)])
    def test_many_landmarks_of_some_dimensions(self, engine, metric, k, dim):
        points, numbers = np.random.default_rng(5).normal(size=(400, dim)), np.arange(400)
        ring = RingBuffer(400, dim)
        host = GhostCover.on_host(k, dim, metric, 400, SLIDE)
        state = DeviceCover(DeviceRing(engine.device, 400, dim), k, metric, SLIDE)
        ring.append(Rows(points, numbers, numbers))
        found, truth = (
            one.choose(ring, 400, 400, np.zeros(dim))
            for one in (GhostCover(state, k, dim, metric, SLIDE), host)
        )
        assert np.array_equal(found.points, truth.points)
        assert np.array_equal(found.ids, truth.ids)
        assert found.error_bound == truth.error_bound

    @pytest.mark.parametrize("metric", METRICS)
    def test_a_window_without_rows_is_measured(self, engine, metric):
        points, numbers = np.random.default_rng(0).integers(1, 9, (90, 2)) + 0.5, np.arange(90)
        ring = RingBuffer(CAPACITY, 2)
        host = HostCover(7, 2, metric, CAPACITY, SLIDE)
        other = DeviceCover(DeviceRing(engine.device, CAPACITY, 2), 7, metric, SLIDE)
        for state in (host, other):
            state.take(Rows(points, numbers, numbers), 0, 0)
            state.settle(90, 1)
            state.measure(ring, 0)
        assert on_host(other) == of_host(host)

    def test_rows_that_came_to_the_window_alone(self, engine):
        points, numbers = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60)
        rows, ring = Rows(points, numbers, numbers), RingBuffer(60, 2)
        host = GhostCover.on_host(80, 2, "euclidean", 60, SLIDE)
        state = DeviceCover(DeviceRing(engine.device, 60, 2), 80, "euclidean", SLIDE)
        other = GhostCover(state, 80, 2, "euclidean", SLIDE)
        for start, taken in ((0, True), (10, False), (20, True), (30, False), (50, True)):
            if taken:
                for one in (host, other):
                    one.take(rows[start : start + 10], start, 0)
            ring.append(rows[ring.total : start + 10])
        state.catch_up(ring, 60)
        assert np.array_equal(engine.device.to_host(state.ring.points), points)
        chosen = [one.choose(ring, 60, 1000, np.zeros(2)) for one in (host, other)]
        assert np.array_equal(chosen[0].ids, chosen[1].ids)

    @pytest.mark.parametrize("at", ["rows", "cover", "take", "measure"])
    def test_a_device_without_memory_says_so(self, xp, kernels, at):
        short = Refusing(xp)
        device = Device(short, kernels)
        rows, ring = Rows(np.eye(40), np.arange(40), np.arange(40)), RingBuffer(40, 40)
        steps = iter(["rows", "cover", "take", "measure"])
        refusal = r"40 rows .* need 13440 bytes.* on the GPU.*lower max_points"

        def step(work):
            if next(steps) == at:
                short.refusing = True
                with pytest.raises(MemoryLimitError, match=refusal):
                    work()
                short.refusing = False
            return work()

        kept = step(lambda: DeviceRing(device, 40, 40))
        other = step(lambda: DeviceCover(kept, 9, "euclidean", SLIDE))
        host = HostCover(9, 40, "euclidean", 40, SLIDE)
        host.take(rows, 0, 0)
        step(lambda: other.take(rows, 0, 0))
        assert other.settle(0, 1) == host.settle(0, 1)
        ring.append(rows)
        host.measure(ring, 40)
        step(lambda: other.measure(ring, 40))
        assert on_host(other) == of_host(host)

    @pytest.mark.parametrize("byte", [0x00, 0xFF])
    def test_nothing_is_read_that_was_not_written(self, xp, kernels, byte):
        device = Device(FilledWith(xp, byte), kernels)
        for metric in ("euclidean", "cosine"):
            rng = np.random.default_rng(1)
            points = rng.normal(size=(N, 3)) * np.repeat([1, 30], N // 2)[:, np.newaxis]
            self.assert_same_states(device, points, 8, metric, rng)

    @pytest.mark.parametrize("metric", METRICS)
    @pytest.mark.parametrize("affordable", [True, False])
    def test_every_choice_is_that_of_the_host(self, engine, metric, affordable, monkeypatch):
        if not affordable:
            monkeypatch.setattr(cover, "_MEASURED", 0)
        monkeypatch.setattr(device_cover, "CHUNK", 30)
        rng = np.random.default_rng(2)
        scale = np.repeat([1.0, 50.0, 1.0, 1e-3], 150)[:, np.newaxis]
        points = rng.normal(size=(600, 2)) * scale + 3
        ring = RingBuffer(120, 2)
        host = GhostCover.on_host(16, 2, metric, 120, SLIDE)
        state = DeviceCover(DeviceRing(engine.device, 120, 2), 16, metric, SLIDE)
        other = GhostCover(state, 16, 2, metric, SLIDE)
        numbers = np.arange(600)
        for start in range(0, 600, 25):
            part = slice(start, start + 25)
            rows = Rows(points[part], numbers[part], numbers[part])
            if start % 3:  # else they are met at the tick
                for one in (host, other):
                    one.take(rows, ring.total, ring.total - len(ring))
            ring.append(rows)
            if start > 300:
                ring.evict_before(start - 40)
            for n in (len(ring), len(ring) - 10):  # the second holds rows that are too young
                found, truth = (
                    one.choose(ring, n, start + n, np.zeros(2)) for one in (other, host)
                )
                assert np.array_equal(found.points, truth.points)
                assert np.array_equal(found.ids, truth.ids)
                assert (found.radius, found.rho, found.error_bound) == (
                    *(truth.radius, truth.rho, truth.error_bound),
                )

    @pytest.mark.parametrize("name", ["clusters", "drift"])
    def test_a_stream_is_that_of_the_host(self, engine, monkeypatch, name):
        monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
        monkeypatch.setattr(cuda_device, "check_size", lambda n: None)
        costs = cost_model.MachineCosts(1e-8, 0.1, 1e-12, 1e-12, 1.0, 1e-6)
        monkeypatch.setitem(cost_model._MEASURED, "cuda", costs)
        cloud = STREAMS[name]
        points = cloud(400, np.random.default_rng(3))
        ticks = []
        for backend in ("cpu", "cuda"):
            stream = MultiScaleStream([60, 200], max_landmarks=24, max_memory_mb=4, backend=backend)
            updates = stream.push(points, np.arange(400) / 1000) + stream.flush()
            ticks.append([told(update) for update in updates])
        assert len(ticks[0]) > 50
        assert ticks[0] == ticks[1]
