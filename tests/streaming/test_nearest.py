"""Rows that follow each other closely look among few landmarks and find what all would give."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from aura_tda_gpu.persistence.kernels import cover as kernel
from aura_tda_gpu.persistence.kernels import nearest as near
from aura_tda_gpu.persistence.kernels.farthest import SQUARES
from benchmarks.peak_memory import forget_peak, process_memory

from .clouds import Points
from .test_cover import landmarks_of, take

N, K, DURATION, SLIDE = 1200, 64, 500, 50


def curve(rng: np.random.Generator) -> Points:
    t = np.arange(N) / 150
    return np.column_stack([np.cos(t), np.sin(3 * t), t % 2]) + rng.normal(scale=0.01, size=(N, 3))


def lattice_walk(rng: np.random.Generator) -> Points:
    """Steps of one along an axis: many landmarks are as far, many rows the same."""
    return np.abs(np.cumsum(rng.integers(-1, 2, (N, 2)), axis=0) % 26 - 13.0)


def leaps(rng: np.random.Generator) -> Points:
    """Small steps, and now and then a place far away or one of before."""
    walk = np.cumsum(rng.normal(scale=0.05, size=(N, 2)), axis=0)
    away = rng.random(N) < 0.1
    walk[away] = walk[rng.integers(0, N, int(away.sum()))] + rng.choice(
        [0, 3], (int(away.sum()), 1)
    )
    return walk


def tiny_steps(rng: np.random.Generator) -> Points:
    """Squares of some differences underflow, those of others nearly do."""
    sizes = 10.0 ** rng.choice([-200, -161, -136, -135], (N, 1))
    return np.cumsum(rng.integers(-2, 3, (N, 2)) * sizes, axis=0)


def spiral(rng: np.random.Generator) -> Points:
    """Landmarks close by the dozen, near where the next rows come."""
    t = np.arange(N) / 60
    radius = np.exp(t / 8)
    return np.column_stack([radius * np.cos(t), radius * np.sin(t), 0.01 * rng.normal(size=N)])


CLOUDS = [spiral, curve, lattice_walk, leaps, tiny_steps]


def told(state: kernel.State) -> list[Any]:
    """Everything but working memory."""
    queue = [state.last.tolist(), state.bucket.tolist(), state.bound.tolist()]
    return [landmarks_of(state), state.rho.tolist(), state.counts.tolist(), *queue]


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("scaled", [False, True])
def test_a_batch_gives_what_its_rows_give_one_by_one(cloud: Any, scaled: bool) -> None:
    points = cloud(np.random.default_rng(1))
    if scaled:
        points += np.array([40.0] + [0.0] * (points.shape[1] - 1))
    states = [kernel.new_state(K, points.shape[1], scaled=scaled) for _ in range(2)]
    for start in range(0, N, SLIDE):
        live = max(0, start + SLIDE - DURATION)
        take(states[0], points[start : start + SLIDE], start, live, N, SLIDE, SQUARES)
        for row in range(start, start + SLIDE):  # nothing is known around a row that comes alone
            take(states[1], points[row : row + 1], row, live, N, SLIDE, SQUARES)
        for state in states:
            kernel.settle(state, live, start)
        assert told(states[0]) == told(states[1])


@pytest.mark.parametrize("cloud", CLOUDS)
def test_measuring_a_batch_gives_the_nearest_landmark_of_each_row(cloud: Any) -> None:
    points = cloud(np.random.default_rng(2))
    state = kernel.new_state(K, points.shape[1], scaled=False)
    take(state, points, 0, 0, N, SLIDE, SQUARES)
    numbers = np.arange(N)
    for array in (points, numbers):
        array.flags.writeable = False
    newest = state.newest.copy()
    kernel.measure(state, points, numbers, 0, SLIDE, SQUARES)
    high = int(state.counts[kernel.HIGH])
    places = state.columns[:, :high].T
    for row, point in enumerate(points):
        slot, _ = near.nearest(state.columns, state.raw, high, state.gap, point, point, SQUARES)
        newest[slot] = max(newest[slot], row)
    assert state.newest.tolist() == newest.tolist()
    used = np.flatnonzero(newest != kernel.FREE)
    for slot in used.tolist():
        one = np.array([places[slot]])
        near.gaps(one.T.copy(), points[newest[slot]], 1, SQUARES, state.gap)
        same = bool((one == points[newest[slot]]).all())
        assert state.back[slot] == (0.0 if same else near.distance_of(state.gap[0], SQUARES))


def around_first_row(points: Points, columns: Points, rho: float) -> near.Around:
    around = near.nothing_around(columns.shape[1], len(columns))
    gap = np.empty(columns.shape[1])
    near.gaps(columns, points[0], len(gap), SQUARES, gap)
    twice = points[[0, 0]]  # the row before is as near as can be
    near.look_around(columns, len(gap), gap, rho, around, twice, 1, np.sqrt(gap.min()))
    return around


def test_rows_are_joined_until_one_has_left_what_is_known() -> None:
    rng = np.random.default_rng(3)
    columns = rng.uniform(0, 20, (2, 400))
    points = np.cumsum(rng.normal(scale=0.02, size=(3000, 2)), axis=0) + 10
    around = around_first_row(points, columns, rho=1.0)
    assert 0 < around.size[0] < 100
    slots, distances = np.full(len(points), -1), np.empty(len(points))
    last = near.join_few(points, np.inf, around, slots, distances)
    assert 100 < last < len(points)
    gaps = ((columns[:, np.newaxis, :] - points[:last].T[:, :, np.newaxis]) ** 2).sum(axis=0)
    assert slots[:last].tolist() == gaps.argmin(axis=1).tolist()
    assert distances[:last].tolist() == np.sqrt(gaps.min(axis=1)).tolist()
    assert (slots[last:] == -1).all()
    half = float(np.median(distances[:last]))
    assert near.join_few(points, half, around, slots, distances) == np.argmax(distances > half)


def test_an_open_landmark_is_looked_at_and_of_equals_the_lowest_slot_counts() -> None:
    columns = np.arange(40.0)[np.newaxis]
    around = around_first_row(np.array([[10.5]]), columns, rho=1.0)
    slots, distances = np.empty(1, np.int64), np.empty(1)
    assert near.join_few(np.array([[10.5]]), 1.0, around, slots, distances) == 1
    assert slots[0] == 10
    near.opened(around, 4, np.array([10.0]))
    assert near.join_few(np.array([[10.5]]), 1.0, around, slots, distances) == 1
    assert slots[0] == 4
    near.opened(around, 7, np.array([10.4]))
    assert near.join_few(np.array([[10.5]]), 1.0, around, slots, distances) == 1
    assert slots[0] == 7


def test_a_landmark_that_closes_between_two_rows_is_not_joined() -> None:
    state = kernel.new_state(12, 1, scaled=False)
    state.columns[0] = [0, 2.05, *range(100, 200, 10)]
    state.newest[:] = [9, 3, *[9] * 10]
    state.counts[[kernel.SEEN, kernel.USED, kernel.HIGH]] = 10, 12, 12
    state.rho[0] = 1.0
    # the second is out of reach, its slot is free once row 3 is gone, and the third comes there
    take(state, np.array([[0.5], [1.02], [2.0]]), 10, 5, N, SLIDE, SQUARES)
    assert state.columns[0, 1] == 1.02
    assert state.newest[:2].tolist() == [10, 12]
    assert state.back[1] == 2.0 - 1.02


@pytest.mark.parametrize("place", [10.0, 10.0 + 1e-15, 1e-170, 1e-140])
def test_a_row_whose_square_may_have_underflowed_is_left_to_the_others(place: float) -> None:
    columns = np.array([[0.0, 10.0, *range(50, 90)]])
    around = around_first_row(np.array([[place]]), columns, rho=6.0)
    assert around.size[0] == 2
    sure = near.join_few(np.array([[place]]), 9.0, around, np.empty(1, np.int64), np.empty(1))
    assert sure == (place > 10)


def test_what_does_not_fit_any_more_is_forgotten() -> None:
    around = around_first_row(np.array([[10.5]]), np.arange(40.0)[np.newaxis], rho=1.0)
    size = int(around.size[0])
    for slot in range(40 - size):
        near.opened(around, slot, np.array([0.0]))
    assert around.size[0] == 40
    near.opened(around, 0, np.array([0.0]))
    assert around.size[0] == -1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is of Linux")
def test_many_rows_at_once_take_no_memory_and_give_what_few_give() -> None:
    n = 2_000_000
    points, numbers = np.cos(np.arange(n) / 1e5)[:, np.newaxis].copy(), np.arange(n)
    for array in (points, numbers):
        array.flags.writeable = False
    states = [kernel.new_state(16, 1, scaled=False) for _ in range(2)]
    take(states[0], points[:1000], 0, 0, n, SLIDE, SQUARES)  # loads the kernels
    kernel.measure(states[0], points[:1000], numbers[:1000], 0, SLIDE, SQUARES)
    before = process_memory("VmRSS")
    forget_peak()
    kernel.take(states[0], points, numbers, numbers, 0, 0, n, SLIDE, SQUARES)
    kernel.measure(states[0], points, numbers, 0, SLIDE, SQUARES)
    assert process_memory("VmHWM") - before < 4 * n
    for start in range(0, n, 1000):
        part = slice(start, start + 1000)
        kernel.take(
            states[1], points[part], numbers[part], numbers[part], start, 0, n, SLIDE, SQUARES
        )
    kernel.measure(states[1], points, numbers, 0, SLIDE, SQUARES)
    assert told(states[0])[:3] == told(states[1])[:3]
