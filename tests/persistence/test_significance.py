"""p-values of bars, their correction, the table of noise, and the run-length rule."""

from __future__ import annotations

import json
import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aura_tda_gpu import vietoris_rips
from aura_tda_gpu.errors import ConfigError, InvalidInputError
from aura_tda_gpu.persistence.calibration import COLUMNS, TABLE, Calibration
from aura_tda_gpu.persistence.significance import (
    MIN_BARS,
    UNIVERSAL,
    RunLength,
    calibration_for,
    certain,
    corrected,
    p_values,
    required_run,
)
from benchmarks import calibrate_significance as calibrate

EXACT = calibration_for(landmarks="exact", n_vertices=100, n_points=100)
LAWS = pytest.mark.parametrize("law", [UNIVERSAL, EXACT], ids=lambda law: law.name)
getcontext().prec = 60


@st.composite
def diagrams(draw, least=MIN_BARS):
    n = draw(st.integers(least, 40))
    numbers = st.floats(2.0**-10, 2.0**10, width=32)
    births = draw(hnp.arrays(np.float32, n, elements=numbers))
    factors = draw(hnp.arrays(np.float64, n, elements=st.floats(1e-5, 30)))
    deaths = (births * (1 + factors)).astype(np.float32)
    return np.column_stack([births, np.maximum(deaths, np.nextafter(births, np.float32(np.inf)))])


def by_definition(bars, form):
    """The formula as it is printed, in sixty digits."""
    heights = [(Decimal(float(d)) / Decimal(float(b))).ln().ln() for b, d in bars]
    n = len(heights)
    if form == "mean":
        shift = -Decimal("0.5772156649015328606065120900824024310421593359") - sum(heights) / n
    else:
        ordered = sorted(heights)
        middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
        shift = Decimal(2).ln().ln() - middle
    return [float((-((height + shift).exp())).exp()) for height in heights]


@pytest.mark.parametrize("form", ["median", "mean"])
@given(bars=diagrams())
def test_the_universal_law_is_the_formula_of_the_paper(bars, form):
    got = p_values(bars, form=form)
    # a height near -11 comes from a growth of 1e-5, which float64 knows to ten digits
    assert got == pytest.approx(by_definition(bars, form), rel=1e-9, abs=1e-300)


def test_the_law_is_the_left_skewed_gumbel_law(rng):
    heights = np.log(rng.exponential(size=20_001))  # P(L > l) = exp(-exp(l))
    bars = np.column_stack([np.ones_like(heights), np.exp(np.exp(heights))])
    bars = bars[np.isfinite(bars[:, 1]) & (bars[:, 1] > 1)]
    for form in ("median", "mean"):
        p = np.sort(p_values(bars, form=form))
        gap = np.abs(p - (np.arange(len(p)) + 0.5) / len(p)).max()
        assert gap < 0.02  # of Kolmogorov and Smirnov: 0.0136 at 0.1 %, and the centring
        assert p[heights.argsort().argsort().argmax()] >= p[0]
    assert np.argmin(p_values(bars)) == np.argmax(bars[:, 1])


@LAWS
@given(bars=diagrams(), data=st.data())
def test_the_order_of_bars_does_not_matter(law, bars, data):
    order = data.draw(st.permutations(range(len(bars))))
    assert p_values(bars[order], calibration=law).tolist() == (
        p_values(bars, calibration=law)[order].tolist()
    )


@LAWS
@given(bars=diagrams(), factor=st.floats(1e-3, 1e3))
def test_the_unit_does_not_matter(law, bars, factor):
    bars = bars.astype(np.float64)
    bars[:, 1] = bars[:, 0] * np.maximum(bars[:, 1] / bars[:, 0], 1.001)
    scaled = p_values(bars * factor, calibration=law)
    assert scaled == pytest.approx(p_values(bars, calibration=law), rel=1e-8, abs=1e-300)


