"""Where the settings of a processor come from, and which of them wins."""

from __future__ import annotations

import typing
from typing import Any

import pytest

from aura_tda_gpu.config import Config, MemoryConfig, QueuesConfig, setting_fields
from aura_tda_gpu.errors import ConfigError
from aura_tda_gpu.processor import StreamingTDAProcessor
from aura_tda_gpu.processor_settings import Keywords, ProcessorSettings, keywords

from .helpers import cloud


def settings(*args: object, **given: object) -> ProcessorSettings:
    scales = args[0] if args else None
    return ProcessorSettings.of(scales, given)  # type: ignore[arg-type]


def test_the_keywords_are_the_keys_of_the_configuration() -> None:
    known = keywords()
    assert known.keys() == setting_fields().keys()
    assert len(set(known.values())) == len(known)
    assert set(known.values()) == Keywords.__annotations__.keys() | {"scales"}
    assert known["memory.max_mb"] == "max_memory_mb"


def test_the_keywords_have_the_types_of_the_configuration() -> None:
    by_name = {name: key for key, name in keywords().items()}
    hints = typing.get_type_hints(Keywords)
    for name, hint in hints.items():
        wanted = setting_fields()[by_name[name]].annotation
        if name == "homology_dimensions":
            assert typing.get_args(hint) == (int,)
        else:
            assert hint == wanted, name


def test_the_docstring_names_every_keyword() -> None:
    text = StreamingTDAProcessor.__doc__ or ""
    missing = [name for name in keywords().values() if name not in text]
    assert missing in ([], ["stability_threshold"])


def test_nothing_given() -> None:
    assert settings().config == Config()
    assert StreamingTDAProcessor().config == Config()


@pytest.mark.parametrize("form", ["mapping", "with its root", "Config"])
def test_the_constructor_wins_over_initialize_and_that_over_the_defaults(form: str) -> None:
    inner: dict[str, Any] = {
        "scales": [50],
        "memory": {"max_mb": 7, "max_landmarks": 40},
        "performance": {"batch_size": 3},
    }
    config: object = {
        "mapping": inner,
        "with its root": {"streaming_tda": inner},
        "Config": Config(**inner),
    }[form]
    merged = settings([100, 200], max_memory_mb=9).over(config).config  # type: ignore[arg-type]
    assert merged.scales == (100, 200)
    assert (merged.memory.max_mb, merged.memory.max_landmarks) == (9, 40)
    assert merged.performance.batch_size == 3
    assert merged.queues == QueuesConfig()
    assert inner["memory"] == {"max_mb": 7, "max_landmarks": 40}


def test_initialize_with_nothing_changes_nothing() -> None:
    mine = settings([100], batch_size=5)
    assert mine.over(None) is mine
    assert mine.over({}).config == mine.config
    assert mine.over({"streaming_tda": {}}).config == mine.config


def test_a_config_in_the_constructor_wins_key_by_key() -> None:
    mine = settings(Config(scales=(30,), memory=MemoryConfig(max_mb=11)))
    merged = mine.over({"scales": [50], "memory": {"max_mb": 7, "max_landmarks": 40}}).config
    assert merged.scales == (30,)
    assert (merged.memory.max_mb, merged.memory.max_landmarks) == (11, 40)


def test_a_keyword_wins_over_the_config_beside_it() -> None:
    config = Config(memory=MemoryConfig(max_mb=11, max_landmarks=40))
    merged = settings(config, max_memory_mb=12).config
    assert (merged.memory.max_mb, merged.memory.max_landmarks) == (12, 40)
    assert config.memory.max_mb == 11


def test_a_value_of_the_default_counts_as_given() -> None:
    default = Config().performance.batch_size
    merged = settings(batch_size=default).over({"performance": {"batch_size": 3}}).config
    assert merged.performance.batch_size == default


def test_the_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURA_TDA_MEMORY__MAX_MB", "5")
    monkeypatch.setenv("AURA_TDA_NONSENSE", "5")
    assert settings().config == Config()


def test_errors_name_the_keyword() -> None:
    with pytest.raises(ConfigError, match=r"^max_memory_mb: "):
        settings(max_memory_mb=-1)
    with pytest.raises(ConfigError, match=r"max_memory_mb: .*; batch_size: "):
        settings(max_memory_mb=-1, batch_size=0)


def test_windows_finest_first() -> None:
    assert settings([400, 100]).window_ids == ("scale_100ms", "scale_400ms")


@pytest.mark.asyncio
async def test_what_initialize_says_is_in_force() -> None:
    tda = StreamingTDAProcessor(max_memory_mb=4)
    await tda.initialize(
        {
            "scales": [400, 100],
            "memory": {"max_landmarks": 24, "landmarks": "maxmin", "max_mb": 999},
            "queues": {"subscriber_updates": 3, "subscriber_policy": "coalesce"},
            "window": {"allowed_lateness_ms": 20},
            "engine": {"homology_dimensions": [0]},
        }
    )
    assert tda.config.memory.max_mb == 4
    subscription = tda.subscribe_to_updates()
    assert (subscription.limit, subscription.policy) == (3, "coalesce")
    updates = await tda.process_batch(*cloud(100))
    assert updates[-1].timestamp <= 0.08
    assert updates[-1].n_vertices == 24
    assert set(updates[-1].dimensions) == {0}
    await tda.close()


@pytest.mark.asyncio
async def test_what_the_stream_alone_knows() -> None:
    async with StreamingTDAProcessor(
        [100, 400], slide_intervals_ms=[50, 40], dim=2, max_points=30, max_memory_mb=4
    ) as tda:
        updates = await tda.process_batch(*cloud(201))
    assert [u.timestamp for u in updates if u.window_id == "scale_100ms"] == [0.05, 0.1, 0.15, 0.2]
    assert max(u.n_points for u in updates) == 30
    assert updates[-1].n_overflowed > 0
