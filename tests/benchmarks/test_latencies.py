"""Quantiles: exact while latencies are few, 1 % wide afterwards, none where there are too few."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.latencies import PRECISION, QUANTILES, Latencies, enough


def filled(values, **given):
    found = Latencies(**given)
    for value in values:
        found.add(value)
    return found


def test_a_quantile_is_one_of_the_latencies():
    found = filled(np.random.default_rng(0).permutation(np.arange(1, 1001)) / 1000)
    assert found.quantile(0.5) == 0.5
    assert found.quantile(0.95) == 0.95
    assert found.quantile(0.99) == 0.99
    assert found.largest == 1.0


@pytest.mark.parametrize(
    ("name", "needed"), [("p50", 4), ("p95", 40), ("p99", 200), ("p99.9", 2000)]
)
def test_no_quantile_without_two_latencies_above_it(name, needed):
    q = QUANTILES[name]
    assert enough(q) == needed
    assert filled([0.1] * (needed - 1)).quantile(q) is None
    assert filled([0.1] * needed).quantile(q) == 0.1


def test_too_few_are_said_to_be():
    assert filled([0.1] * 199).too_few() == "199 updates are too few for p99 (200), p99.9 (2000)"
    assert filled([0.1] * 2000).too_few() == ""
    assert filled([0.1] * 199).high() == ("maximum", 0.1)
    assert filled([0.1] * 200).high() == ("p99", 0.1)


def test_many_are_counted_within_one_per_cent():
    values = np.random.default_rng(1).lognormal(-5, 1.5, 5000)
    found = filled(values, kept=100)
    assert not found.exact
    assert len(found.values) == 100
    for q in QUANTILES.values():
        true = np.sort(values)[int(np.ceil(q * 5000)) - 1]
        assert true <= found.quantile(q) * (1 + 1e-12)
        assert found.quantile(q) <= true * (1 + PRECISION) ** 1.01
    edges, counts = found.histogram()
    assert counts.sum() == 5000
    assert edges[0] <= values.min()
    assert edges[-1] >= values.max()


def test_joined_and_told_they_are_the_same():
    one, other = filled([0.1, 0.4]), filled([0.2, 0.3])
    one.add_all(Latencies.from_dict(other.as_dict()))
    assert len(one) == 4
    assert one.exact
    assert sorted(one.values) == [0.1, 0.2, 0.3, 0.4]
    assert one.mean == pytest.approx(0.25)
    assert one.quantile(0.5) == 0.2


def test_joined_beyond_what_is_kept_they_are_counted():
    one, other = filled([0.1] * 3, kept=4), filled([0.2] * 3, kept=4)
    one.add_all(other)
    assert not one.exact
    assert one.largest == 0.2
    assert one.histogram()[1].sum() == 6
    assert one.quantile(0.5) == pytest.approx(0.1, rel=PRECISION)


def test_extremes_have_a_bucket():
    found = filled([0.0, 1e12, 0.1, 0.1], kept=0)
    assert found.histogram()[1].sum() == 4
    assert found.largest == 1e12