@LAWS
@given(bars=diagrams())
def test_a_larger_ratio_never_has_a_larger_p_value(law, bars):
    p = p_values(bars, calibration=law)
    assert ((p >= 0) & (p <= 1)).all()
    order = np.argsort(bars[:, 1].astype(np.float64) / bars[:, 0], kind="stable")
    assert (np.diff(p[order]) <= 1e-9).all()


@LAWS
def test_bars_without_a_ratio_have_none_and_count_as_none(law):
    bars = [[1.0, 1.1], [1.0, 1.2], [1.0, 1.3], [1.0, 8.0]]
    odd = [[0.0, 1.0], [1.0, math.inf], [2.0, 2.0], [0.0, 0.0], [0.0, math.inf]]
    p = p_values([*odd, *bars], calibration=law)
    assert np.isnan(p[:5]).all()
    assert p[5:].tolist() == p_values(bars, calibration=law).tolist()
    assert np.isnan(corrected(p)[:5]).all()
    assert corrected(p)[5:].tolist() == corrected(p[5:]).tolist()


@LAWS
def test_few_bars_have_no_p_value(law):
    bars = np.array([[1.0, 1.5], [1.0, 2.0], [1.0, 3.0]])
    assert MIN_BARS == 3
    assert not np.isnan(p_values(bars, calibration=law)).any()
    assert np.isnan(p_values(bars[:2], calibration=UNIVERSAL)).all()
    assert np.isnan(p_values(bars[:2], calibration=law)).all() == (law is UNIVERSAL)
    assert p_values([], calibration=law).shape == (0,)
    assert p_values(np.empty((0, 2), np.float32), calibration=law).shape == (0,)


@LAWS
def test_thousands_of_equal_bars_and_one_long_one(law):
    bars = np.ones((5001, 2))
    bars[:, 1] = 1.25
    assert p_values(bars, calibration=law) == pytest.approx(np.full(5001, 0.5))
    bars[7, 1] = 1e6
    p = corrected(p_values(bars, calibration=law))
    assert p[7] < 1e-9
    assert (np.delete(p, 7) == 1).all()


@LAWS
def test_extreme_bars_bring_neither_a_warning_nor_a_nan(law):
    tiny, huge = np.finfo(np.float64).tiny, np.finfo(np.float64).max
    near = [1.0, np.nextafter(1.0, 2.0)]
    for many in ([5e-324, huge], near, [tiny, 2 * tiny], [5e-324, 1e-323]):
        bars = np.array([many] * 3 + [near, [tiny, huge], [1.0, 2.0], [huge / 2, huge]])
        with np.errstate(all="raise"):
            p = p_values(bars, calibration=law)
        assert ((p >= 0) & (p <= 1)).all()


def test_a_table_is_met_at_its_thresholds_and_is_a_line_between():
    law = Calibration("exact", 1.0, (4.0, 16.0), (2.0, 1.8), (2.5, 2.1))
    assert law.thresholds(8) == pytest.approx((1.9, 2.3))
    assert law.thresholds(2) == (2.0, 2.5)
    assert law.thresholds(99) == (1.8, 2.1)
    for height, level in ((1.9, 0.05), (2.3, 0.01)):
        x = np.array([-3, -2, -1, 0, 0, 0.5, 1, height])
        p = corrected(p_values(np.column_stack([np.ones(8), np.exp(np.exp(x))]), calibration=law))
        assert p[-1] == pytest.approx(level)
        assert p_values(np.column_stack([np.ones(8), np.exp(np.exp(x))]), calibration=law)[
            3
        ] == pytest.approx(0.5)


