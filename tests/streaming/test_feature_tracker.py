"""Names, lives, events: on ticks written by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from aura_tda_gpu import FeatureTracker, MultiScaleStream, TDAStreamEvent, WindowUpdate
from aura_tda_gpu.errors import ConfigError, InvalidInputError
from aura_tda_gpu.persistence.kernels.following import joined_sizes
from aura_tda_gpu.persistence.significance import calibration_for

from .made_up import OPEN, Bar, update


def tracker(**settings: Any) -> FeatureTracker:
    """A tracker that tells every bar at once."""
    return FeatureTracker(**{"min_ticks": 1, "alpha": 1.0, **settings})


def told(updates: Sequence[WindowUpdate], following: FeatureTracker) -> list[list[str]]:
    """What each tick tells, as ``birth 0``."""
    following.follow(updates)
    return [[short(event) for event in tick.events] for tick in updates]


def short(event: TDAStreamEvent) -> str:
    return f"{event.event_type.removeprefix('feature_')} {event.feature_id.rpartition('/')[2]}"


def loop(k: int, birth: float = 1.0, death: float = 3.0, **changes: Any) -> Bar:
    """A bar whose edges nobody else has."""
    return Bar(birth, death, (10 * k, 10 * k + 1), (10 * k + 2, 10 * k + 3), **changes)


def test_a_bar_keeps_its_name_while_its_edges_stay() -> None:
    ticks = [
        update(1, [loop(1), loop(2, 1, 9)]),
        update(2, [loop(1, 1, 9), loop(2)]),  # their bars change places
        update(3, [loop(2)]),
    ]
    assert told(ticks, tracker()) == [
        ["birth 0", "birth 1"],  # the longest first
        ["update 1", "update 0"],
        ["death 1"],
    ]
    assert ticks[1].feature_ids[1] == ("scale_1000ms/H1/1", "scale_1000ms/H1/0")
    assert ticks[2].feature_ids == {1: ("scale_1000ms/H1/0",)}


def test_a_bar_whose_edges_change_keeps_its_name_by_its_place() -> None:
    ticks = [update(1, [loop(1), loop(2, 5, 9)]), update(2, [loop(3, 5.1, 9), loop(4, 1, 3.1)])]
    assert told(ticks, tracker()) == [["birth 0", "birth 1"], []]
    assert ticks[1].feature_ids[1] == ("scale_1000ms/H1/0", "scale_1000ms/H1/1")


def test_two_loops_that_swap_their_bars_keep_their_names_by_their_points() -> None:
    left, right = tuple(range(100, 120)), tuple(range(200, 220))
    bars = [Bar(1, 5, (1, 2), (3, 4), left), Bar(1, 4.8, (5, 6), (7, 8), right)]
    swapped = [
        Bar(1, 4.94, (11, 12), (13, 14), (*right[2:], 20)),
        Bar(1, 4.86, (15, 16), (17, 18), (*left[2:], 21)),
    ]
    ticks = [update(1, bars), update(2, swapped)]
    assert told(ticks, tracker())[1] == []
    assert ticks[1].feature_ids[1] == ("scale_1000ms/H1/1", "scale_1000ms/H1/0")


def test_a_feature_is_born_after_its_ticks_and_dies_after_them() -> None:
    present = [True, True, False, True, True, True, False, False, True, False, False, False, False]
    ticks = [update(t, [loop(1)] if here else []) for t, here in enumerate(present)]
    events = told(ticks, tracker(min_ticks=3))
    expected: list[list[str]] = [[] for _ in present]
    expected[5] = ["birth 0"]  # the third tick in a row
    expected[11] = ["death 0"]  # the third tick without it; two do not count
    assert events == expected
    metadata = ticks[11].events[0].metadata
    assert (metadata["first_seen"], metadata["last_seen"], metadata["n_ticks"]) == (3, 8, 4)


def test_persistence_has_hysteresis() -> None:
    lengths = [0.9, 1.0, 0.6, 0.5, 0.4, 1.2]
    ticks = [update(t, [loop(1, 1, 1 + x)]) for t, x in enumerate(lengths)]
    events = told(ticks, tracker(min_persistence=1.0))
    assert events == [[], ["birth 0"], ["update 0"], ["update 0"], ["death 0"], ["birth 0"]]


def test_an_unstable_bar_is_not_born() -> None:
    lengths = [10, 1, 10, 1, 10, 1, 1, 1, 1, 1, 1, 1, 1]
    ticks = [update(t, [loop(1, 0.5, 0.5 + x)]) for t, x in enumerate(lengths)]
    events = told(ticks, tracker(min_ticks=3, stability_threshold=0.3))
    assert [t for t, now in enumerate(events) if now == ["birth 0"]] == [9]


def test_an_update_is_told_once_a_bar_has_moved() -> None:
    deaths = [3, 3.1, 3.19, 3.21, 3.3, 3.0]
    ticks = [update(t, [loop(1, 1, death)]) for t, death in enumerate(deaths)]
    events = told(ticks, tracker(min_change=0.1))  # a tenth of about 2, since it was last told
    assert [len(now) for now in events] == [1, 0, 0, 0, 1, 1]
    ticks = [update(t, [loop(1, 1, death)], error_bound=0.2) for t, death in enumerate(deaths)]
    events = told(ticks, tracker(min_change=0.1))  # 0.2 at either tick says nothing
    assert [len(now) for now in events] == [1, 0, 0, 0, 0, 0]


def test_landmarks_that_move_a_bar_do_not_end_it() -> None:
    ticks = [
        update(1, [loop(1, 1, 1.2)], error_bound=0.5),
        update(2, [loop(2, 1.2, 2.1)], error_bound=0.5),
        update(3, [loop(3, 1, 1.1)], error_bound=0.1),
    ]
    assert told(ticks, tracker()) == [["birth 0"], [], ["death 0", "birth 1"]]


def test_open_bars_live_and_close() -> None:
    ticks = [
        update(1, [Bar(1, OPEN, (1, 2), truncated=True)], max_edge_length=5.0),
        update(2, [Bar(1, 4.9, (1, 2), (3, 4))], max_edge_length=5.0),
        update(3, [Bar(1, OPEN, (1, 2), truncated=True)], max_edge_length=5.0),
        update(4, [Bar(1, OPEN, (5, 6))]),  # essential: it never ends
        update(5, [Bar(1, OPEN, (5, 6))]),
    ]
    following = tracker()
    assert told(ticks, following) == [
        ["birth 0"],
        ["update 0"],
        ["update 0"],
        ["death 0", "birth 1"],
        [],
    ]
    assert [now.events[0].metadata["death"] for now in ticks[1:3]] == [np.float32(4.9), OPEN]
    birth, death = ticks[0].events[0].metadata, ticks[3].events[0].metadata
    assert birth["death"] == birth["persistence"] == math.inf
    assert death["death"] == math.inf
    (line,) = following.features()
    assert line.deaths.tolist() == [OPEN, OPEN]
    assert line.persistence == OPEN
    assert line.stability == 1.0
    assert following.finished()[0].deaths.tolist() == [OPEN, np.float32(4.9), OPEN]


def test_ticks_left_out_count_as_ticks_without_a_bar() -> None:
    for skipped, expected in ((1, []), (2, ["death 0", "birth 1"])):
        ticks = [
            update(1, [loop(1)]),
            update(2, [loop(1)]),
            update(9, [loop(1)], skipped_ticks=skipped),
            update(10, [loop(1)]),
        ]
        events = told(ticks, tracker(min_ticks=2))
        assert events[1] == ["birth 0"]
        assert [e for now in events[2:] for e in now] == expected
        if skipped == 2:
            assert ticks[2].events[0].event_type == "feature_death"


def test_a_scale_that_stops_leaves_its_features_as_they_were() -> None:
    following = tracker()
    told([update(1, [loop(1)]), update(1, [loop(1)], scale=2000)], following)
    told([update(t, [loop(1)]) for t in range(2, 30)], following)
    (line,) = following.features("scale_2000ms")
    assert (line.last_seen, line.n_ticks, line.row) == (1, 1, 0)


def test_diagrams_without_bars() -> None:
    following = tracker()
    assert told([update(t) for t in range(4)], following) == [[]] * 4
    assert following.features() == following.finished() == []
    assert told([update(5, [loop(1)]), update(6)], following) == [["birth 0"], ["death 0"]]


def test_thousands_of_equal_bars_are_followed_as_far_as_there_is_room() -> None:
    many = [loop(k, 1, 2) for k in range(3000)]
    ticks = [update(1, many), update(2, [loop(k + 1500, 1, 2) for k in range(3000)])]
    following = tracker(max_tracks=100)
    events = told(ticks, following)
    assert len(events[0]) == 100
    assert len(following.features()) == 100
    assert events[1] == []  # equal bars go on as equal bars
    assert sum(name is not None for name in ticks[1].feature_ids[1]) == 100


def test_a_loop_that_shrinks_to_noise_ends() -> None:
    noise = [loop(k, 1, 1 + 0.02 * k) for k in range(2, 12)]
    ticks = [update(t, [*noise, loop(50, 1, 9)]) for t in range(8)]
    ticks += [update(t, [*noise, loop(50, 1, 5.1)]) for t in range(8, 16)]  # half is enough
    ticks += [update(t, [*noise, loop(50, 1, 1.19)]) for t in range(16, 24)]
    events = told(ticks, FeatureTracker(min_ticks=1))
    flat = [(t, e) for t, now in enumerate(events) for e in now]
    assert flat == [(4, "birth 0"), (8, "update 0"), (16, "update 0"), (20, "death 0")]


def test_a_loop_that_stays_long_lives_on_among_longer_noise() -> None:
    few, many = ([loop(k, 1, 1 + x * k) for k in range(2, 32)] for x in (0.005, 0.1))
    ticks = [update(t, [*few, loop(50, 1, 5)]) for t in range(8)]
    ticks += [update(t, [*many, loop(50, 1, 5)]) for t in range(8, 40)]
    following = FeatureTracker(min_ticks=1)
    events = told(ticks, following)
    assert [(t, e) for t, now in enumerate(events) for e in now] == [(4, "birth 0")]
    (line,) = following.features()
    assert (line.n_ticks, line.significant) == (40, False)


def test_among_two_bars_death_over_birth_tells_a_loop() -> None:
    law = calibration_for(landmarks="exact", n_vertices=10, n_points=10)
    least = law.longest_5[law.n_bars.index(2)]
    for death, expected in ((least - 0.01, []), (least + 0.01, [(4, "birth 0")])):
        ticks = [update(t, [loop(1, 1, death), loop(2, 1, 1.01)]) for t in range(12)]
        events = told(ticks, FeatureTracker(min_ticks=1))
        assert [(t, e) for t, now in enumerate(events) for e in now] == expected
        assert ticks[-1].diagram[1].shape == (2, 2)


def test_parts_are_told_where_they_stand_apart() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(1200) * 0.01
    points = rng.normal(size=(1200, 2))
    points[400:800:2] += 12  # a second part from 4 to 8 s
    points[::97] *= 9  # single outliers are no parts
    updates = MultiScaleStream([1000]).push(points, t)
    following = FeatureTracker(0.0)
    following.follow(updates)
    events = [e for u in updates for e in u.events if e.dimension == 0]
    events = [e for e in events if e.event_type != "feature_update"]
    assert [e.event_type for e in events] == ["feature_birth", "feature_birth", "feature_death"]
    assert events[0].metadata["death"] == OPEN
    assert 4 < events[1].timestamp < 6
    assert 8 < events[2].timestamp < 9.5
    assert events[1].metadata["p_value"] is None
    assert events[1].metadata["significant"]


def test_joined_sizes() -> None:
    edges = np.array([(0, 1), (2, 3), (1, 2), (4, 5), (5, 0), (6, 7)])
    smaller = np.empty(6, np.int64)
    joined_sizes(edges, 8, smaller)
    assert smaller.tolist() == [1, 1, 2, 1, 2, 1]


def test_an_update_of_the_past_is_refused_and_changes_nothing() -> None:
    following = tracker()
    following.follow([update(5, [loop(1)])])
    before = following.snapshot()
    for late in (5, 3, math.nan):
        with pytest.raises(InvalidInputError, match="the one at 5 s"):
            following([update(6, [loop(1)], scale=2000), update(late, [loop(2)])])
        assert following.snapshot() == before
    with pytest.raises(InvalidInputError):
        following([update(6, [loop(1)]), update(6, [loop(1)])])
    assert following.snapshot() == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_persistence", -1),
        ("min_persistence", math.inf),
        ("min_persistence", math.nan),
        ("min_ticks", 0),
        ("min_ticks", 1.5),
        ("alpha", 0),
        ("alpha", 1.1),
        ("alpha", None),
        ("stability_threshold", 2),
        ("min_change", "much"),
        ("max_tracks", 0),
        ("history", 0),
        ("finished", -1),
    ],
)
def test_settings_out_of_range(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        FeatureTracker(**{name: value})
