"""The ring buffer against a plain list."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_tda_gpu.errors import InvalidInputError
from aura_tda_gpu.streaming import ring_buffer
from aura_tda_gpu.streaming.ring_buffer import RingBuffer, Rows


def rows(times: list[int], first_id: int = 0) -> Rows:
    ids = np.arange(first_id, first_id + len(times))
    points = np.column_stack([ids, -ids]).astype(np.float64)
    return Rows(points, np.array(times, np.int64), ids)


actions = st.one_of(
    st.tuples(st.just("append"), st.lists(st.integers(0, 3), max_size=12)),
    st.tuples(st.just("evict_before"), st.integers(-2, 8)),
    st.tuples(st.just("drop_oldest"), st.integers(0, 5)),
    st.tuples(
        st.just("exchange"),
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.lists(st.integers(0, 3), max_size=5)),
    ),
)


@pytest.mark.parametrize("runway", [1, 3, 10**9])
@given(capacity=st.integers(1, 9), script=st.lists(actions, max_size=25))
def test_like_a_list_that_keeps_its_newest(runway: int, capacity: int, script: list) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ring_buffer, "_RUNWAY", runway)
        ring, model, now, n = RingBuffer(capacity, 2), [], 0, 0
        nbytes = ring.nbytes
        for action, value in script:
            if action == "append":
                times = (now + np.cumsum(value)).astype(int).tolist()
                lost = ring.pushed_out_by(rows(times, n))
                ring.append(rows(times, n))
                model += list(zip(times, range(n, n + len(times)), strict=True))
                surplus = max(0, len(model) - capacity)
                assert lost.tolist() == [t for t, _ in model[:surplus]]
                model = model[surplus:]
                n, now = n + len(times), max([now, *times])
            elif action == "evict_before":
                limit = now - value
                assert ring.evict_before(limit) == sum(t < limit for t, _ in model)
                model = [row for row in model if row[0] >= limit]
            elif action == "drop_oldest":
                value = min(value, len(model))
                ring.drop_oldest(value)
                model = model[value:]
            else:
                n_newest = min(value[0], len(model))
                n_oldest = min(value[1], len(model) - n_newest)
                left = model[n_oldest : len(model) - n_newest]
                gaps = value[2][: capacity - len(left)]
                if n_newest:
                    now = max(t for t, _ in model[: len(model) - n_newest] or [(0, 0)])
                times = (now + np.cumsum(gaps)).astype(int).tolist()
                span = ring.before_exchange(n_newest, len(times))
                total = ring.total
                for _ in range(2):  # once more, as after an interrupt
                    ring.exchange(span, n_newest, n_oldest, rows(times, n))
                model = left + list(zip(times, range(n, n + len(times)), strict=True))
                n, now = n + len(times), max([now, *times])
                assert ring.total == total - n_newest + len(times)
                if n_newest or times:
                    assert ring.newest_ns == (now if times or len(left) + n_oldest else None)
            assert len(ring) == len(model)
            assert ring.times().tolist() == [t for t, _ in model]
            assert ring.ids().tolist() == [i for _, i in model]
            assert ring.points().tolist() == [[i, -i] for _, i in model]
            assert ring.rows(1, 3).ids.tolist() == [i for _, i in model[1:3]]
            for start, stop in ((0, None), (1, 3), (2, 2), (0, 1)):
                parts = ring.parts(start, stop)
                assert all(part.ids.base is not None for part in parts)
                assert [i for part in parts for i in part.ids] == [i for _, i in model[start:stop]]
            assert [ring.count_before(t) for t in (now - 3, now, now + 1)] == [
                sum(s < t for s, _ in model) for t in (now - 3, now, now + 1)
            ]
            assert ring.nbytes == nbytes


def test_a_batch_beyond_the_capacity_keeps_its_newest_rows() -> None:
    ring = RingBuffer(3, 2)
    ring.append(rows([1, 2]))
    assert ring.pushed_out_by(rows([3, 4, 5, 6, 7], 2)).tolist() == [1, 2, 3, 4]
    ring.append(rows([3, 4, 5, 6, 7], 2))
    assert ring.ids().tolist() == [4, 5, 6]


def test_one_piece_is_a_view_and_two_pieces_are_a_copy() -> None:
    ring = RingBuffer(4, 2)
    ring.append(rows([1, 2, 3]))
    assert ring.points().base is not None
    assert not ring.points().flags.writeable
    ring.append(rows([4, 5], 3))
    wrapped = ring.times()
    assert wrapped.tolist() == [2, 3, 4, 5]
    assert not wrapped.flags.writeable
    ring.append(rows([6], 5))
    assert wrapped.tolist() == [2, 3, 4, 5]


def test_rows_out_of_order_are_refused() -> None:
    ring = RingBuffer(8, 2)
    ring.append(rows([5, 6]))
    with pytest.raises(InvalidInputError, match="row 0 is older than the newest") as caught:
        ring.append(rows([5]))
    assert caught.value.row == 0
    with pytest.raises(InvalidInputError, match="row 2 is older than the row before") as caught:
        ring.append(rows([6, 8, 7]))
    assert caught.value.row == 2
    assert ring.times().tolist() == [5, 6]


def test_order_is_kept_also_after_everything_has_left() -> None:
    ring = RingBuffer(2, 2)
    ring.append(rows([5]))
    ring.evict_before(100)
    assert (len(ring), ring.newest_ns) == (0, 5)
    with pytest.raises(InvalidInputError, match="older"):
        ring.append(rows([4]))


def test_a_small_window_touches_little_of_a_large_buffer() -> None:
    ring = RingBuffer(100_000, 1)
    ring._rows.points.fill(np.nan)
    for start in range(0, 300_000, 100):
        times = np.arange(start, start + 100)
        ring.append(Rows(times[:, np.newaxis].astype(np.float64), times, times))
        ring.evict_before(start - 400)
        assert ring.ids()[0] == max(0, start - 400)
    touched = np.count_nonzero(~np.isnan(ring._rows.points))
    assert touched <= ring_buffer._RUNWAY + 1000


def test_a_window_that_stays_as_large_moves_no_row() -> None:
    ring = RingBuffer(100_000, 1)
    circles = set()
    for start in range(0, 100_000, 100):
        times = np.arange(start, start + 100)
        ring.append(Rows(times[:, np.newaxis].astype(np.float64), times, times))
        ring.evict_before(start - 8_000)
        before = ring._span
        if start > 20_000:
            circles.add(before[4])
            assert before[0] == ring.ids()[0] % before[4]  # each where its number says
    assert len(circles) == 1
    assert 8_100 <= circles.pop() <= 2 * 8_100


def test_rows_are_counted_from_the_start() -> None:
    ring = RingBuffer(5, 1)
    numbers = np.arange(12)
    for n, total in ((3, 3), (4, 7), (0, 7), (5, 12)):
        part = numbers[total - n : total]
        ring.append(Rows(np.zeros((n, 1)), part, part))
        assert ring.total == total
        assert ring.ids().tolist() == numbers[total - len(ring) : total].tolist()
    ring.drop_oldest(2)
    assert ring.total == 12
    ring.exchange(ring.before_exchange(1, 0), 1, 0, Rows.empty(1))
    assert (ring.total, ring.ids().tolist()) == (11, [9, 10])