def test_the_ratio_by_itself_is_met_at_its_thresholds():
    heights = (4.0, 16.0), (2.0, 1.8), (2.5, 2.1)
    law = Calibration("exact", 1.0, *heights, (1.9, 2.2), (2.2, 2.6))
    assert law.longest(4) == pytest.approx((math.log(math.log(1.9)), math.log(math.log(2.2))))
    assert law.longest(1) == law.longest(4)
    for n in (1, 2, 4, 16):
        # all of one length, so that nothing is above the middle
        for ratio, level in zip(law.longest(n), (0.05, 0.01), strict=True):
            births = 1 + 0.01 * np.arange(n)
            bars = np.column_stack([births, births * math.exp(math.exp(ratio))])
            p = corrected(p_values(bars, calibration=law))
            assert p == pytest.approx(np.full(n, level))
    on_grid = np.column_stack([np.ones(16), np.full(16, 2.6)])
    assert p_values(on_grid, calibration=law) == pytest.approx(np.full(16, 0.5))


def test_heights_above_the_middle_count_twice_beside_the_ratio():
    heights = Calibration("exact", 1.0, (4.0, 16.0), (2.0, 1.8), (2.5, 2.1))
    both = Calibration(
        "exact", 1.0, *(heights.n_bars, heights.at_5, heights.at_1), (9, 9), (10, 10)
    )
    x = np.array([-3, -2, -1, -0.3, 0.4, 0.5, 1, 1.9])
    bars = np.column_stack([1 + 0.01 * np.arange(8), np.ones(8)])
    bars[:, 1] = bars[:, 0] * np.exp(np.exp(x - 2))
    alone = p_values(bars, calibration=heights)
    assert p_values(bars, calibration=both) == pytest.approx(np.minimum(2 * alone, 1))


def test_corrections():
    p = np.array([0.04, np.nan, 0.001, 0.5, 0.03])
    assert corrected(p).tolist() == pytest.approx([0.16, np.nan, 0.004, 1, 0.12], nan_ok=True)
    assert corrected(p, "bh").tolist() == pytest.approx(
        [0.16 / 3, np.nan, 0.004, 0.5, 0.16 / 3], nan_ok=True
    )
    assert np.isnan(corrected([np.nan] * 3, "bh")).all()
    assert corrected([], "bh").shape == (0,)


@given(p=hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1)))
def test_holm_rejects_step_by_step(p):
    adjusted = corrected(p, "holm")
    for level in (0.01, 0.05, 0.5):
        rejected, left = np.zeros(len(p), bool), len(p)
        for i in np.argsort(p, kind="stable"):
            if p[i] * left > level:
                break
            rejected[i], left = True, left - 1
        assert ((adjusted <= level) == rejected).all()
    assert (adjusted <= corrected(p)).all()
    assert adjusted.min() == corrected(p).min()


@given(p=hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1)))
def test_bh_rejects_what_its_definition_rejects(p):
    adjusted = corrected(p, "bh")
    ordered = np.sort(p)
    for level in (0.01, 0.05, 0.5):
        within = np.flatnonzero(ordered <= level * np.arange(1, len(p) + 1) / len(p))
        expected = p <= ordered[within[-1]] if len(within) else np.zeros(len(p), bool)
        near = np.abs(adjusted - level) < 1e-12  # a tie up to rounding
        assert ((adjusted <= level) == expected)[~near].all()
    assert (adjusted <= corrected(p)).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: p_values([[1.0, 2.0]], form="mode"), ConfigError, "mode"),
        (lambda: p_values([[1.0, 2.0]], form="mean", calibration=EXACT), ConfigError, "median"),
        (lambda: p_values([1.0, 2.0]), InvalidInputError, "shape"),
        (lambda: p_values([[1.0, 2.0], [math.nan, 2.0]]), InvalidInputError, "bar 1"),
        (lambda: p_values([[-1.0, 2.0]]), InvalidInputError, "bar 0"),
        (lambda: corrected([0.5], "sidak"), ConfigError, "sidak"),
        (
            lambda: calibration_for(landmarks="random", n_vertices=9, n_points=9),
            ConfigError,
            "random",
        ),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_certain():
    bars = np.array([[0.0, np.inf], [1.0, 1.5], [1.0, 1.4], [0.0, 0.5]], np.float32)
    assert certain(bars, 0.25).tolist() == [True, False, False, False]
    assert certain(bars, 0.2).tolist() == [True, True, False, True]
    assert certain(bars, 0.0).all()
    assert not certain(bars, math.nan).any()


