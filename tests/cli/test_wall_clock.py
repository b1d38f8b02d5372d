"""Event time by the clock on the wall."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from aura_tda_gpu.cli.wall_clock import WallClock


class Bench:
    """A clock whose wall and whose source are made up."""

    def __init__(self, grace_ms=1000, lateness_ms=0):
        self.now = 50.0
        self.silent = True
        self.source = SimpleNamespace(held_seconds=0.0, idle=lambda: self.silent)
        self.clock = WallClock(self.source, grace_ms, lateness_ms, lambda: self.now)

    def row(self, time):
        self.clock.note(np.array([time]))

    def mark(self, after):
        self.now += after
        return self.clock.mark()


def test_time_goes_on_behind_the_newest_row():
    bench = Bench(grace_ms=1000, lateness_ms=500)
    assert bench.mark(1) is None
    bench.row(7.0)
    assert bench.mark(0) == pytest.approx(5.5)
    assert not bench.clock.passed
    assert bench.mark(0.75) == pytest.approx(6.25)
    assert not bench.clock.passed  # the row itself moved the watermark to 6.5
    assert bench.mark(1) == pytest.approx(7.25)
    assert bench.clock.passed


def test_the_row_furthest_ahead_sets_the_clock():
    bench = Bench(grace_ms=0)
    bench.clock.note(np.array([3.0, 7.0, 5.0]))
    bench.now += 2
    bench.row(8.0)
    assert bench.mark(0) == pytest.approx(9)
    bench.row(20.0)
    assert bench.mark(1) == pytest.approx(21)
    bench.clock.note(np.empty(0))


def test_marks_keep_a_distance():
    bench = Bench()
    bench.row(0.0)
    assert bench.mark(0) is not None
    assert bench.mark(0.03) is None
    assert bench.mark(0.03) is not None


def test_no_mark_while_rows_wait():
    bench = Bench()
    bench.row(0.0)
    bench.silent = False
    assert bench.mark(5) is None
    bench.silent = True
    assert bench.mark(0) == pytest.approx(4)


def test_the_clock_stands_still_while_the_source_is_held_back():
    bench = Bench(grace_ms=0)
    bench.row(0.0)
    bench.source.held_seconds = 4.0
    assert bench.mark(5) == pytest.approx(1)
