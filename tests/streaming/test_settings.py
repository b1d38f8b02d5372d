"""Settings are checked when a stream is made, each refusal names the offender."""

from __future__ import annotations

import inspect
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from aura_tda_gpu.config import Config
from aura_tda_gpu.errors import (
    BackendUnavailable,
    ConfigError,
    MemoryLimitError,
    UnsupportedError,
)
from aura_tda_gpu.streaming.multi_scale_processor import MultiScaleStream
from aura_tda_gpu.streaming.persistence_stream import BoundedPersistenceStream
from aura_tda_gpu.streaming.windows import MultiScaleManager

NAN = float("nan")

BAD_SCALES: list[tuple[Any, str]] = [
    ([], "at least one scale"),
    ([0], "not 0"),
    ([100, -5], "not -5"),
    ([100, 100], "100 is repeated"),
    ([100, 100.0], "100.0 is repeated"),
    (["100"], "not '100'"),
    ("100,1000", "not '100,1000'"),
    ([True], "not True"),
    ([1.5], "not 1.5"),
    ([NAN], "not nan"),
    ([math.inf], "not inf"),
    ([None], "not None"),
    (100, "not 100"),
    (None, "not None"),
    ([10**15], "not 1000000000000000"),
    ([10**400], "not 1000000000000000"),
    ([Fraction(1, 3)], "1, 3"),
]

BAD_SETTINGS: list[tuple[str, Any]] = [
    ("dim", 0),
    ("dim", 10**400),
    ("max_landmarks", 10**400),
    ("dim", 2.0),
    ("dim", "2"),
    ("max_points", 0),
    ("max_landmarks", 0),
    ("max_landmarks", True),
    ("landmark_ratio", 0),
    ("landmark_ratio", 1.5),
    ("max_memory_mb", 0),
    ("max_memory_mb", -1),
    ("max_memory_mb", NAN),
    ("max_memory_mb", math.inf),
    ("max_memory_mb", "lots"),
    ("allowed_lateness_ms", -1),
    ("allowed_lateness_ms", NAN),
    ("allowed_lateness_ms", "1"),
    ("max_empty_ticks", -1),
    ("max_empty_ticks", 1.5),
    ("max_edge_length", -1),
    ("max_edge_length", NAN),
    ("homology_dimensions", ()),
    ("homology_dimensions", (0, -1)),
    ("homology_dimensions", "01"),
    ("parallel_workers", 0),
    ("slide_intervals_ms", [10, 20]),
    ("slide_intervals_ms", 10),
    ("slide_intervals_ms", "1"),
    ("slide_intervals_ms", [0]),
    ("slide_intervals_ms", [NAN]),
    ("slide_intervals_ms", ["1"]),
    ("slide_intervals_ms", [1e-7]),
]