def test_entries_of_the_table():
    for name in ("cover", "maxmin"):
        few, more = calibrate.RATIOS[name][:2]
        for n_points, wanted in ((64 * more - 1, few), (64 * more, more)):
            found = calibration_for(landmarks=name, n_vertices=64, n_points=n_points)
            assert (found.name, found.points_per_vertex) == (name, wanted)
        far = calibration_for(landmarks=name, n_vertices=64, n_points=10**6)
        assert far.points_per_vertex == calibrate.RATIOS[name][-1]
        # all rows, none, or so few more that landmarks are nearly a sample
        for n_vertices, n_points in ((64, 64), (64, 65), (0, 0)):
            asked = {"n_vertices": n_vertices, "n_points": n_points}
            assert calibration_for(landmarks=name, **asked) == EXACT
    for row in json.loads(TABLE.read_text())["rows"]:
        columns = [row[name] for name in (*COLUMNS, "windows", "windows_in_a_plane")]
        assert len({len(column) for column in columns}) == 1
        assert len(row["n_bars"]) >= 2
        assert row["n_bars"] == sorted(set(row["n_bars"]))
        for low, high in (("at_5", "at_1"), ("longest_5", "longest_1")):
            assert all(b > a > 1 for a, b in zip(row[low], row[high], strict=True))


def test_the_table_says_how_it_was_made():
    told = json.loads(TABLE.read_text())
    assert told["seed"] == calibrate.SEED
    assert told["settings"]["share"] == 1.0
    assert told["settings"]["dims"] == {k: list(v) for k, v in calibrate.DIMS.items()}
    sizes = {k: {str(n): m for n, m in v.items()} for k, v in calibrate.SIZES.items()}
    assert told["settings"]["vertices_and_repeats"] == sizes
    sizes = {k: {str(n): m for n, m in v.items()} for k, v in calibrate.PLANE.items()}
    assert told["settings"]["vertices_and_repeats_in_a_plane"] == sizes


def test_a_number_of_a_row_is_found_again():
    """Other windows than those of the table exceed its thresholds as often as it says."""
    plane = [cell for cell in calibrate.cells("exact") if cell[1] == 64 and cell.dim == 2]
    nulls = {(2, cell.shape): calibrate.heights(cell, 1000, seed=1) for cell in plane}
    place = EXACT.n_bars.index(11)
    row = calibrate.thresholds(nulls, "exact")
    assert row["at_5"][row["n_bars"].index(11)] == pytest.approx(EXACT.at_5[place], abs=0.1)
    low, high = math.sqrt(8 * 11), math.sqrt(11 * 16)
    for level, threshold in ((0.05, EXACT.at_5[place]), (0.01, EXACT.at_1[place])):
        alike = [z[(n > low) & (n < high)] for n, z in (windows.T for windows in nulls.values())]
        above = max(np.mean(z > threshold) for z in alike)
        error = math.sqrt(level * (1 - level) / min(map(len, alike)))
        assert level - 3 * error < above < level + 3 * error


NULLS = [("exact", 50, 1), ("exact", 150, 1), ("cover", 64, 4), ("maxmin", 64, 4)]


@pytest.mark.parametrize(("landmarks", "n_vertices", "ratio"), NULLS)
@pytest.mark.parametrize("shape", calibrate.SHAPES)
def test_fresh_noise_is_significant_no_more_often_than_it_may(landmarks, n_vertices, ratio, shape):
    least = []
    for dim in (2, 3, 10):
        cell = calibrate.Cell(landmarks, n_vertices, ratio, dim, shape)
        repeats = 20 if landmarks == "cover" else 200
        for n, bars in calibrate.loops(cell, repeats, seed=99):
            law = calibration_for(landmarks=landmarks, n_vertices=n, n_points=n_vertices * ratio)
            p = corrected(p_values(bars, calibration=law))
            least.append(1.0 if np.isnan(p).all() else np.nanmin(p))
    # ten overlapping windows of a cover are worth one
    n = len(least) / (10 if landmarks == "cover" else 1)
    for level in (0.05, 0.01):
        error = math.sqrt(level * (1 - level) / n)
        assert np.mean(np.array(least) <= level) < level + 3 * error


