"""What recorded updates of a window must do, on a device and in the emulator; see `parity`."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from aura_tda_gpu.persistence import cuda_passes, cuda_recording
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.engine import TooManyEdges
from tests.gpu.parity import FilledWith
from tests.gpu.window_parity import Pair


class RecordingParity:
    """Tests of recordings; the module of a subclass gives ``xp``, ``kernels``, ``engine``."""

    @pytest.fixture
    def recordings(self, monkeypatch):
        """What was recorded, and how often each was launched."""
        made = []

        def record(device, work):
            recording = cuda_recording.record(device, work)
            launch, place = recording._launch, len(made)
            made.append(0)

            def counted():
                made[place] += 1
                launch()

            recording._launch = counted
            return recording

        monkeypatch.setattr(cuda_passes, "record", record)
        return made

    def test_updates_that_come_again_are_recorded(self, engine, recordings):
        pair = Pair(engine, 60, 3)
        pair.draw = lambda m: pair.rng.normal(size=(m, 3)).astype(np.float32)
        pair.build(np.arange(50))
        for _ in range(12):
            pair.assert_equal()
            pair.update(*pair.drawn_change())
        pair.assert_equal()
        assert recordings == [11, 10]  # updates from the second on, diagrams from the third on
        pair.update(np.arange(20, 32), np.arange(20, 29))  # more than there is room for
        pair.assert_equal()
        assert recordings == [11, 10]
        for slot in range(4):
            pair.update([slot], [slot])
            pair.assert_equal()
        assert recordings == [11, 10, 4, 3]
        pair.build(np.arange(50))
        pair.assert_equal()
        pair.update([3], [3])
        pair.assert_equal()
        assert recordings == [11, 10, 4, 3]

    def test_room_for_a_large_change_is_left_again(self, engine, recordings):
        pair = Pair(engine, 60, 3)
        pair.build(np.arange(60))
        pair.update(np.arange(40), np.arange(40))
        pair.assert_equal()
        sizes = []
        for turn in range(24):
            pair.update([turn], [turn])
            pair.assert_equal()
            sizes.append(pair.states[0]._passes.nbytes)
        assert len(set(sizes)) == 2
        assert sizes[-1] < sizes[0]
        assert len(recordings) == 4

    def test_what_cuda_refuses_to_record_is_done_one_by_one(self, engine, monkeypatch):
        asked = []

        def refuse(device, work):
            asked.append(work)
            raise cuda_recording.NotRecorded("invalidated")

        monkeypatch.setattr(cuda_passes, "record", refuse)
        pair = Pair(engine, 40, 3)
        pair.build(np.arange(40))
        for _ in range(4):
            pair.update(*pair.drawn_change())
            pair.assert_equal()
        assert len(asked) == 1

    @pytest.mark.parametrize("byte", [0x00, 0xAB, 0xFF])
    def test_what_is_recorded_reads_nothing_that_was_not_written(
        self, xp, kernels, byte, recordings
    ):
        pair = Pair(CudaEngine(FilledWith(xp, byte), kernels), 40, 3, seed=byte)
        pair.draw = lambda m: pair.rng.normal(size=(m, 3)).astype(np.float32)
        pair.build(np.arange(33))
        for _ in range(8):
            pair.update(*pair.drawn_change(3))
            pair.assert_equal()
        assert recordings == [7, 6]

    def test_diagrams_between_updates_and_updates_without_one(self, engine, recordings):
        pair = Pair(engine, 40, 3, seed=2)
        pair.draw = lambda m: pair.rng.normal(size=(m, 3)).astype(np.float32)
        pair.build(np.arange(40))
        for turn in range(16):
            pair.update(*pair.drawn_change(2))
            if turn % 3:
                pair.assert_equal()
            if turn % 5 == 0:
                pair.assert_equal((0,))
        pair.assert_equal()
        assert sum(recordings) > 16

    def test_what_outgrows_a_recording_is_done_again(self, engine, recordings):
        pair = Pair(engine, 250, 3, seed=1)
        pair.draw = lambda m: pair.rng.normal(size=(m, 3)).astype(np.float32)
        pair.build(np.arange(40))
        for _ in range(4):
            first_one, _ = pair.assert_equal()
            pair.update([1, 2, 3, 4], [1, 2, 3, 4])
        assert len(recordings) == 2
        for first in range(40, 250, 8):
            pair.assert_equal()
            pair.update([], np.arange(first, min(first + 8, 250)))
        found, _ = pair.assert_equal()
        assert found.info["n_relations"] > 3 * first_one.info["n_relations"]
        assert len(recordings) > 2

    def test_two_windows_of_one_size_by_turns(self, engine, recordings):
        pairs = [Pair(engine, 40, 3, seed=seed) for seed in range(2)]
        for pair in pairs:
            pair.draw = lambda m, p=pair: p.rng.normal(size=(m, 3)).astype(np.float32)
            pair.build(np.arange(40))
        for _ in range(5):
            for pair in pairs:
                pair.update(*pair.drawn_change(2))
            for pair in pairs:
                pair.assert_equal()
        assert recordings == [4, 4, 3, 3]

    def test_what_cannot_be_recorded_for_memory_is_done_one_by_one(self, engine, monkeypatch):
        def record(device, work):
            raise MemoryError("no room that lasts")

        monkeypatch.setattr(cuda_passes, "record", record)
        pair = Pair(engine, 40, 3, seed=5)
        pair.draw = lambda m: pair.rng.normal(size=(m, 3)).astype(np.float32)
        pair.build(np.arange(40))
        for _ in range(5):
            pair.update(*pair.drawn_change(2))
            pair.assert_equal()

    def test_a_state_that_was_updated_goes_at_once(self, engine):
        pair = Pair(engine, 20, 2)
        pair.build(np.arange(20))
        for slot in range(4):
            pair.update([slot], [slot])
            pair.assert_equal()
        passes = weakref.ref(pair.states[0]._passes)
        listed = passes()._listed  # as another window of this size would have it
        collects = gc.isenabled()
        gc.disable()
        try:
            pair.states.clear()
            assert passes() is None
        finally:
            if collects:
                gc.enable()
        assert listed.owner is not None

    def test_lists_written_over_by_another_window_are_not_read(self, engine, monkeypatch):
        monkeypatch.setattr(cuda_passes, "room_after", lambda known: known)
        pairs = [Pair(engine, 60, 8, seed=seed) for seed in range(2)]
        for pair in pairs:
            pair.draw = lambda m, p=pair: p.rng.normal(size=(m, 8)).astype(np.float32)
            pair.build(np.arange(30))
        for pair in pairs:
            pair.update([], np.arange(30, 60))
        with pytest.raises(TooManyEdges):
            pairs[0].states[0].result((0, 1))
        pairs[1].assert_equal()
