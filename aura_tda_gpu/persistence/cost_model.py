"""Whether a window is better updated or rebuilt: a cost model with constants of this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import numpy as np

from .engine import Engine

__all__ = ["CostModel", "MachineCosts", "machine_costs"]

_FEW, _SAMPLE = 8, 320  # points of the trials
_SEVERAL = 32  # points replaced at once
_LEAST = 1e-9  # seconds; clocks have steps
_MARGIN = 0.85  # an update is chosen if it is expected to take less than this share of a rebuild
_MEMORY = 0.2  # weight of the newest observation
_OUTLIER = 4.0  # times what is expected; the loss of a hub of many edges counts as so much
_FORGIVING = 0.05  # how far each rebuild moves what was learned of updates back to the first guess
_FIRST_GUESS, _LEAST_GUESS = 0.5, 0.05
_LARGEST_CORRECTION = 20.0
_MEASURED: dict[str, MachineCosts] = {}
_lock = Lock()


@dataclass(frozen=True, slots=True)
class MachineCosts:
    """Seconds of the elementary steps on this machine, one thread.

    Attributes
    ----------
    rebuild : float
        For each of the n^2 entries of the matrix and each of the n / 64 words of a bitset row.
    notes : float
        What writing certificates adds to a rebuild, as a share of it.
    mark : float
        For each edge and each point that leaves or comes.
    recheck : float
        For each edge looked at again and each vertex.
    rebuild_start, update_start : float
        For each rebuild and each update, however few the points; on a device, the launches.
    """

    rebuild: float
    notes: float
    mark: float
    recheck: float
    rebuild_start: float
    update_start: float


class CostModel:
    """What updates and rebuilds of one window are expected to take.

    The constants of the machine give the first guess; what the window's own updates and
    rebuilds take corrects it. A state is worth building once the updates that were missed would
    have paid for it, so that a window that always changes much is never slowed down.

    Parameters
    ----------
    costs : MachineCosts
        From `machine_costs`.
    """

    def __init__(self, costs: MachineCosts) -> None:
        self._costs = costs
        self._correction = {"rebuild": 1.0, "update": 1.0}
        self._seen = {"rebuild": False, "update": False}
        self._rechecks_each = _FIRST_GUESS  # beside the edges of the new points, in units of n
        self._missed = 0.0

    def rebuild_seconds(self, n: int) -> float:
        """Return the expected seconds of a rebuild of n points."""
        costs = self._costs
        sweep = costs.rebuild * n * n * (n / 64 + 8)
        return self._correction["rebuild"] * (costs.rebuild_start + sweep)

    def update_seconds(self, n: int, changed: int) -> float:
        """Return the expected seconds of an update that replaces some of n points."""
        costs = self._costs
        mark = costs.mark * changed * n * n / 2
        recheck = costs.recheck * changed * n * n * (1 + self._rechecks_each)
        return self._correction["update"] * (costs.update_start + mark + recheck)

    def updates(self, n: int, changed: int) -> bool:
        """Tell whether an update is expected to be clearly faster."""
        return self.update_seconds(n, changed) < _MARGIN * self.rebuild_seconds(n)

    def budget(self, n: int, changed: int) -> int:
        """Return the rechecks, beside those of the new points, at which an update gives up."""
        spare = self.rebuild_seconds(n) - self._costs.mark * changed * n * n / 2
        return max(n, int(spare / (self._costs.recheck * max(1, n))))

    def builds(self, n: int, changed: int) -> bool:
        """Tell whether this rebuild should note certificates for the updates to come."""
        self._rechecks_each += _FORGIVING * (_FIRST_GUESS - self._rechecks_each)
        self._correction["update"] += _FORGIVING * (1.0 - self._correction["update"])
        rebuild = self.rebuild_seconds(n)
        self._missed += max(0.0, _MARGIN * rebuild - self.update_seconds(n, changed))
        if self._missed < self._costs.notes * rebuild:
            return False
        self._missed = 0.0
        return True

    def observe_rebuild(self, n: int, seconds: float) -> None:
        """Learn from a rebuild that noted nothing."""
        expected = self.rebuild_seconds(n)
        self._learn("rebuild", min(seconds, _OUTLIER * expected), expected)

    def observe_update(self, n: int, changed: int, rechecked: int, seconds: float) -> None:
        """Learn from an update of n points that looked at so many edges again."""
        if not changed:
            return
        expected = self.update_seconds(n, changed)
        each = max(0.0, rechecked / (changed * max(1, n)) - 1)
        each = min(each, _OUTLIER * self._rechecks_each)
        learned = self._rechecks_each + _MEMORY * (each - self._rechecks_each)
        self._rechecks_each = max(_LEAST_GUESS, learned)
        self._learn("update", min(seconds, _OUTLIER * expected), expected)
        # a window that only updates would never see that one rebuild was slow by chance
        usual = max(1.0, self._correction["update"])
        excess = max(0.0, self._correction["rebuild"] - usual)
        self._correction["rebuild"] -= _FORGIVING * excess

    def observe_failure(self) -> None:
        """Learn from an update that gave up."""
        self._rechecks_each *= 2

    def _learn(self, path: str, seconds: float, expected: float) -> None:
        if expected <= 0:
            return
        weight = _MEMORY if self._seen[path] else 1.0
        target = self._correction[path] * seconds / expected
        changed = self._correction[path] + weight * (target - self._correction[path])
        self._correction[path] = min(_LARGEST_CORRECTION, max(1 / _LARGEST_CORRECTION, changed))
        self._seen[path] = True


def machine_costs(engine: Engine) -> MachineCosts:
    """Measure the constants, once in a process, on a cloud of normal noise.

    Threads that ask while they are measured wait. They are not kept on disk: that would save
    0.03 s of the 0.2 s and more in which a process loads its kernels, and what other processes
    did at that moment would stay in the constants of all that come later.

    Parameters
    ----------
    engine : Engine
        One that has window states.
    """
    with _lock:
        if engine.name not in _MEASURED:
            _MEASURED[engine.name] = _measure(engine)
        return _MEASURED[engine.name]


def _forget_lock() -> None:
    """Start afresh in a forked process, whose other threads will never release it."""
    global _lock
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lock)


def _measure(engine: Engine) -> MachineCosts:
    few, many = _Trial(engine, _FEW), _Trial(engine, _SAMPLE)
    one, from_few = many.replaced(1), few.replaced(1)
    work = _SAMPLE * _SAMPLE
    if one.recheck is None:  # a device tells no parts, and more of them at once cost it little
        several = many.replaced(_SEVERAL)
        recheck, rechecked = several.whole - one.whole, several.rechecked - one.rechecked
    else:
        recheck = one.recheck - (from_few.recheck or 0.0)
        rechecked = one.rechecked - from_few.rechecked
    return MachineCosts(
        rebuild=max(0.0, many.rebuild - few.rebuild) / (work * (_SAMPLE / 64 + 8)),
        notes=max(0.1, many.build / many.rebuild - 1),
        mark=max(0.0, one.mark - from_few.mark) / (work / 2),
        recheck=max(_LEAST, recheck) / (max(1, rechecked) * _SAMPLE),
        rebuild_start=few.rebuild,
        update_start=from_few.whole,
    )


@dataclass(slots=True)
class _Replaced:
    """Best seconds of updates that replace so many points; None where a part is not told.

    Attributes
    ----------
    rechecked : int
        Edges that were looked at again by the update whose time for it, or else whose whole time,
        was best by the edge.
    """

    whole: float = np.inf
    mark: float = np.inf
    recheck: float | None = None
    rechecked: int = 1


class _Trial:
    """Best seconds of each step for some points."""

    def __init__(self, engine: Engine, n: int) -> None:
        cloud = np.random.default_rng(0).standard_normal((n + _SEVERAL, 3)).astype(np.float32)
        points, self._fresh, self._budget = cloud[:n], cloud[n:], n * n
        state = self._state = engine.window_state(n, 3, "euclidean", threshold=np.inf, threads=1)

        def compute() -> None:
            matrix = engine.pairwise(points, "euclidean")
            engine.compute(matrix, dimensions=(0, 1), threshold=np.inf, threads=1)

        def build() -> None:
            matrix = engine.pairwise(points, "euclidean")
            state.build(matrix, points, np.arange(n))
            state.result((0, 1))

        self.rebuild = min(_seconds(compute) for _ in range(3))
        self.build = min(_seconds(build) for _ in range(3))

    def replaced(self, count: int) -> _Replaced:
        """Replace so many points at a time, eight times."""
        best, found = np.inf, _Replaced()
        for turn in range(8):
            slots = turn + np.arange(count)
            started = time.perf_counter()
            info = self._state.update(slots, slots, self._fresh[:count], self._budget)
            rechecked = self._state.result((0, 1)).info.get("n_rechecked", info["n_rechecked"])
            whole, told = time.perf_counter() - started, info["seconds"]
            found.whole = min(found.whole, whole)
            found.mark = min(found.mark, told.get("mark", 0.0))
            seconds = told.get("recheck", whole)
            if seconds / rechecked < best:
                best, found.rechecked = seconds / rechecked, rechecked
                found.recheck = told.get("recheck")
        return found


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
