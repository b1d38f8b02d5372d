"""When a loop that comes back gets its name back, and when it does not."""

from __future__ import annotations

from aura_tda_gpu import FeatureTracker
from aura_tda_gpu.streaming.tracking.lapsed import LAPSE
from tests.held import bytes_of

from .made_up import Bar, update
from .test_feature_tracker import told, tracker

HERE, THERE = (0.0, 0.0), (50.0, 0.0)


def at(t: float, *bars: tuple[int, tuple[float, float], float]) -> object:
    """A tick of loops of four points each, by the first of them, their place and their death."""
    loops, places = [], {}
    for first, (x, y), death in bars:
        corners = (0, 0), (1, 0), (1, 1), (0, 1)
        places |= {first + i: (x + a, y + b) for i, (a, b) in enumerate(corners)}
        walk = (first, first + 1, first + 2, first + 3)
        loops.append(Bar(1.0, death, walk[:2], walk[2:], walk))
    return update(t, loops, places=places)


def again(gap: float, place: tuple[float, float] = HERE, death: float = 3.0) -> str:
    """What is told of a loop that has not been seen for so many seconds, after one of 2."""
    ticks = [at(1, (0, HERE, 3.0)), at(1.1), at(1 + gap, (100, place, death))]
    return told(ticks, tracker())[-1][0]


def test_a_loop_that_comes_back_where_it_was_has_its_name_again() -> None:
    assert again(LAPSE / 2) == "birth 0"


def test_a_loop_that_was_away_for_too_long_has_a_new_name() -> None:
    assert again(LAPSE - 0.01) == "birth 0"
    assert again(LAPSE + 0.01) == "birth 1"


def test_a_loop_somewhere_else_or_of_another_size_has_a_new_name() -> None:
    assert again(1, THERE) == "birth 1"
    assert again(1, (2.0, 0.0)) == "birth 0"  # all points are within the birth, none is the same
    assert again(1, death=9.1) == "birth 1"
    assert again(1, death=8.9) == "birth 0"


def test_the_numbers_that_were_passed_over_are_given_to_nobody() -> None:
    ticks = [
        at(1, (0, HERE, 3.0)),
        at(1.1),
        at(1.2, (100, HERE, 3.0)),
        at(1.3, (100, HERE, 3.0), (200, THERE, 3.0)),
    ]
    assert told(ticks, tracker())[2:] == [["birth 0"], ["birth 2"]]
    assert ticks[-1].feature_ids[1] == ("scale_1000ms/H1/0", "scale_1000ms/H1/2")


def test_a_name_is_given_once_and_to_the_likelier_loop() -> None:
    ticks = [
        at(1, (0, HERE, 3.0)),
        at(1.1),
        at(1.2, (100, (0.5, 0.0), 3.2), (200, HERE, 3.0)),
    ]
    assert told(ticks, tracker())[2] == ["birth 1", "birth 0"]


def test_a_loop_given_its_name_back_begins_a_new_life() -> None:
    following = tracker()
    told([at(1, (0, HERE, 3.0)), at(1.1), at(1.2, (100, HERE, 3.0))], following)
    (line,), (former,) = following.features(), following.finished()
    assert line.id == former.id
    assert (former.last_seen, line.first_seen, line.n_ticks) == (1.0, 1.2, 1)
    assert line.times.tolist() == [1.2]


def test_a_snapshot_knows_whose_names_may_be_given_back() -> None:
    following = tracker()
    told([at(1, (0, HERE, 3.0)), at(1.1)], following)
    restored = FeatureTracker.restore(following.snapshot())
    assert restored.snapshot() == following.snapshot()
    for one in (following, restored):
        assert told([at(1.2, (100, HERE, 3.0))], one) == [["birth 0"]]


def test_what_is_kept_of_loops_that_ended_is_bounded_and_counted() -> None:
    following = tracker(history=1, finished=0)
    for i in range(20):
        loops = [(1000 * i + 4 * j, (50.0 * (30 * i + j), 0.0), 3.0) for j in range(30)]
        following([at(1 + i / 10, *loops)])
        following([at(1.05 + i / 10)])
        lapsed = following._kept.scales["scale_1000ms"].lapsed
        assert len(lapsed) == 16
    assert following.nbytes >= sum(one.loop.nbytes for one in lapsed) > 0
    assert following.nbytes >= bytes_of(following._kept)
