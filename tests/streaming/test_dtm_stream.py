"""Streams under the metric dtm: exact windows, certified ones, and what they take."""

from __future__ import annotations

import tracemalloc
from typing import Any

import gudhi
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_tda_gpu import StreamingTDAProcessor, estimate
from aura_tda_gpu.errors import ConfigError
from aura_tda_gpu.persistence.rips import vietoris_rips
from aura_tda_gpu.streaming.landmarks import rounding
from aura_tda_gpu.streaming.memory import plan_memory
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.persistence_stream import BoundedPersistenceStream
from aura_tda_gpu.streaming.weighting import weighted_error
from aura_tda_gpu.streaming.window_update import WindowUpdate
from tests.oracles.dtm import naive_weights
from tests.oracles.peers import bars_of, gudhi_weighted_bars, ripser_bars

from .clouds import STREAMS, Points

MS = 1_000_000
_TIES = 1e-300  # gudhi's noise where bars are equal


def noisy_circle(n: int, rng: np.random.Generator) -> Points:
    """A circle with a tenth of the rows anywhere in the square, some of them again and again."""
    angle = rng.uniform(0, 2 * np.pi, n)
    points = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(size=(n, 2)) * 0.03
    out = rng.random(n) < 0.1
    points[out] = rng.uniform(-2, 2, (int(out.sum()), 2))
    again = rng.random(n) < 0.1
    points[again] = points[0]
    return np.asarray(points)


CLOUDS = {**STREAMS, "noisy_circle": noisy_circle}


