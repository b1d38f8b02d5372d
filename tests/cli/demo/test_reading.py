"""What loops over time amount to."""

from __future__ import annotations

import numpy as np

from aura_tda_gpu.cli.demo.reading import (
    NO_LOOP,
    ONE_LOOP,
    SEVERAL_LOOPS,
    Reading,
    flat_spans,
    spans_where,
)

LONGEST = np.array([0, 1, 9, 10, 9, 2, 10, 11, 10, 10], np.float64)
SECOND = np.array([0, 1, 8, 1, 1, 1, 2, 9, 1, 5], np.float64)
READING = Reading(np.arange(10.0), LONGEST, SECOND)


def test_states():
    none, one, several = NO_LOOP, ONE_LOOP, SEVERAL_LOOPS
    expected = [none, none, several, one, one, none, one, several, one, one]
    np.testing.assert_array_equal(READING.states, expected)


def test_an_empty_window_holds_no_loop():
    zero = np.zeros(5)
    assert (Reading(np.arange(5.0), zero, zero).states == NO_LOOP).all()


def test_onset_and_outstanding_ticks():
    assert READING.onset() == 3
    assert READING.clearest(0) == 3
    assert READING.clearest(4) == 8
    assert READING.most_divided(0) == 7
    assert READING.most_divided(8) == 9


def test_shares_and_medians_of_nothing_are_nan():
    later = READING.times >= 6
    assert READING.share(ONE_LOOP, later) == 0.75
    assert READING.median(LONGEST, later) == 10
    assert np.isnan(READING.share(ONE_LOOP, READING.times > 99))
    assert np.isnan(READING.median(LONGEST, READING.times > 99))


def test_spans():
    times = np.arange(8) / 2
    mask = np.array([1, 1, 0, 0, 1, 0, 1, 1], bool)
    assert spans_where(mask, times) == [(0.0, 0.5), (2.0, 2.0), (3.0, 3.5)]
    assert spans_where(mask, times, 0.5) == [(0.0, 0.5), (3.0, 3.5)]
    assert spans_where(~mask & mask, times) == []
    assert spans_where(mask | True, times) == [(0.0, 3.5)]


def test_flat_spans():
    values = np.array([1, 2, 2, 2, 3, 3, 4, 5, 5, 5], np.float64)
    times = np.arange(10.0)
    assert flat_spans(times, values, 2) == [(1.0, 3.0), (7.0, 9.0)]
    assert flat_spans(times, values, 1) == [(1.0, 3.0), (4.0, 5.0), (7.0, 9.0)]
    assert flat_spans(times, values, 3) == []
    assert flat_spans(times, np.ones(10), 3) == [(0.0, 9.0)]
