"""What a processor tells of features, against a tracker beside a plain stream."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aura_tda_gpu.errors import ConfigError
from aura_tda_gpu.streaming.feature_tracker import FeatureTracker
from tests.held import bytes_of
from tests.persistence.test_window_memory import joined_simplices

from .helpers import EVERY_BAR, cloud, processor, pushed

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("settings", [{}, {"min_persistence": 0.3}, EVERY_BAR])
async def test_events_are_those_of_a_tracker_with_the_same_settings(
    settings: dict[str, Any],
) -> None:
    async with processor(**settings) as tda:
        updates = await tda.process_batch(*cloud(700))
        lines = await tda.get_lifelines()
        finest = await tda.get_lifelines("scale_100ms")
    expected = pushed(700)
    plain = FeatureTracker(settings.get("min_persistence", 0.05))
    if settings is EVERY_BAR:
        plain = FeatureTracker(0.0, min_ticks=1, alpha=1.0)
    plain.follow(expected)
    assert [u.events for u in updates] == [u.events for u in expected]
    assert [dict(u.feature_ids) for u in updates] == [dict(u.feature_ids) for u in expected]
    assert repr(lines) == repr(plain.features())
    assert repr(finest) == repr(plain.features("scale_100ms"))
    assert sum(len(u.events) for u in updates) > 3


@pytest.mark.parametrize("scale", ["scale_1ms", "100", 100, ""])
async def test_a_scale_that_is_not_there_is_named(scale: Any) -> None:
    async with processor([400, 100]) as tda:
        with pytest.raises(ConfigError, match=r"choose one of scale_100ms, scale_400ms$") as caught:
            await tda.get_lifelines(scale)
    assert f"there is no scale {scale!r}" in str(caught.value)


async def test_settings_reach_the_tracker() -> None:
    settings = {"min_persistence": 0.2, "min_ticks": 5, "alpha": 0.01, "stability_threshold": 0.4}
    async with processor(**settings) as tda:
        (_, tracker) = tda._hooks or ()
    assert {name: getattr(tracker, name) for name in settings} == settings


async def test_without_a_tracker_there_are_no_features() -> None:
    async with processor(hooks=()) as tda:
        updates = await tda.process_batch(*cloud(300))
        assert await tda.get_lifelines() == []
    assert all(u.events == () and u.feature_ids == {} for u in updates)


async def test_the_processor_counts_what_its_hooks_keep() -> None:
    class Hook:
        nbytes = 0

        def __call__(self, updates: Any) -> None:
            pass

    hook = Hook()
    async with processor(hooks=(hook,)) as tda:
        await tda.process_batch(*cloud(50))
        without = tda.get_memory_usage()
        hook.nbytes = 12_345
        assert tda.get_memory_usage() == without + 12_345


async def test_nothing_of_an_update_is_kept_uncounted() -> None:
    points, times = joined_simplices(128, np.random.default_rng(0), 1e-5), np.arange(128) / 1000
    settings: dict[str, Any] = {"max_landmarks": 128, "max_points": 200, "max_memory_mb": 8}
    async with processor([128], **settings) as tda:
        for start in range(3):
            await tda.process_batch(points, times + 0.128 * start)
        (update,) = (await tda.flush())[-1:]
        # the window has no room for the loops of so many bars
        assert tda._stream is not None
        diagram_bytes, held = update.diagram.nbytes, bytes_of(tda)
        assert diagram_bytes > 0.3 * held
        assert 0.9 * held <= tda.get_memory_usage() <= 1.1 * held
