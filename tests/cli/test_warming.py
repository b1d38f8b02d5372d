"""Compiling is announced, whoever begins it, and loading is not."""

from __future__ import annotations

import time

import pytest

from aura_tda_gpu import FeatureTracker, MultiScaleStream
from aura_tda_gpu.cli import run, warming
from aura_tda_gpu.config import Config
from aura_tda_gpu.persistence import backends, cpu
from aura_tda_gpu.persistence.kernels import cover, likeness, tick

from .commands import SCALES, TIME, circle, invoke


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An engine that takes a while to make, and counts as compiled if the list has an entry."""
    compiled: list[str] = []

    def resolve(*args: object, **how: object) -> object:
        time.sleep(0.2)
        return real(*args, **how)  # type: ignore[arg-type]

    real = backends.resolve
    monkeypatch.setattr(warming, "_PATIENCE", 0.02)
    monkeypatch.setattr(backends, "resolve", resolve)
    monkeypatch.setattr(cpu, "is_compiled_anew", lambda: False)
    counts = iter([0, 0])
    monkeypatch.setattr(
        cpu, "cache_statistics", lambda: {"compiled": next(counts, len(compiled)), "cached": 0}
    )
    return compiled


def test_compiling_is_announced_and_timed(slow: list[str]) -> None:
    said: list[str] = []
    slow.append("a kernel")
    warming.warm_up(Config(), said.append)
    first, second = said
    assert first.startswith("compiling the CPU kernels that are missing, once per installation")
    assert second.startswith("compiled the CPU kernels, once per installation: ")


def test_kernels_that_are_loaded_are_not_worth_a_word(slow: list[str]) -> None:
    said: list[str] = []
    warming.warm_up(Config(), said.append)
    assert said == []


def test_nothing_is_compiled_before_the_notice_can_come(csv, monkeypatch) -> None:
    order: list[str] = []

    def made(*args: object) -> MultiScaleStream:
        order.append("stream")
        return MultiScaleStream(*args)

    monkeypatch.setattr(run, "warm_up", lambda *args: order.append("warm up"))
    monkeypatch.setattr(run, "MultiScaleStream", made)
    assert invoke("run", csv, *TIME, *SCALES).exit_code == 0
    assert order == ["warm up", "stream"]


def test_a_run_meets_no_kernel_that_was_not_warmed_up() -> None:
    warming.warm_up(Config(), lambda text: None)
    kernels = (cover.take, cover.measure, likeness.likenesses, likeness.near_share, tick.follow)
    before = [kernel.signatures for kernel in kernels]
    assert all(before)
    rows = circle()
    updates = MultiScaleStream([500, 1000], max_landmarks=20).push(rows[:, 1:], rows[:, 0])
    FeatureTracker().follow(updates)
    assert [kernel.signatures for kernel in kernels] == before
