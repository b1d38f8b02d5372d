"""A stream on a device that is interrupted before any line of its own goes on as if it were not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

import numpy as np
import pytest

from aura_tda_gpu import MultiScaleStream
from aura_tda_gpu.persistence import cost_model, cuda_device
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.cuda_kernels import Kernels
from aura_tda_gpu.streaming import (
    device_cover,
    device_intake,
    device_ring,
    device_taking,
    engine_window,
    lane,
    persistence_stream,
)
from aura_tda_gpu.streaming.window_update import WindowUpdate
from tests.cuda_host import EmulatedModule, reason_unavailable

REASON = reason_unavailable()
MODULES = (
    *(device_cover, device_intake, device_ring, device_taking),
    *(engine_window, lane, persistence_stream),
)

pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no emulator: {REASON}")


class Interrupting:
    """Raises before one line of some modules, or notes all of them."""

    def __init__(self, modules: tuple[ModuleType, ...], at: tuple[str, int, int] | None) -> None:
        self.seen: dict[tuple[str, int], int] = {}  # how often each line was met
        self._files = {module.__file__ for module in modules}
        self._at = at

    def __call__(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        if frame.f_code.co_filename not in self._files:
            return None
        if event == "line":
            place = frame.f_code.co_filename, frame.f_lineno
            self.seen[place] = self.seen.get(place, 0) + 1
            if self._at == (*place, self.seen[place]):
                sys.settrace(None)
                raise KeyboardInterrupt
        return self


def run(backend: str, trace: Interrupting | None = None) -> list[Any]:
    """Push in three parts and flush; where that is interrupted, go on. Return what is said."""
    rng = np.random.default_rng(5)
    points = rng.normal(size=(110, 2)) * np.repeat([1, 8], 55)[:, np.newaxis]
    times = np.cumsum(rng.exponential(1.2, 110)) / 1000
    times[70:] += 0.3
    stream = MultiScaleStream(
        *([20, 40, 60],),
        slide_intervals_ms=[20, 20, 30],
        **{"dim": 2, "max_landmarks": 6, "max_points": 20, "max_memory_mb": 8, "backend": backend},
    )
    updates = []
    for start, stop in ((0, 37), (37, 80), (80, 110), (0, 0)):
        part = points[start:stop], times[start:stop]
        before = stream.stats.accepted
        sys.settrace(trace)
        try:
            updates += stream.push(*part) if stop else stream.flush()
        except KeyboardInterrupt:
            sys.settrace(None)
            is_taken = stream.stats.accepted > before
            updates += stream.push(*(([], []) if is_taken else part)) if stop else stream.flush()
        finally:
            sys.settrace(None)
    return [[told(update) for update in updates], stream.stats.overflowed]


def told(update: WindowUpdate) -> tuple[Any, ...]:
    info = update.diagram.info
    return (
        *(update.timestamp, update.window_id, update.n_points, sorted(update.vertex_ids.tolist())),
        *(update.births, update.deaths, update.error_bound, update.skipped_ticks),
        *(update.n_overflowed, info["covering_radius"], info["rho"]),
    )


@pytest.fixture(autouse=True)
def as_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = CudaEngine(np, Kernels(EmulatedModule))
    monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
    monkeypatch.setattr(cuda_device, "check_size", lambda n: None)
    costs = cost_model.MachineCosts(1e-8, 0.1, 1e-12, 1e-12, 1.0, 1e-6)
    monkeypatch.setitem(cost_model._MEASURED, "cuda", costs)
    monkeypatch.setattr(device_cover, "CHUNK", 13)
    monkeypatch.setattr(device_intake, "_TURNS", 3)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.split(".")[-1])
def test_an_interrupt_before_any_line_changes_nothing(module: ModuleType) -> None:
    truth = run("cpu")
    lines = Interrupting((module,), None)
    assert run("cuda", lines) == truth
    assert len(lines.seen) > 10
    rng = np.random.default_rng(0)
    for place, times in lines.seen.items():
        at = *place, int(rng.integers(1, times + 1))
        assert run("cuda", Interrupting((module,), at)) == truth, at