def run(points: Points, n_window: int, **given: Any) -> list[tuple[WindowUpdate, Points]]:
    """Return each update with the rows of its window; a tick for every third of a window."""
    stream = MultiScaleStream(
        [n_window], slide_intervals_ms=[n_window // 3], max_memory_mb=16, metric="dtm", **given
    )
    updates = stream.push(points, np.arange(len(points)) / 1000) + stream.flush()
    ends = [round(update.timestamp * 1000) for update in updates]
    return [(u, points[max(0, end - n_window) : end]) for u, end in zip(updates, ends, strict=True)]


def true_bars(window: Points, k: int) -> list[list[tuple[float, float]]]:
    """Bars of rows as they were pushed, weighed in float64: H0 by gudhi, H1 by ripser."""
    gaps = window[:, np.newaxis] - window
    squares = (gaps * gaps).sum(axis=2)
    weights = np.sqrt(np.sort(squares, axis=1)[:, :k].mean(axis=1))
    values = np.sqrt(squares) + weights[:, np.newaxis] + weights
    births = np.diagonal(values).copy()
    values = np.maximum(values, np.maximum.outer(births, births))
    np.fill_diagonal(values, 0)
    # both keep float32; the bound includes that rounding
    D, born = values.astype(np.float32), births.astype(np.float32)
    return [gudhi_weighted_bars(D, born, 0)[0], ripser_bars(D)[1]]


def far_apart(update: WindowUpdate, bars: list[Any]) -> float:
    found = [np.asarray(update.diagram[k], np.float64) for k in (0, 1)]
    wanted = [np.asarray(bars[k], np.float64).reshape(-1, 2) for k in (0, 1)]
    return max(gudhi.bottleneck_distance(a, b) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("landmarks", ["cover", "maxmin"])
@pytest.mark.parametrize("mass", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("name", CLOUDS)
def test_the_bound_holds_at_every_tick(name: str, mass: float, landmarks: str) -> None:
    points = CLOUDS[name](600, np.random.default_rng(8))
    certified = 0
    for update, window in run(points, 180, dtm_mass=mass, landmarks=landmarks, max_landmarks=40):
        whole = vietoris_rips(window, metric="dtm", dtm_mass=mass)
        assert far_apart(update, [whole[0], whole[1]]) <= update.error_bound + _TIES
        assert update.error_bound >= 4 * update.diagram.info["covering_radius"]
        assert update.diagram.info["landmark_error"] == update.error_bound or not certified
        certified += update.error_bound > 0
    assert certified > 3


@pytest.mark.parametrize("name", CLOUDS)
def test_the_bound_holds_against_peers_and_true_distances(name: str) -> None:
    points = CLOUDS[name](700, np.random.default_rng(9))
    for update, window in run(points, 240, max_landmarks=48)[3:6:2]:
        bars = true_bars(window, update.diagram.info["dtm_neighbours"])
        assert update.n_points == len(window) == 240
        assert far_apart(update, bars) <= update.error_bound + _TIES


def test_no_smaller_bound_would_hold() -> None:
    """Two landmarks face away from each other, all other rows lie between them at eps."""
    rows = np.repeat([[1.0], [9.0]], 100, axis=0)
    points = np.concatenate([[[0.0], [10.0]], rows])
    window = BoundedPersistenceStream(
        100,
        1,
        max_points=256,
        max_landmarks=2,
        landmarks="maxmin",
        metric="dtm",
        dtm_mass=0.4,
    )
    window.add_points(points, np.zeros(len(points)))
    update = window.tick(MS)
    whole = vietoris_rips(points, metric="dtm", dtm_mass=0.4)
    assert update.vertex_ids.tolist() == [0, 1]
    assert 4 <= update.error_bound < 4.001
    assert 0.99 * update.error_bound < far_apart(update, [whole[0], whole[1]]) <= update.error_bound


def test_the_cast_of_a_far_away_window_is_counted() -> None:
    # landmarks cannot be told apart in float32 while the first row, far away, is the origin
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 1)) / 4 + 8 * rng.integers(0, 2, (200, 1))
    points[0] = 1e9
    update, window = run(points, 200, max_landmarks=16)[0]
    distance = far_apart(update, true_bars(window, update.diagram.info["dtm_neighbours"]))
    assert update.n_vertices <= 16
    assert 4 * update.diagram.info["covering_radius"] < distance <= update.error_bound


def test_the_bound_of_a_radius() -> None:
    places = np.array([[0.0, 0.0], [3.0, 4.0]])
    weights = np.array([1.0, 2.0], np.float32)
    assert weighted_error(places, weights, 0.0) == 0.0
    assert 4.0 < weighted_error(places, weights, 1.0) < 4.001
    far = places + 2.0**30  # a cast moves both coordinates of a row and of a landmark by up to 32
    assert weighted_error(far, weights, 1.0) > 4 * (1 + 2 * 32 * np.sqrt(2))
    value = 4 * 2.0**30  # of the edge of a vertex of weight 2**31 with itself
    sums = value * 2.0**-22  # casts of two weights and two sums round by a quarter of that each
    heavy = (weights * 2.0**30).astype(np.float32)
    assert weighted_error(places, heavy, 1.0) > 4 + 2 * (rounding(value, 2, "euclidean") + sums)


@pytest.mark.parametrize("landmarks", ["cover", "maxmin"])
@pytest.mark.parametrize("name", CLOUDS)
def test_a_window_without_landmarks_is_exact(name: str, landmarks: str) -> None:
    points = CLOUDS[name](300, np.random.default_rng(3))
    for update, window in run(points, 90, max_landmarks=90, landmarks=landmarks, dtm_mass=0.07):
        rows = window - window[0] if name == "far_away" else window - points[0]
        truth = vietoris_rips(rows.astype(np.float32), metric="dtm", dtm_mass=0.07)
        if name != "far_away":  # whose origin moves
            assert [bars_of(update.diagram, k) for k in (0, 1)] == [
                bars_of(truth, k) for k in (0, 1)
            ]
        assert update.error_bound == 0.0
        assert update.n_vertices <= update.n_points == len(window)
        told = update.diagram.info
        assert (told["path"], told["metric"], told["dtm_mass"]) == ("rebuild", "dtm", 0.07)
        assert told["dtm_neighbours"] == -(-7 * len(window) // 100)


@pytest.mark.parametrize("landmarks", ["cover", "maxmin"])
def test_rows_that_are_equal_count_as_often_as_they_came(landmarks: str) -> None:
    rng = np.random.default_rng(2)
    few = rng.normal(size=(12, 2)).round(2)
    points = few[rng.integers(0, 12, 120)] + 1.0
    for update, window in run(points, 120, max_landmarks=16, landmarks=landmarks)[2:]:
        rows = (window - points[0]).astype(np.float32)
        truth = vietoris_rips(rows, metric="dtm")
        distinct = vietoris_rips(np.unique(rows, axis=0), metric="dtm")
        assert update.n_vertices == 12 < update.n_points
        assert update.error_bound == 0.0
        assert [bars_of(update.diagram, k) for k in (0, 1)] == [bars_of(truth, k) for k in (0, 1)]
        assert bars_of(update.diagram, 0) != bars_of(distinct, 0)


def test_weights_of_landmarks_are_those_with_respect_to_all_rows() -> None:
    points = noisy_circle(600, np.random.default_rng(4)).astype(np.float32).astype(np.float64)
    update, window = run(points, 600, max_landmarks=30, max_edge_length=1e9)[2]
    rows = (window - points[0]).astype(np.float32)
    places = (points[update.vertex_ids] - points[0]).astype(np.float32)
    births = 2 * naive_weights(places, rows, 60)
    assert update.n_vertices <= 30
    assert update.error_bound > 0
    names = update.diagram.birth_edges[0][:, 0]
    assert births[names].tolist() == update.diagram[0][:, 0].tolist()
    assert names[0] == np.argmin(births)


def test_one_landmark_for_many_rows() -> None:
    points = np.random.default_rng(5).normal(size=(50, 2))
    window = BoundedPersistenceStream(
        100, 2, max_points=64, max_landmarks=1, metric="dtm", dtm_mass=0.5
    )
    window.add_points(points, np.zeros(50))
    update = window.tick(MS)
    (bar,) = update.diagram[0].tolist()
    assert update.n_vertices == 1
    assert bar[0] > 0
    assert bar[1] == np.inf
    assert update.diagram.info["r_enc"] == bar[0]
    whole = vietoris_rips(points, metric="dtm", dtm_mass=0.5)
    assert far_apart(update, [whole[0], whole[1]]) <= update.error_bound


@pytest.mark.parametrize("longest", [0.5, 2.0, 8.0, 100.0])
def test_a_threshold_makes_the_bound_nan_where_it_may_cut(longest: float) -> None:
    points = noisy_circle(400, np.random.default_rng(6))
    for update, _ in run(points, 200, max_landmarks=40, max_edge_length=longest)[2:]:
        told = update.diagram.info
        cut = longest < told["r_enc"] + told["landmark_error"]
        assert np.isnan(update.error_bound) == cut
        assert (update.diagram[0][:, 0] <= longest).all()


def test_an_empty_window() -> None:
    window = BoundedPersistenceStream(100, 2, metric="dtm")
    update = window.tick(10**9)
    assert (update.n_points, update.n_vertices, len(update.diagram)) == (0, 0, 0)
    window.add_points([[1.0, 2.0]], [2.0])
    update = window.tick(2 * 10**9 + 1)
    assert update.diagram[0].tolist() == [[0.0, np.inf]]
    assert update.diagram.info["dtm_neighbours"] == 1


def told_by(updates: list[WindowUpdate]) -> list[Any]:
    return [
        (
            *(u.window_id, u.timestamp, u.n_points, u.error_bound, u.vertex_ids.tolist()),
            *(u.diagram[k].tolist() for k in (0, 1)),
            *(u.diagram.birth_edges[k].tolist() for k in (0, 1)),
        )
        for u in updates
    ]


@settings(max_examples=25)
@given(
    st.lists(st.integers(1, 90), min_size=1, max_size=5),
    st.sampled_from(["cover", "maxmin"]),
    st.integers(0, 20),
    st.integers(0, 1000),
)
def test_how_the_input_is_cut_makes_no_difference(
    sizes: list[int], landmarks: str, lateness: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    points = noisy_circle(260, rng)
    times = (np.arange(260) + rng.uniform(-lateness, lateness, 260)) / 1000

    def stream() -> MultiScaleStream:
        return MultiScaleStream(
            [60, 150],
            metric="dtm",
            dtm_mass=0.15,
            max_landmarks=24,
            landmarks=landmarks,
            allowed_lateness_ms=2 * lateness,
            max_memory_mb=16,
        )

    whole = stream()
    expected = told_by(whole.push(points, times) + whole.flush())
    other, found, start, i = stream(), [], 0, 0
    while start < len(points):
        stop = start + sizes[i % len(sizes)]
        found += other.push(points[start:stop], times[start:stop])
        start, i = stop, i + 1
    assert told_by(found + other.flush()) == expected


@pytest.mark.parametrize("landmarks", ["cover", "maxmin"])
@pytest.mark.parametrize("dim", [1, 3, 20])
def test_what_a_tick_takes_is_in_the_plan(landmarks: str, dim: int, rng: Any) -> None:
    n, k = 60_000, 64
    sizes = {"max_points": n, "max_landmarks": k, "landmarks": landmarks, "max_memory_mb": 256}
    window = BoundedPersistenceStream(1000, dim, metric="dtm", **sizes)
    vietoris_rips(rng.normal(size=(8, dim)), metric="dtm")  # compiles
    window.add_points(rng.normal(size=(n, dim)), np.arange(n) / n)
    plan = plan_memory(
        [1000],
        dim,
        max_memory_mb=256,
        max_points=n,
        max_landmarks=k,
        landmarks=landmarks,
        weighted=True,
    )
    held = window.nbytes
    window.tick(10**9)
    tracemalloc.start()
    window.tick(10**9)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert plan.windows[0].max_points == n
    assert peak <= plan.working
    assert peak > 0.3 * plan.working or landmarks == "cover"
    assert window.nbytes - held < 64 * 1024


def test_the_estimate_counts_the_weights() -> None:
    given = {"max_memory_mb": 64, "max_landmarks": 64, "max_points": 100_000}
    plain = estimate([1000], rate=1000, dim=3, **given)
    weighted = estimate([1000], rate=1000, dim=3, metric="dtm", **given)
    assert weighted.working_bytes - plain.working_bytes > 100_000 * 16
    assert weighted.total_bytes <= weighted.limit_bytes
    small = {**given, "max_memory_mb": 8}
    rooms = [
        estimate([1000], rate=None, dim=3, metric=metric, **small).windows[0].max_points
        for metric in ("euclidean", "dtm")
    ]
    assert rooms[1] < rooms[0]


def test_nothing_is_kept_between_ticks() -> None:
    stream = MultiScaleStream([100, 400], metric="dtm", max_landmarks=48, max_memory_mb=16)
    points = noisy_circle(3000, np.random.default_rng(7))
    held = []
    for start in range(0, 3000, 50):
        stream.push(points[start : start + 50], np.arange(start, start + 50) / 1000)
        held.append(stream.get_memory_usage())
        assert all(lane.window._engine is None for lane in stream._lanes)
    told = estimate([100, 400], 1000, 2, metric="dtm", max_landmarks=48, max_memory_mb=16)
    assert max(held) <= told.buffer_bytes
    assert max(held[20:]) - min(held[20:]) <= 8 * 96  # ids told at the last ticks


def test_bad_settings_are_named() -> None:
    with pytest.raises(ConfigError, match="dtm_mass must be a number above 0 and at most 1, not 2"):
        MultiScaleStream(metric="dtm", dtm_mass=2)
    with pytest.raises(ConfigError, match=r"dtm_mass is 0.2, and metric 'euclidean' takes none"):
        MultiScaleStream(dtm_mass=0.2)
    with pytest.raises(ConfigError, match=r"dtm_mass is 0.2, and metric 'cosine' takes none"):
        BoundedPersistenceStream(100, 2, metric="cosine", dtm_mass=0.2)
    with pytest.raises(ConfigError, match=r"engine.dtm_mass: is for the metric dtm alone"):
        StreamingTDAProcessor(dtm_mass=0.2)
    assert MultiScaleStream(metric="dtm").settings.dtm_mass == 0.1
    assert MultiScaleStream().settings.dtm_mass is None


async def _processed(points: npt.NDArray[Any]) -> list[WindowUpdate]:
    async with StreamingTDAProcessor([60], metric="dtm", dtm_mass=0.2, max_landmarks=24) as tda:
        updates = await tda.process_batch(points, np.arange(len(points)) / 1000)
        return [*updates, *await tda.flush()]


@pytest.mark.asyncio
async def test_the_processor_says_what_the_stream_says() -> None:
    points = noisy_circle(200, np.random.default_rng(1))
    found = await _processed(points)
    stream = MultiScaleStream([60], metric="dtm", dtm_mass=0.2, max_landmarks=24)
    expected = stream.push(points, np.arange(200) / 1000) + stream.flush()
    assert told_by(found) == told_by(expected)
    assert any(update.error_bound > 0 for update in found)
    events = [event for update in found for event in update.events if not event.dimension]
    (oldest,) = [event for event in events if event.event_type == "feature_birth"]
    assert oldest.metadata["birth"] > 0
    assert oldest.metadata["birth_edge"][0] == oldest.metadata["birth_edge"][1]
