"""Where a tracker could lose its way: gaps, interrupts, restores, loops that cannot be told."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from types import FrameType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from aura_tda_gpu import FeatureTracker, MultiScaleStream, WindowUpdate
from aura_tda_gpu.errors import ConfigError, InvalidInputError
from aura_tda_gpu.streaming.feature_tracker import StabilityFilter

from .made_up import OPEN, Bar, update
from .test_feature_tracker import loop, told, tracker
from .test_followed_streams import two_scales

LEFT, RIGHT = tuple(range(100, 120)), tuple(range(200, 220))
PLACES = {
    **{p: (math.cos(p), math.sin(p)) for p in LEFT},
    **{p: (50 + math.cos(p), math.sin(p)) for p in RIGHT},
    **{p: (1000.0 * p, 0.0) for p in range(1, 99)},
}
TWO = [Bar(1, 5, (1, 2), (3, 4), LEFT), Bar(1, 4.8, (5, 6), (7, 8), RIGHT)]
SWAPPED = [
    Bar(1, 4.94, (11, 12), (13, 14), (*RIGHT[2:], 20)),
    Bar(1, 4.86, (15, 16), (17, 18), (*LEFT[2:], 21)),
]


def both(t: float, one: Sequence[Bar], other: Sequence[Bar], **changes: Any) -> list[WindowUpdate]:
    """The updates of two scales at one instant."""
    return [
        update(t, one, scale=1000, places=PLACES, **changes),
        update(t, other, scale=2000, places=PLACES, **changes),
    ]


def groups(following: FeatureTracker) -> dict[str, int]:
    return {line.id.removeprefix("scale_"): line.group for line in following.features()}


def test_after_a_gap_loops_are_compared_with_those_of_their_own_feature() -> None:
    noise = Bar(1, 9, (300, 301), (302, 303))  # its track is not a feature, and ends in the gap
    ticks = [
        update(1, TWO),
        update(2, TWO),
        update(3, [noise, *TWO]),
        update(5, SWAPPED, skipped_ticks=1),
    ]
    assert told(ticks, tracker(min_ticks=2))[2:] == [[], []]
    assert ticks[3].feature_ids[1] == ("scale_1000ms/H1/1", "scale_1000ms/H1/0")


def test_an_engine_without_loops_leaves_the_places_to_decide() -> None:
    ticks = [update(1, TWO), update(2, SWAPPED)]
    for tick in ticks:
        tick.diagram._loop_edges = None
    assert told(ticks, tracker()) == [["birth 0", "birth 1"], []]
    assert ticks[0].events[0].metadata["cycle"] == []


def test_a_bar_cut_off_below_the_shortest_persistence_is_a_feature() -> None:
    ticks = [update(1, [Bar(1, OPEN, (1, 2), truncated=True)], max_edge_length=5.0)]
    assert told(ticks, tracker(min_persistence=10)) == [["birth 0"]]


@pytest.mark.parametrize("at_once", [False, True])
def test_several_instants_in_one_call_are_as_many_calls(at_once: bool) -> None:
    ticks = [update(t, [loop(1), loop(2, 1, 2 + t / 8)]) for t in (1, 2, 3, 4)]
    following = tracker(history=3)
    for updates in [ticks] if at_once else [[tick] for tick in ticks]:
        following(updates)
    lines = following.features()
    assert [line.times.tolist() for line in lines] == [[2, 3, 4]] * 2
    assert [line.deaths.tolist() for line in lines] == [[3, 3, 3], [2.25, 2.375, 2.5]]


def test_a_call_that_is_refused_follows_none_of_its_instants() -> None:
    following = tracker()
    following([update(5, [loop(1)])])
    before, first = following.snapshot(), update(6, [loop(2)])
    with pytest.raises(InvalidInputError, match="the one at 6 s"):
        following.follow([first, update(6, [loop(1)])])
    assert following.snapshot() == before
    assert first.events == ()


def test_a_loop_keeps_its_group_when_the_older_one_it_is_linked_to_ends() -> None:
    following = tracker()
    following(both(1, TWO, TWO))
    before = groups(following)
    assert before["1000ms/H1/0"] == before["2000ms/H1/0"] != before["2000ms/H1/1"]
    ticks = both(2, TWO[1:], TWO)
    following(ticks)
    assert ticks[0].events[0].metadata["group"] == before.pop("1000ms/H1/0")
    assert groups(following) == before


def test_links_of_features_that_end_right_after_a_restore_are_forgotten() -> None:
    following = tracker()
    following(both(1, TWO, TWO))
    moved = FeatureTracker.restore(following.snapshot())
    for each in (following, moved):
        each(both(2, [], []))
        each(both(3, TWO, TWO))
    assert groups(moved) == groups(following)
    assert len(set(groups(moved).values())) == 2


def test_certain_is_told_by_the_error_bound_of_the_tick_that_showed_the_bar() -> None:
    following = tracker(min_ticks=2)
    short = [loop(1, 1, 2.5)]
    ticks = [update(t, short, error_bound=1.0) for t in (1, 2)]
    ticks += [update(t, [], error_bound=0.0) for t in (3, 4)]
    following(ticks[:3])
    assert [line.certain for line in following.features()] == [False]
    following(ticks[3:])
    metadata = ticks[3].events[0].metadata
    assert (metadata["certain"], metadata["error_bound"]) == (False, 1.0)


def test_features_come_longest_first_those_not_seen_among_them() -> None:
    following = tracker(min_ticks=2)
    following([update(t, [loop(1, 1, 2.5), loop(2, 1, 9)]) for t in (1, 2)])
    following([update(3, [loop(1, 1, 2.5)])])
    assert [(line.persistence, line.row) for line in following.features()] == [(8, -1), (1.5, 0)]


def test_what_ended_in_a_gap_has_no_row() -> None:
    following = tracker()
    following([update(1, [loop(1)]), update(9, [], skipped_ticks=4)])
    assert [line.row for line in following.finished()] == [-1]


def test_a_feature_that_fades_is_told_as_its_history_has_it() -> None:
    noise = [loop(k, 1, 1 + 0.02 * k) for k in range(2, 12)]
    ticks = [update(t, [*noise, loop(50, 1, 9)], error_bound=0.001) for t in range(8)]
    ticks += [update(t, [*noise, loop(50, 1, 1.19)], error_bound=0.002) for t in range(8, 13)]
    following = FeatureTracker(min_ticks=1)
    following(ticks)
    (line,) = following.finished()
    metadata = ticks[12].events[0].metadata
    assert metadata["last_seen"] == line.last_seen == line.times[-1] == 11
    assert metadata["n_ticks"] == line.n_ticks == 12


def interrupted_at(line: int, work: Callable[[], object]) -> bool:
    """Do some work; an interrupt comes before the ``line``-th line of the tracker that runs.

    Not in `__call__`: at the end of its ``with`` a tracer may raise where no signal is looked at.
    """
    seen = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal seen
        name = frame.f_code.co_filename
        is_ours = "/tracking/" in name or name.endswith("streaming/feature_tracker.py")
        if not is_ours or frame.f_code.co_name == "__call__":
            return None
        if event == "line":
            seen += 1
            if seen == line:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(former)
    return False


def test_an_interrupt_at_any_line_has_followed_nothing() -> None:
    def instants() -> list[list[WindowUpdate]]:
        return [
            both(1, [*TWO, loop(3)], TWO),
            both(2, [*TWO, loop(4, 1, 8)], TWO[1:]),
            both(3, SWAPPED, [*TWO, loop(5, 1, 2)]),
        ]

    def seen(following: FeatureTracker, updates: Sequence[WindowUpdate]) -> list[Any]:
        bars = [(a.id, a.times.tolist(), a.deaths.tolist()) for a in following.features()]
        bars += [(a.id, a.times.tolist(), a.deaths.tolist()) for a in following.finished()]
        return [following.snapshot(), bars, [repr(u.events) for u in updates]]

    def started() -> FeatureTracker:
        following = tracker(history=1)
        following(instants()[0])
        return following

    smooth, expected = started(), []
    before = smooth.snapshot()
    for instant in instants()[1:]:
        smooth(instant)
        expected.append(seen(smooth, instant))
    for line in range(1, 10_000, 7):
        following, (_, second, third) = started(), instants()
        if not interrupted_at(line, lambda f=following, s=second: f(s)):
            break
        assert following.snapshot() == before
        following(second)
        assert seen(following, second) == expected[0]
        following(third)
        assert seen(following, third) == expected[1]
        assert following.nbytes == smooth.nbytes
    assert line > 200


def test_memory_of_rings_stays_that_of_the_features_alive() -> None:
    following = tracker(history=4, finished=0)
    for t in range(60):
        following([update(t, [loop(k + 10 * t) for k in range(5)])])
        if t == 5:
            held = following.nbytes
    assert following.nbytes <= held
    assert following.finished() == []


def test_a_tick_of_half_the_overlap_is_not_rounded_up() -> None:
    from aura_tda_gpu.persistence.significance import required_run

    assert required_run(2.35 / 0.235) == required_run(10) == 5
    assert required_run(10.5) == 6


def test_loops_far_apart_in_many_dimensions_are_compared_in_little_memory() -> None:
    import tracemalloc

    from aura_tda_gpu.streaming.tracking.loops import Loop, nearby

    rng = np.random.default_rng(0)
    places = rng.normal(size=(200, 500))
    one = Loop((), np.arange(200), places, 0.0)
    tracemalloc.start()
    try:
        assert nearby(one, Loop((), np.arange(200), places + 1e-6, 0.0), 1.0) == 1.0
        assert tracemalloc.get_traced_memory()[1] < 4 * places.nbytes
    finally:
        tracemalloc.stop()


def test_a_real_stream_survives_interrupts() -> None:
    smooth, rough = tracker(history=4), tracker(history=4)
    line = 0
    for tick, other in zip(two_scales(400), two_scales(400), strict=True):
        smooth([tick])
        line += 17
        if interrupted_at(line % 300 + 1, lambda o=other: rough([o])):
            rough([other])
        assert repr(other.events) == repr(tick.events)
        assert rough.snapshot() == smooth.snapshot()


def test_links_go_by_the_births_of_now_so_a_restored_tracker_goes_on_alike() -> None:
    far = {p: (3 + math.cos(p), math.sin(p)) for p in RIGHT}

    def instant(t: float, birth: float) -> list[WindowUpdate]:
        left, right = Bar(birth, 20, (1, 2), (3, 4), LEFT), Bar(birth, 20, (5, 6), (7, 8), RIGHT)
        return [
            update(t, [left], scale=1000, places=PLACES),
            update(t, [right], scale=2000, places={**PLACES, **far}),
        ]

    following = tracker()
    following(instant(1, 0.5))
    assert len(set(groups(following).values())) == 2
    moved = FeatureTracker.restore(following.snapshot())
    for each in (following, moved):
        each(instant(1.1, 4))
        assert len(set(groups(each).values())) == 1


def test_two_bars_that_cross_within_one_tick_are_told_apart_by_where_their_loops_are() -> None:
    one, other = (tuple(range(a, a + 10)) for a in (300, 400))  # other points of the same circles
    places = {p: PLACES[100 + p % 100 + (100 if p >= 400 else 0)] for p in (*one, *other)}
    before = [
        Bar(0.438, 1.313, (1, 2), (3, 4), LEFT[:10]),
        Bar(0.355, 1.204, (5, 6), (7, 8), RIGHT[:10]),
    ]
    after = [
        Bar(0.362, 1.366, (11, 12), (13, 14), other),
        Bar(0.313, 1.243, (15, 16), (17, 18), one),
    ]
    ticks = [update(1, before, places=PLACES), update(2, after, places={**PLACES, **places})]
    tracker().follow(ticks)
    assert ticks[1].feature_ids[1] == ("scale_1000ms/H1/1", "scale_1000ms/H1/0")


def test_two_circles_of_a_stream_whose_bars_cross_keep_their_names() -> None:
    rng = np.random.default_rng(1)
    t = np.arange(3000) * 0.01
    side = rng.integers(0, 2, 3000) * 2 - 1
    radius, turn = 1 + 0.5 * side * np.sin(0.6 * t), rng.uniform(0, 2 * math.pi, 3000)
    points = radius[:, np.newaxis] * np.column_stack([np.cos(turn), np.sin(turn)])
    points += np.column_stack([5 * side, 0 * side]) + rng.normal(scale=0.05, size=(3000, 2))
    updates = MultiScaleStream([2000]).push(points, t)
    FeatureTracker(min_persistence=0.2).follow(updates)
    sides: dict[str, set[bool]] = {}
    for tick in updates:
        for row, name in enumerate(tick.feature_ids[1]):
            if name is not None:
                walk = np.concatenate(tick.diagram.cycle(1, row))
                sides.setdefault(name, set()).add(bool(tick.vertices[walk, 0].mean() > 0))
    assert sorted(map(len, sides.values())) == [1, 1]


def test_noise_that_is_cut_off_is_not_told_and_a_loop_that_is_cut_off_is() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(2000) * 0.01
    noise = rng.random((2000, 2))
    turn = rng.uniform(0, 2 * math.pi, 2000)
    circle = np.column_stack([np.cos(turn), np.sin(turn)]) + rng.normal(scale=0.03, size=(2000, 2))
    for points, limit, expected in ((noise, 0.15, 0), (circle, 1.2, 1)):
        updates = MultiScaleStream([2000], max_edge_length=limit).push(points, t)
        assert any(tick.diagram.truncated[1].any() for tick in updates)
        FeatureTracker(min_persistence=0.02).follow(updates)
        events = [e for tick in updates for e in tick.events if e.dimension == 1]
        births = [e for e in events if e.event_type == "feature_birth"]
        assert len(births) == expected


def test_updates_may_come_from_a_generator() -> None:
    ticks = [update(t, [loop(1)]) for t in (1, 2)]
    followed = tracker().follow(tick for tick in ticks)
    assert [len(tick.events) for tick in followed] == [1, 0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("stability_threshold", "much"), ("stability_threshold", None), ("max_features", 1.5)],
)
def test_settings_of_the_filter_that_are_no_numbers(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        StabilityFilter(**{name: value})


def test_the_filter_compares_a_feature_with_what_it_was_when_last_asked_about() -> None:
    def feature(name: str, death: float) -> Any:
        return SimpleNamespace(id=name, birth=1.0, death=death)

    stable = StabilityFilter(0.5, max_features=2)
    deaths = [5.0, 4.0, 2.5, 9.0, OPEN, OPEN]  # not known; 3/4; 1/2 is not above; 1.5/8; open
    answers = [stable.is_stable(feature("a", death)) for death in deaths]
    assert answers == [False, True, False, False, False, True]
    stable.is_stable(feature("b", 5))
    stable.is_stable(feature("c", 5))
    assert not stable.is_stable(feature("a", OPEN))  # forgotten
    assert stable.is_stable(feature("c", 5))
