"""Compiling or loading the kernels before the clock starts, and saying so where it takes long."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from ..config import Config
from ..persistence import backends
from ..persistence.notices import told_by_caller
from ..streaming.feature_tracker import FeatureTracker
from ..streaming.multi_scale_processor import MultiScaleStream
from .compiling import CompilingAhead

__all__ = ["announced", "follow_a_few", "warm_up"]

_PATIENCE = 1.0  # seconds
# what other processes compile, while this one begins with single diagrams
_LANDMARKS = "from aura_tda_gpu.persistence import cpu; cpu.warm_landmarks()"
_FOLLOWING = "from aura_tda_gpu.cli.warming import follow_a_few; follow_a_few('reference')"
_UPDATES = "from aura_tda_gpu.persistence import cpu; cpu.update_a_few()"
_NOTICE = "compiling the CPU kernels that are missing, once per installation: up to a minute ..."


@contextmanager
def announced(say: Callable[[str], None]) -> Iterator[None]:
    """Say that kernels are being compiled, as soon as that has taken a second."""
    from ..persistence import cpu

    before, over = cpu.cache_statistics()["compiled"], threading.Event()

    def watch() -> None:
        while not over.wait(_PATIENCE):
            if cpu.cache_statistics()["compiled"] > before:
                say(_NOTICE)
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        with told_by_caller():
            yield
    finally:
        over.set()
        watcher.join()


def warm_up(config: Config, say: Callable[[str], None], *, tracking: bool = True) -> None:
    """Compile or load the kernels of a run, those of the CPU engine only if it is to run.

    Parameters
    ----------
    config : Config
        Settings of the run.
    say : callable
        Told while and after kernels are compiled.
    tracking : bool
        The kernels that follow features, too.

    Raises
    ------
    AuraTDAError
        If the backend of the settings cannot run.
    """
    from ..persistence import cpu

    engine = config.engine
    before, start = cpu.cache_statistics()["compiled"], time.perf_counter()
    beside = _FOLLOWING if tracking else _LANDMARKS
    parts = (beside, _UPDATES) if _compiles(engine.backend) else ()
    with announced(say), CompilingAhead(parts) as ahead:
        chosen, _ = backends.resolve(engine.backend, 1, engine.homology_dimensions)
        if chosen.name == "cpu":
            ahead.wait(_UPDATES)
            cpu.warm_windows()
            ahead.wait(beside)
            cpu.warm_up()
        if tracking:
            follow_a_few("cpu" if chosen.name == "cpu" else "reference")
    gc.collect()
    gc.freeze()  # looking through all that numba has loaded holds up a tick by tens of milliseconds
    if cpu.cache_statistics()["compiled"] > before:
        seconds = time.perf_counter() - start
        say(f"compiled the CPU kernels, once per installation: {seconds:.1f} s")


def _compiles(backend: str) -> bool:
    """Tell whether kernels of the CPU will have to be compiled, by the first of them."""
    from ..persistence import cpu

    return backend in ("auto", "cpu") and cpu.is_compiled_anew()


def follow_a_few(backend: str) -> None:
    """Let a tracker follow a square through two ticks, which takes all of its kernels."""
    stream = MultiScaleStream([100], max_points=8, max_landmarks=8, backend=backend)
    square = [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]
    FeatureTracker(min_persistence=0.1).follow(stream.push(square * 3, np.arange(12) / 100))
