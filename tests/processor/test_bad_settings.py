"""Settings that cannot be, and settings that say that nothing is to run."""

from __future__ import annotations

import asyncio
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from aura_tda_gpu import FeatureTracker
from aura_tda_gpu.config import Config
from aura_tda_gpu.errors import BackendUnavailable, ConfigError
from aura_tda_gpu.persistence import cuda_device
from aura_tda_gpu.processor import StreamingTDAProcessor

from ..streaming.test_bad_input import BAD_PUSHES
from .helpers import cloud, point, processor, pushed, reading, told, turns, worker_threads

NAN = float("nan")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_memory": 5}, "unknown setting 'max_memory'.*mean max_memory_mb"),
        ({"scale": [100]}, "unknown setting 'scale'"),
        ({"memory": {"max_mb": 5}}, "unknown setting 'memory'"),
        ({"max_memory_mb": 0}, "max_memory_mb"),
        ({"max_memory_mb": "5"}, "max_memory_mb"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"batch_deadline_ms": -1}, "batch_deadline_ms"),
        ({"batch_deadline_ms": NAN}, "batch_deadline_ms"),
        ({"input_points": 0}, "input_points"),
        ({"input_policy": "coalesce"}, "input_policy"),
        ({"subscriber_policy": "drop"}, "subscriber_policy"),
        ({"subscriber_updates": True}, "subscriber_updates"),
        ({"metric": "euclid"}, "metric"),
        ({"backend": "gpu"}, "backend"),
        ({"scales": []}, "scale"),
        ({"scales": [100, 100]}, "repeated"),
        ({"scales": [0]}, "scales"),
        ({"scales": "100"}, "scales"),
        ({"scales": 100}, "scales"),
        ({"scales": np.array([1.5])}, "scales"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        StreamingTDAProcessor(**settings)


async def coroutine(updates: Any) -> None:
    """Be no hook."""


class AwaitedWhenCalled:
    """Be no hook."""

    async def __call__(self, updates: Any) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("hooks", "words"),
    [
        (FeatureTracker(), "hooks must be a list of them"),
        (5, "hooks must be a list of them, such as .*, not 5"),
        ([5], "5 cannot be"),
        ([print, None], "None cannot be"),
        ([coroutine], "is a coroutine function: subscribe_to_updates awaits"),
        ([AwaitedWhenCalled()], "is a coroutine function: subscribe_to_updates awaits"),
        ([partial(AwaitedWhenCalled())], "is a coroutine function: subscribe_to_updates awaits"),
    ],
)
def test_hooks_that_cannot_be_are_told_when_a_processor_is_made(hooks: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        StreamingTDAProcessor([100], hooks=hooks)


def test_a_gpu_that_is_missing_is_told_when_a_processor_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    monkeypatch.setattr(cuda_device, "not_installed", lambda: asked.append(1) or "there is none")
    monkeypatch.setattr(cuda_device, "cuda_engine", lambda: pytest.fail("an engine was loaded"))
    for settings in (
        {"backend": "cuda"},
        {"scales": Config(scales=[100], engine={"backend": "cuda"})},
    ):
        with pytest.raises(BackendUnavailable, match=r"^backend 'cuda': there is none$"):
            StreamingTDAProcessor(**settings)
    assert len(asked) == 2
    StreamingTDAProcessor(backend="cuda", enabled=False)
    for backend in ("auto", "cpu"):
        StreamingTDAProcessor(backend=backend)
    assert len(asked) == 2


def test_a_processor_can_be_made_before_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver does not survive a fork once it is initialised, so it is only loaded."""
    driver = SimpleNamespace(cuInit=lambda _: pytest.fail("the driver was initialised"))
    monkeypatch.setattr(cuda_device, "load_driver", lambda: driver)
    monkeypatch.setattr(cuda_device.util, "find_spec", lambda name: name == "cupy" or None)
    StreamingTDAProcessor([100], backend="cuda")
    monkeypatch.setattr(cuda_device.util, "find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match="CuPy is not installed"):
        StreamingTDAProcessor([100], backend="cuda")
    monkeypatch.setattr(cuda_device, "load_driver", lambda: None)
    with pytest.raises(BackendUnavailable, match="no NVIDIA driver was found"):
        StreamingTDAProcessor([100], backend="cuda")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("config", "words"),
    [
        (5, "mapping"),
        ("config.yaml", "mapping"),
        ([("scales", [100])], "mapping"),
        ({1: 2}, "text keys"),
        ({"streaming_tda": 5}, "mapping"),
        ({"scale": [100]}, "scale"),
        ({"scales": [100], "streaming_tda": {}}, "streaming_tda"),
        ({"memory": {"max_gb": 1}}, "max_gb"),
        ({"memory": {"max_mb": "1"}}, "max_mb"),
        ({"memory": 5}, "memory"),
        ({"performance": {"batch_size": 0}}, "batch_size"),
        ({"queues": {"input_policy": "drop"}}, "input_policy"),
    ],
)
async def test_a_config_that_cannot_be(config: Any, words: str) -> None:
    tda = StreamingTDAProcessor(max_landmarks=24)
    with pytest.raises(ConfigError, match=words):
        await tda.initialize(config)
    assert worker_threads() == []
    await tda.initialize({"scales": [100], "memory": {"max_mb": 4}})
    assert tda.config.scales == (100,)
    await tda.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "scales",
    [
        np.array([100, 400]),
        np.array([100.0, 400.0], np.float32),
        (s for s in (100, 400)),
        range(100, 700, 300),
        {100: 1, 400: 2},
        (400, 100),
    ],
    ids=["array", "float32", "generator", "range", "dict", "descending"],
)
async def test_scales_of_any_kind(scales: Any) -> None:
    async with processor(scales) as tda:
        assert sorted(tda.config.scales) == [100, 400]
        assert all(type(scale) is int for scale in tda.config.scales)
        assert told(await tda.process_batch(*cloud(60))) == told(pushed(60))


@pytest.mark.asyncio
@pytest.mark.parametrize("how", ["keyword", "config", "initialize"])
async def test_not_enabled(how: str) -> None:
    """Everything is counted and nothing is started."""
    config = Config(enabled=False)
    tda = {
        "keyword": lambda: processor(enabled=False),
        "config": lambda: StreamingTDAProcessor(config),
        "initialize": lambda: processor(),
    }[how]()
    await tda.initialize({"enabled": False} if how == "initialize" else None)
    assert worker_threads() == []
    consumer = asyncio.create_task(reading(tda.subscribe_to_updates()))
    assert await tda.process_point(point(0)) is None
    assert await tda.process_batch(*cloud(100)) == []
    assert await tda.process_batch([], []) == []
    assert await tda.process_batch([1.0, 2.0], 0.5) == []
    assert await tda.advance(5.0) == []
    assert await tda.flush() == []
    assert await tda.get_current_features() == {}
    await turns()
    assert worker_threads() == []
    assert (tda.stats.ignored, tda.stats.stream.accepted) == (102, 0)
    assert tda.get_memory_usage() == 0
    await tda.close()
    assert await consumer == []
    assert tda.stats.ignored == 102


@pytest.mark.asyncio
async def test_not_enabled_takes_whatever_comes() -> None:
    async with processor(enabled=False) as tda:
        for points, times, _, _ in BAD_PUSHES.values():
            assert await tda.process_batch(points, times) == []
