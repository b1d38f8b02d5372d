"""Rows that wait for the watermark, against sorting them all, and what that takes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from aura_tda_gpu.errors import MemoryLimitError
from aura_tda_gpu.persistence.engine import Int64Array
from aura_tda_gpu.streaming import reorder
from aura_tda_gpu.streaming.reorder import release
from aura_tda_gpu.streaming.ring_buffer import RingBuffer, Rows


def rows_at(times: Int64Array, first_id: int = 0) -> Rows:
    ids = first_id + np.arange(len(times))
    return Rows(np.stack([ids, -ids, 0 * ids], axis=1).astype(np.float64), times, ids)


def pending_at(times: Int64Array, capacity: int, start: int) -> RingBuffer:
    """A buffer with these rows, the first of them in slot ``start``."""
    ring = RingBuffer(capacity, 3)
    ring.append(rows_at(np.full(start, times[0])))
    ring.drop_oldest(start)
    ring.append(rows_at(times))
    return ring


@pytest.mark.parametrize("block", [1, 3, 4096])
@pytest.mark.parametrize("seed", range(40))
def test_rows_are_sorted_in_as_if_all_were_sorted(
    monkeypatch: pytest.MonkeyPatch, seed: int, block: int
) -> None:
    monkeypatch.setattr(reorder, "_BLOCK", block)
    rng = np.random.default_rng(seed)
    n, m = (int(k) for k in rng.integers(1, 20, 2))
    capacity = n + m
    old = np.sort(rng.integers(0, 15, n))
    new = rng.integers(rng.integers(0, 15), 18, m)  # ties with the others and each other
    pending = pending_at(old, capacity, int(rng.integers(0, capacity)))
    mark = int(rng.integers(0, 19))
    change = release(pending, rows_at(new, n), mark)
    held = [*zip(old.tolist(), range(n), strict=True)]
    everything = sorted([*held, *zip(new.tolist(), range(n, n + m), strict=True)])
    ready = [row for row in everything if row[0] < mark]
    assert list(zip(change.ready.times, change.ready.ids, strict=True)) == ready
    assert (change.ready.points[:, 1] == -change.ready.ids).all()
    assert pending.ids().tolist() == list(range(n))
    span = pending.before_exchange(change.displaced, len(change.waiting))
    for _ in range(2):  # once more, as after an interrupt
        change.apply(pending, span)
    assert [*zip(pending.times(), pending.ids(), strict=True)] == everything[len(ready) :]
    assert (pending.points()[:, 0] == pending.ids()).all()


@pytest.mark.parametrize("start", [0, 7000])
@pytest.mark.parametrize(
    ("new", "mark"),
    [
        ([], 20_000),  # all that waits is ready
        ([0, 20_001], 20_001),  # all of it is displaced and ready
        ([10_000, 20_001], 15_000),  # some stays, some is displaced, some of that is ready
    ],
)
def test_what_waits_is_copied_once(new: list[int], mark: int, start: int) -> None:
    n = 20_000
    pending = pending_at(np.arange(n), n, start)
    rows = rows_at(np.array(new, np.int64), n)
    release(pending, rows, mark)
    tracemalloc.start()
    try:
        change = release(pending, rows, mark)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    moved = change.ready.nbytes + change.waiting.nbytes
    assert moved <= pending.nbytes + rows.nbytes
    # a block of rows finds its places
    assert moved <= peak <= moved + 32 * reorder._BLOCK + 20_000


def test_rows_for_which_there_is_no_room_are_refused_before_anything_is_copied() -> None:
    pending = pending_at(np.arange(1000), 1000, 300)
    with pytest.raises(MemoryLimitError, match="1001 points would wait"):
        release(pending, rows_at(np.array([0])), 0)
    assert pending.ids().tolist() == list(range(1000))
