"""One time scale of a stream: its window and its clock."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .device_intake import DeviceIntake
from .memory import WindowPlan
from .persistence_stream import BoundedPersistenceStream
from .ring_buffer import Rows
from .settings import Scale, StreamSettings
from .window_update import WindowUpdate
from .windows import TemporalWindow, TickClock, count_before

__all__ = ["Lane"]


class Lane:
    """The window of one scale, and which of its ticks comes next.

    Parameters
    ----------
    settings : StreamSettings
        Settings of the stream.
    scale : Scale
        The time scale.
    plan : WindowPlan
        Sizes of the window.
    origin : ndarray of float64, shape (dim,)
        First accepted row of the stream.
    intake : DeviceIntake
        Of the stream.
    """

    def __init__(
        self,
        settings: StreamSettings,
        scale: Scale,
        plan: WindowPlan,
        origin: npt.NDArray[np.float64],
        intake: DeviceIntake,
    ) -> None:
        self.scale = scale
        self.window = BoundedPersistenceStream.of(settings, scale, plan, origin, intake)
        self.clock = TickClock(scale.slide_ns)
        self._filling = 0.0  # seconds, of what the coming tick took with those of other lanes
        self._max_empty_ticks = settings.max_empty_ticks

    def snapshot(self) -> TemporalWindow:
        """Return the window with a copy of its rows."""
        window = TemporalWindow.of(self.scale, self.window.max_points)
        window.current_points = self.window.current_points
        return window

    def fill(self, ready: Rows, *, is_due: bool = False) -> int:
        """Take the rows that the next tick, which may be due, needs; return how many it has."""
        if self.clock.next_ns is None:
            return 0
        return self.window.fill(ready, self.clock.next_ns, is_due=is_due)

    @staticmethod
    def fill_together(lanes: Sequence[Lane], ready: Rows, *, is_due: bool = False) -> None:
        """Let lanes take the rows that their next ticks, which may be due, need."""
        started = time.perf_counter()
        windows = [
            (lane.window, lane.clock.next_ns)
            for lane in lanes
            if lane.clock.next_ns is not None and lane.window.takes_together
        ]
        if len(windows) < 2:
            if not is_due:
                for lane in lanes:
                    lane.fill(ready)
            return
        BoundedPersistenceStream.fill_together(windows, ready)
        for lane in lanes if is_due else ():
            lane._filling += time.perf_counter() - started

    def step(self, ready: Rows, limit_ns: int) -> tuple[WindowUpdate | None, TickClock]:
        """Do the next tick, or jump over ticks that find nothing.

        Parameters
        ----------
        ready : Rows
            Released rows in time order.
        limit_ns : int
            Last time up to which ticks are due.

        Returns
        -------
        update : WindowUpdate or None
            None where ticks were left out.
        clock : TickClock
            The clock to go on with; ``self.clock`` is not changed, so that an interrupted
            step can be done again.
        """
        clock = self.clock
        t_ns = clock.next_ns
        assert t_ns is not None
        started = time.perf_counter()
        n_points = self.fill(ready, is_due=True)
        filling, self._filling = self._filling + time.perf_counter() - started, 0.0
        if not n_points and clock.empty_run >= self._max_empty_ticks:
            return None, clock.skipped_past(self._last_empty(ready, t_ns, limit_ns))
        update = self.window.tick(t_ns)
        update.latency_seconds += filling
        update.skipped_ticks = clock.skipped
        return update, clock.ticked(empty=not n_points)

    def _last_empty(self, ready: Rows, t_ns: int, limit_ns: int) -> int:
        """Return a time such that no tick up to it finds a row."""
        following = count_before(ready.times, t_ns)
        return limit_ns if following == len(ready) else int(ready.times[following])
