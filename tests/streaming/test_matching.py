"""The assignment of bars against one that writes the diagonal out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from aura_tda_gpu.persistence.kernels import matching
from aura_tda_gpu.persistence.kernels.following import equal_rows, mutual

FAR = 1e6


def match(
    names_before, bars_before, names, bars, *, slack, ratio, likeness: Callable[[int, int], float]
) -> np.ndarray:
    known = np.ones(len(bars_before), np.bool_)
    source, asked = np.empty(len(bars), np.int64), np.empty((matching.MOST_ASKED, 2), np.int64)
    found = names_before, bars_before, known, names, bars, float(slack), ratio
    n_asked = matching.match(*found, np.empty(0), asked, source)
    if n_asked:
        likenesses = np.array([likeness(u, v) for u, v in asked[:n_asked].tolist()], np.float64)
        assert matching.match(*found, likenesses, asked, source) == 0
    return source


def unlike(u: int, v: int) -> float:
    return 0.0


def bars_of(pairs: list[tuple[int, int]]) -> np.ndarray:
    """Bars of small integers, so that many costs are equal; longest first."""
    bars = np.array([(b, b + length) for b, length in pairs], np.float64).reshape(-1, 2)
    return bars[np.argsort(bars[:, 0] - bars[:, 1], kind="stable")]


def names(n: int, start: int) -> np.ndarray:
    """Names that no other bar has."""
    return np.arange(start, start + 4 * n).reshape(n, 4)


def may_be_one(
    a: np.ndarray, b: np.ndarray, slack: float, ratio: float
) -> tuple[bool, float, float]:
    gap = max(abs(a[0] - b[0]), abs(a[1] - b[1]))
    lengths = sorted([a[1] - a[0], b[1] - b[0]])
    diagonal = sum(lengths) / 2
    near = (gap < diagonal and lengths[0] >= ratio * lengths[1]) or gap <= slack
    return near, gap, diagonal


def least_cost(before: np.ndarray, after: np.ndarray, slack: float, ratio: float) -> float:
    """Cost of the best assignment, every bar with a place on the diagonal of its own."""
    n, m = len(before), len(after)
    table = np.full((n + m, n + m), FAR)
    table[n:, m:] = 0
    for i in range(n):
        table[i, m + i] = (before[i, 1] - before[i, 0]) / 2
        for j in range(m):
            near, gap, _ = may_be_one(before[i], after[j], slack, ratio)
            if near:
                table[i, j] = gap
    for j in range(m):
        table[n + j, j] = (after[j, 1] - after[j, 0]) / 2
    return float(table[linear_sum_assignment(table)].sum())


def cost_of(source: np.ndarray, before: np.ndarray, after: np.ndarray) -> float:
    """Cost of a matching."""
    total = 0.0
    left = set(range(len(before)))
    for j, i in enumerate(source.tolist()):
        if i < 0:
            total += (after[j, 1] - after[j, 0]) / 2
        else:
            left.remove(i)  # no bar continues twice
            total += max(abs(before[i] - after[j]))
    return total + sum((before[i, 1] - before[i, 0]) / 2 for i in left)


pairs = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 6)), max_size=9)


@given(pairs, pairs, st.sampled_from([0.0, 0.15, 0.5]))
def test_what_has_no_name_is_assigned_at_least_cost(before, after, ratio) -> None:
    old, new = bars_of(before), bars_of(after)
    source = match(
        names(len(old), 0),
        old,
        names(len(new), 10_000),
        new,
        slack=0.0,
        ratio=ratio,
        likeness=unlike,
    )
    assert cost_of(source, old, new) == pytest.approx(least_cost(old, new, 0.0, ratio), abs=1e-6)
    for j, i in enumerate(source.tolist()):
        assert i < 0 or may_be_one(old[i], new[j], 0.0, ratio)[0]


@given(pairs, st.randoms(use_true_random=False))
def test_names_win_over_places(pairs, random) -> None:
    old = bars_of(pairs)
    order = list(range(len(old)))
    random.shuffle(order)
    new = bars_of([(random.randint(0, 9), random.randint(1, 6)) for _ in order])
    edges = names(len(old), 0)
    source = match(edges, old, edges[order], new, slack=0.0, ratio=0.15, likeness=unlike)
    assert source.tolist() == order


def test_a_name_that_two_bars_have_continues_as_often_as_both_have_it() -> None:
    nameless = np.full((3, 4), -1)
    bars = np.array([[0.0, 9.0]] * 3)
    source = match(nameless, bars, nameless[:2], bars[:2], slack=0, ratio=0.15, likeness=unlike)
    assert source.tolist() == [0, 1]


def test_slack_lets_a_short_bar_go_on_whatever_its_length() -> None:
    old, new = np.array([[1.0, 1.1]]), np.array([[1.0, 3.0]])
    for slack, expected in ((0.0, -1), (1.8, -1), (2.0, 0)):
        source = match(names(1, 0), old, names(1, 9), new, slack=slack, ratio=0.15, likeness=unlike)
        assert source.tolist() == [expected]


def test_likeness_decides_between_bars_that_are_as_near() -> None:
    old = np.array([[1.0, 5.0], [1.0, 4.9]])
    new = np.array([[1.0, 4.96], [1.0, 4.94]])
    for loops, expected in (((0, 1), [0, 1]), ((1, 0), [1, 0])):
        source = match(
            names(2, 0),
            old,
            names(2, 99),
            new,
            slack=0.0,
            ratio=0.15,
            likeness=lambda u, v, loops=loops: float(loops[v] == u),
        )
        assert source.tolist() == expected


def test_likeness_does_not_move_a_bar_that_is_far_away() -> None:
    old, new = np.array([[1.0, 9.0], [1.0, 4.0]]), np.array([[1.0, 8.9], [1.0, 4.1]])
    source = match(
        names(2, 0),
        old,
        names(2, 99),
        new,
        slack=0.0,
        ratio=0.15,
        likeness=lambda u, v: float(u != v),
    )
    assert source.tolist() == [0, 1]


def test_beyond_the_assignment_bars_continue_where_they_are_each_others_nearest() -> None:
    rng = np.random.default_rng(0)
    births = rng.uniform(0, 1000, 300)
    old = np.column_stack([births, births + 1])
    new = old + rng.uniform(-0.01, 0.01, old.shape)
    new = new[rng.permutation(300)]
    new = new[np.argsort(new[:, 0] - new[:, 1], kind="stable")]
    source = match(names(300, 0), old, names(300, 9999), new, slack=0, ratio=0.15, likeness=unlike)
    assert (np.abs(old[source] - new) < 0.03).all()
    assert len(set(source.tolist())) == 300


@given(pairs, pairs, st.sampled_from([0.0, 2.0]), st.sampled_from([0.15, 0.5]))
def test_mutual_is_what_it_says(before, after, slack, ratio) -> None:
    old, new = bars_of(before), bars_of(after)
    found = np.empty(len(new), np.int64)
    mutual(old, new, slack, ratio, False, found)
    gaps = np.full((len(old), len(new)), np.inf)
    for i in range(len(old)):
        for j in range(len(new)):
            near, gap, _ = may_be_one(old[i], new[j], slack, ratio)
            gaps[i, j] = gap if near else np.inf
    for j in range(len(new)):
        i = int(np.argmin(gaps[:, j])) if len(old) else -1
        if len(old) and np.isfinite(gaps[i, j]) and int(np.argmin(gaps[i])) == j:
            assert found[j] == i
        else:
            assert found[j] == -1


def test_clear_pairs_have_no_rival_within_three_times_their_distance() -> None:
    old = np.array([[0.0, 10.0], [5.0, 15.0]])
    for gap, expected in ((1.2, [0, 1]), (1.3, [-1, -1])):
        new = np.array([[gap, 10 + gap], [5 + gap, 15 + gap]])
        found = np.empty(2, np.int64)
        mutual(old, new, 0.0, 0.15, True, found)
        assert found.tolist() == expected


rows = st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 2)), max_size=12)


@given(rows, rows)
def test_equal_rows_are_matched_in_their_order(before, after) -> None:
    found = np.empty(len(after), np.int64)
    old, new = (np.array(r, np.int64).reshape(-1, 2) for r in (before, after))
    equal_rows(old, new, found)
    left = list(enumerate(before))
    for j, row in enumerate(after):
        i = next((i for i, other in left if other == row), -1)
        left = [pair for pair in left if pair[0] != i]
        assert found[j] == i
