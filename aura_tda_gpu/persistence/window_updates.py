"""One window's way from slots to bars: by an update in place, or by a rebuild."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ..errors import ConfigError, StateCorruption, UnsupportedError
from .cost_model import CostModel, machine_costs
from .engine import Bars, Engine, EngineResult, Float32Array, Int64Array, TooManyEdges, WindowState
from .rips import RipsOptions
from .slots import FREE
from .weighted import compute_weighted

__all__ = ["UPDATES", "WindowUpdates", "check_updates"]

Found: TypeAlias = tuple[EngineResult, dict[str, Any]]
_Done: TypeAlias = tuple[EngineResult, dict[str, Any], "WindowState | None"]
UPDATES = ("auto", "always", "never")
NO_UPDATES = (
    "updates='always' with metric 'dtm': one point that comes or goes changes the weights of many "
    "others, so such a window is rebuilt; take 'auto'"
)


class WindowUpdates:
    """Computes the bars of a window, and keeps what makes the next time cheaper.

    Parameters
    ----------
    capacity, dim : int
        Slots, and coordinates of a point.
    options : RipsOptions
        Settings.
    engine : Engine
        Its engine.
    updates : str
        One of `UPDATES`.

    Raises
    ------
    UnsupportedError
        If updates are to be always and the engine has none for so many slots, or for no window of
        this metric.
    """

    def __init__(
        self, capacity: int, dim: int, options: RipsOptions, engine: Engine, updates: str
    ) -> None:
        self._options = options
        self._engine = engine
        self._make: Callable[[], WindowState] = lambda: engine.window_state(
            capacity,
            dim,
            options.metric,
            threshold=options.max_edge_length,
            threads=options.threads,
        )
        self.mode = updates
        weighted = options.dtm_mass is not None
        if weighted and updates == "always":
            raise UnsupportedError(NO_UPDATES)
        updatable = not weighted and engine.has_window_state(capacity)
        self._mode = updates if updatable else "never"
        if self._mode != updates == "always":
            raise _cannot_update(engine, capacity)
        self._costs = CostModel(machine_costs(engine)) if self._mode == "auto" else None
        self._state: WindowState | None = None
        self._ids = np.full(capacity, FREE, np.int64)
        self._computed = False

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._ids.nbytes + self.state_nbytes

    @property
    def state_nbytes(self) -> int:
        """Bytes of what makes updates possible."""
        return 0 if self._state is None else self._state.nbytes

    @property
    def most_nbytes(self) -> int:
        """Bytes of the same, here or on a device, whichever are more."""
        return 0 if self._state is None else max(self._state.nbytes, self._state.device_nbytes)

    def begin(self, points: Float32Array, ids: Int64Array, n: int) -> Callable[[], Found]:
        """Launch what can be launched for the bars of the live slots; return what waits for them.

        Parameters
        ----------
        points : ndarray of float32, shape (capacity, dim)
            Prepared points by slot.
        ids : ndarray of int64, shape (capacity,)
            Id of the point in each slot, FREE where there is none; neither is to be changed before
            the end. An id always means the same point.
        n : int
            How many points there are.

        Returns
        -------
        callable
            Returns the result, whose vertices are the live slots in order, and for its info
            ``path`` and ``n_rechecked``. To be called once, before the next `begin`.
        """
        changed = np.flatnonzero(ids != self._ids)
        update: Callable[[], _Done | None] | None = None
        state, self._state = self._state, None  # what an interrupted call leaves is not used
        if state is not None and self._prefers_update(n, len(changed)):
            update = self._begin_update(state, points, ids, changed, n)
        del state
        known = ids.copy()

        def finish() -> Found:
            nonlocal update
            done = None if update is None else update()
            update = None  # a rebuild needs its room
            if done is None:
                done = self._rebuild(points, ids, len(changed), n)
            result, info, kept = done
            self._ids = known
            self._computed = True
            self._state = kept
            return result, info

        return finish

    def keep_within(self, n_bytes: int) -> int:
        """Forget what makes updates possible if it is larger, here or on a device; return bytes."""
        if self.most_nbytes <= n_bytes:
            return self.state_nbytes
        self._state = None
        self._gave_up()
        return 0

    def verify(self, points: Float32Array) -> None:
        """Compare what is kept with a rebuild.

        Parameters
        ----------
        points : ndarray of float32, shape (capacity, dim)
            As in the last `result`.

        Raises
        ------
        StateCorruption
            If something differs; ``edge`` holds slots.
        """
        state = self._state
        if state is None:
            return
        state.verify()
        live = points[self._ids != FREE]
        fresh = self._engine.compute(
            self._engine.pairwise(live, self._options.metric),
            dimensions=self._options.homology_dimensions,
            threshold=self._options.max_edge_length,
            threads=self._options.threads,
        )
        _verify_bars(state.result(self._options.homology_dimensions), fresh)

    def _prefers_update(self, n: int, changed: int) -> bool:
        return self._costs is None or self._costs.updates(n, changed)

    def _begin_update(
        self,
        state: WindowState,
        points: Float32Array,
        ids: Int64Array,
        changed: Int64Array,
        n: int,
    ) -> Callable[[], _Done | None] | None:
        """Begin to update in place; None, now or at the end, if that turns out to be too much."""
        started = time.perf_counter()
        gone = changed[self._ids[changed] != FREE]
        new = changed[ids[changed] != FREE]
        most = n * n // 2
        budget = most if self._costs is None else self._costs.budget(n, len(changed))
        try:
            info = state.update(gone, new, points[new], min(budget, most))
        except TooManyEdges:
            self._gave_up()
            return None
        begun = time.perf_counter() - started

        def finish() -> _Done | None:
            started = time.perf_counter()
            try:
                result = state.result(self._options.homology_dimensions)
            except TooManyEdges:
                self._gave_up()
                return None
            rechecked = result.info.pop("n_rechecked", info["n_rechecked"])
            if self._costs is not None:
                seconds = begun + time.perf_counter() - started
                self._costs.observe_update(n, len(changed), rechecked, seconds)
            result.info["seconds"] = {**info["seconds"], **result.info["seconds"]}
            return result, {"path": "update", "n_rechecked": rechecked}, state

        return finish

    def _gave_up(self) -> None:
        """Take into account that an update in place was too much."""
        if self._costs is not None:
            self._costs.observe_failure()

    def _rebuild(self, points: Float32Array, ids: Int64Array, changed: int, n: int) -> _Done:
        """Compute afresh, with certificates if updates are to be expected."""
        started = time.perf_counter()
        state = None
        slots = np.flatnonzero(ids != FREE)
        live = points[slots]
        options = self._options
        if options.dtm_mass is not None:
            result, info = compute_weighted(self._engine, live, options)
            return result, {**info, "n_rechecked": 0}, None
        matrix = [self._engine.pairwise(live, options.metric)]
        distance = time.perf_counter() - started
        if self._builds(n, changed):
            state = self._make()
            seconds = state.build(matrix.pop(), live, slots)  # which needs its room
            result = state.result(options.homology_dimensions)
            result.info["seconds"] = {**seconds, **result.info["seconds"]}
        else:
            result = self._engine.compute(
                matrix.pop(),
                dimensions=options.homology_dimensions,
                threshold=options.max_edge_length,
                threads=options.threads,
            )
            if self._costs is not None:
                self._costs.observe_rebuild(n, time.perf_counter() - started)
        result.info["seconds"] = {"distance": distance, **result.info["seconds"]}
        return result, {"path": "rebuild", "n_rechecked": 0}, state

    def _builds(self, n: int, changed: int) -> bool:
        if self._mode == "never" or n == 0:
            return False
        if self._costs is None:
            return True
        return self._computed and self._costs.builds(n, changed)


def check_updates(updates: object) -> str:
    """Return the name of a policy.

    Raises
    ------
    ConfigError
        If it is not one of `UPDATES`.
    """
    if not isinstance(updates, str) or updates not in UPDATES:
        raise ConfigError(f"updates must be one of {', '.join(UPDATES)}, not {updates!r}")
    return updates


def _cannot_update(engine: Engine, capacity: int) -> UnsupportedError:
    most = bisect_left(range(1, capacity), True, key=lambda n: not engine.has_window_state(n))
    limit = f"at most {most} slots, not {capacity}," if most else "no window"
    return UnsupportedError(
        f"updates='always': the {engine.name} engine updates {limit} in place; "
        "'auto' rebuilds where it must"
    )


def _verify_bars(kept: EngineResult, fresh: EngineResult) -> None:
    """Compare bars as multisets.

    Raises
    ------
    StateCorruption
        Names the first bar that is in one of the two only.
    """
    for dimension, bars in fresh.bars.items():
        mine, theirs = _sorted(kept.bars[dimension]), _sorted(bars)
        if mine == theirs:
            continue
        odd = min(set(mine) ^ set(theirs), default=(float("nan"), float("nan")))
        raise StateCorruption(
            f"H{dimension} has {len(mine)} bars where a rebuild has {len(theirs)}; "
            f"the first that differs is {odd}"
        )


def _sorted(bars: Bars) -> list[tuple[float, float]]:
    return sorted(zip(bars.births.tolist(), bars.deaths.tolist(), strict=True))
