"""A trace keeps the range of a signal in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from aura_tda_gpu.cli.trace import Sample, Trace


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 100, 1000, 12345])
@pytest.mark.parametrize("step", [1, 7, 100])
def test_every_peak_survives(n, step, rng):
    times, values = np.arange(n) / 10, rng.normal(size=n)
    trace = Trace(limit=16)
    for start in range(0, n, step):
        trace.add(times[start : start + step], values[start : start + step])
        assert len(trace) <= 17
    assert len(trace) == len(trace.times) == len(trace.low) == len(trace.high)
    if n:
        assert trace.low.min() == values.min()
        assert trace.high.max() == values.max()
        assert trace.times[0] == 0
    assert (np.diff(trace.times) > 0).all()
    if n <= 16:
        np.testing.assert_array_equal(trace.low, values)
        np.testing.assert_array_equal(trace.high, values)
    ends = np.append(trace.times[1:], np.inf)[: len(trace)]
    for first, last, low, high in zip(trace.times, ends, trace.low, trace.high, strict=True):
        mine = values[(times >= first) & (times < last)]
        assert (low, high) == (mine.min(), mine.max())


def test_quantiles_of_many_values_are_close():
    sample = Sample(limit=1000)
    for i in range(50_000):
        sample.add((i * 7919) % 50_000)
    assert sample.count == 50_000
    assert sample.quantile(0.5) == pytest.approx(25_000, rel=0.05)
    assert sample.quantile(0.99) == pytest.approx(49_500, rel=0.05)
    assert np.isnan(Sample().quantile(0.5))