@pytest.mark.parametrize(("scales", "words"), BAD_SCALES)
def test_bad_scales(scales: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        MultiScaleStream(scales)
    assert "scales" in str(caught.value)
    with pytest.raises(ConfigError):
        MultiScaleManager(scales)


@pytest.mark.parametrize(("name", "value"), BAD_SETTINGS)
def test_bad_settings(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        MultiScaleStream([100], **{name: value})


@pytest.mark.parametrize("metric", ["hamming", "precomputed", None, 3])
def test_unknown_metric(metric: Any) -> None:
    with pytest.raises(ConfigError, match=f"metric {metric!r}"):
        MultiScaleStream([100], metric=metric)


def test_unknown_backend_and_keyword() -> None:
    with pytest.raises(ConfigError, match="'gpu'"):
        MultiScaleStream([100], backend="gpu")
    with pytest.raises(ConfigError, match="unknown setting 'max_landmark'"):
        MultiScaleStream([100], max_landmark=3)


def test_a_backend_that_cannot_run() -> None:
    with pytest.raises(BackendUnavailable, match="cuda"):
        MultiScaleStream([100], backend="cuda")
    with pytest.raises(UnsupportedError, match="64"):
        MultiScaleStream([100], backend="reference", max_landmarks=65)
    with pytest.raises(UnsupportedError, match=r"not 100000: lower max_landmarks$"):
        MultiScaleStream([100], max_landmarks=100_000, max_memory_mb=1 << 20)


def test_dimensions_that_are_not_supported() -> None:
    with pytest.raises(UnsupportedError, match="dimension 2"):
        MultiScaleStream([100], homology_dimensions=(0, 1, 2))


def test_memory_is_checked_before_the_first_point() -> None:
    with pytest.raises(MemoryLimitError, match="max_memory_mb is 1"):
        MultiScaleStream([100], max_memory_mb=1, max_landmarks=1000)


def test_the_defaults_are_the_scales_of_the_brief() -> None:
    assert list(MultiScaleStream().windows) == [
        "scale_100ms",
        "scale_1000ms",
        "scale_10000ms",
        "scale_60000ms",
    ]


def test_scales_of_any_integral_type() -> None:
    for scales in ([100, 1000.0], np.array([1000, 100]), (np.int32(100), 1000), iter([100, 1000])):
        assert list(MultiScaleStream(scales, max_memory_mb=50).windows) == [
            "scale_100ms",
            "scale_1000ms",
        ]


def test_slides_belong_to_their_scales() -> None:
    windows = MultiScaleStream([1000, 100], slide_intervals_ms=[250, 0.5], max_memory_mb=50).windows
    assert [w.slide_interval_ms for w in windows.values()] == [0.5, 250]


@pytest.mark.parametrize("backend", ["auto", "cpu", "reference"])
def test_backends_agree(backend: str, rng: np.random.Generator) -> None:
    points = rng.normal(size=(120, 2))
    s = MultiScaleStream([100], backend=backend, max_memory_mb=50)
    updates = s.push(points, np.arange(120) / 2000) + s.flush()
    other = MultiScaleStream([100], max_memory_mb=50)
    expected = other.push(points, np.arange(120) / 2000) + other.flush()
    assert [u.n_points for u in updates] == [u.n_points for u in expected]
    small = [(a, b) for a, b in zip(updates, expected, strict=True) if a.n_points <= 64]
    assert all(np.array_equal(a.diagram[1], b.diagram[1]) for a, b in small)
    assert len(small) >= 3
    if backend == "reference":
        assert 48 <= updates[-1].n_vertices <= 64


def test_threads_edge_length_and_dimensions_reach_the_engine(rng: np.random.Generator) -> None:
    points = rng.normal(size=(60, 2))
    s = MultiScaleStream(
        [100], parallel_workers=1, max_edge_length=0.5, homology_dimensions=[1], max_memory_mb=50
    )
    update = (s.push(points, np.arange(60) / 1000), s.flush())[1][-1]
    assert update.diagram.dimensions == (1,)
    assert update.diagram.info["max_edge_length"] == 0.5
    finite = update.diagram[1][np.isfinite(update.diagram[1])]
    assert (finite <= 0.5).all()


def test_a_config_gives_all_settings() -> None:
    config = Config(
        scales=[200, 50],
        memory={"max_mb": 5, "landmark_ratio": 0.2, "max_landmarks": 33},
        performance={"parallel_workers": 2},
        window={"allowed_lateness_ms": 7, "max_empty_ticks": 3},
        engine={
            "backend": "cpu",
            "metric": "manhattan",
            "max_edge_length": 2.0,
            "homology_dimensions": [0],
        },
    )
    settings = MultiScaleStream(config, dim=2, max_points=40, slide_intervals_ms=[20, 10]).settings
    assert [scale.window_id for scale in settings.timeline] == ["scale_50ms", "scale_200ms"]
    assert [scale.slide_ns for scale in settings.timeline] == [10_000_000, 20_000_000]
    assert (settings.max_memory_mb, settings.landmark_ratio, settings.max_landmarks) == (5, 0.2, 33)
    assert (settings.parallel_workers, settings.max_empty_ticks) == (2, 3)
    assert settings.allowed_lateness_ns == 7_000_000
    assert (settings.backend, settings.metric, settings.max_edge_length) == (
        "cpu",
        "manhattan",
        2.0,
    )
    assert settings.homology_dimensions == (0,)
    assert (settings.dim, settings.max_points) == (2, 40)


def test_the_default_config_makes_a_stream() -> None:
    s = MultiScaleStream(Config())
    s.push([[0.0, 1.0]], [0.0])
    assert len(s.flush()) == 4


def test_a_setting_beside_a_config_that_has_a_key_for_it() -> None:
    with pytest.raises(ConfigError, match="backend is given beside a Config"):
        MultiScaleStream(Config(), backend="cpu")
    with pytest.raises(ConfigError, match="metric is given beside a Config"):
        MultiScaleStream(Config(engine={"metric": "manhattan"}), metric="euclidean")
    with pytest.raises(ConfigError, match="max_landmarks is given beside a Config"):
        MultiScaleStream(Config(), max_landmarks=None)


def test_the_signature_shows_the_defaults() -> None:
    shown = inspect.signature(MultiScaleStream).parameters
    assert repr(shown["metric"].default) == "'euclidean'"
    assert repr(shown["max_memory_mb"].default) == "1024"
    settings = MultiScaleStream().settings
    assert (settings.metric, settings.max_memory_mb) == ("euclidean", 1024)


def test_a_single_window_checks_its_settings_too() -> None:
    with pytest.raises(ConfigError, match="scales"):
        BoundedPersistenceStream(0, 2)
    with pytest.raises(ConfigError, match="dim"):
        BoundedPersistenceStream(100, 0)
    with pytest.raises(BackendUnavailable):
        BoundedPersistenceStream(100, 2, backend="cuda")


@pytest.mark.parametrize("landmarks", ["cover", "maxmin"])
def test_landmark_strategies_come_from_keywords_and_configurations(landmarks: str) -> None:
    config = Config(scales=[100], memory={"landmarks": landmarks})
    given = [MultiScaleStream([100], landmarks=landmarks), MultiScaleStream(config)]
    assert [stream.settings.landmarks for stream in given] == [landmarks, landmarks]
    window = BoundedPersistenceStream(100, 1, landmarks=landmarks)
    assert window.tick(0).diagram.info["landmarks"] == landmarks


@pytest.mark.parametrize("landmarks", ["rtree", "", None, 3])
def test_unknown_landmark_strategies_are_refused(landmarks: object) -> None:
    with pytest.raises(ConfigError, match=r"landmarks must be one of cover, maxmin, not"):
        MultiScaleStream([100], landmarks=landmarks)
    with pytest.raises(ConfigError, match="landmarks is given beside a Config"):
        MultiScaleStream(Config(), landmarks="cover")