def test_the_universal_law_alone_would_not_do(rng):
    least = [
        np.nanmin(corrected(p_values(bars)), initial=1.0)
        for bars in (
            vietoris_rips(rng.random((32, 2)), homology_dimensions=(1,))[1] for _ in range(1000)
        )
        if len(bars) >= MIN_BARS
    ]
    assert np.mean(np.array(least) <= 0.01) > 0.02


def test_a_law_for_ten_dimensions_would_not_do_for_noise_near_a_plane_in_them(rng):
    def highest(points):
        bars = vietoris_rips(points, homology_dimensions=(1,))[1].astype(float)
        x = np.log(np.log(bars[:, 1] / bars[:, 0]))
        return x.max() - np.median(x), np.nanmin(corrected(p_values(bars, calibration=EXACT)))

    filled = [highest(rng.random((100, 10)))[0] for _ in range(200)]
    flat = 0.05 * rng.standard_normal((200, 100, 10))
    flat[:, :, :2] += rng.random((200, 100, 2))
    seen = np.array([highest(points) for points in flat])
    lenient, shipped = np.mean(seen[:, 0] > np.quantile(filled, 0.95)), np.mean(seen[:, 1] <= 0.05)
    assert lenient > 0.15
    assert shipped < 0.1  # such sheets are not among the nulls of the table


def test_a_loop_is_significant(rng):
    angle = rng.uniform(0, 2 * np.pi, 200)
    circle = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.standard_normal((200, 2))
    bars = vietoris_rips(circle)[1]
    p = corrected(p_values(bars, calibration=EXACT))
    assert p[0] < 1e-3
    assert (p[1:] > 0.05).all()
    assert p_values(bars, calibration=EXACT).dtype == np.float64


def test_runs():
    rule = RunLength(required=3)
    runs = np.zeros(4, np.int64)
    seen = []
    ticks = (
        [0.01, 0.2, np.nan, 0.05],
        [0.05, 0.01, 0.01, 0.01],
        [0.0, 0.01, np.nan, 0.251],
        [0.9, 0.01, 0.01, 0.01],
        [0.9, 1.0, np.nan, 0.01],
    )
    for p in ticks:
        runs = rule.after(runs, np.array(p))
        seen.append((runs.tolist(), rule.confirms(runs).tolist()))
    assert seen == [
        ([1, 0, 0, 1], [False] * 4),
        ([2, 1, 1, 2], [False] * 4),
        ([3, 2, 1, 1], [True, False, False, False]),
        ([2, 3, 2, 2], [False, True, False, False]),
        ([1, 2, 2, 3], [False, False, False, True]),
    ]


@pytest.mark.parametrize(("alpha", "far"), [(0.01, 0.05), (0.05, 0.25), (0.2, 0.5), (0.7, 0.7)])
def test_ticks_that_are_not_far_from_significant_count_neither_way(alpha, far):
    rule, runs = RunLength(required=3, alpha=alpha), np.full(4, 2, np.int64)
    p = np.array([alpha, np.nextafter(alpha, 1), far, np.nextafter(far, 1)])
    between = 2 if far > alpha else 1
    assert rule.after(runs, p).tolist() == [3, between, 2 if far > alpha else 3, 1]


def test_the_run_grows_with_the_overlap():
    assert [required_run(k) for k in (1, 4, 6.5, 10, 11, 100)] == [3, 3, 4, 5, 6, 50]
