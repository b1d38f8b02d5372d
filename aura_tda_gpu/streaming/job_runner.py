"""The jobs of a stream's worker, one after another, seen from an event loop."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from itertools import chain
from typing import Any, Protocol

from ..errors import AuraTDAError, LifecycleError
from ..log import get_logger
from .callers import Callers, Updates, Waiter, waits
from .hooks import UpdateHook
from .input_queue import InputQueue, Job, Points
from .mailbox import Mailbox
from .stepwise import StepwiseStream
from .window_update import WindowUpdate
from .worker import Finished, Worker

__all__ = ["CLOSED", "JobRunner", "Outlet"]

CLOSED = "the processor was closed meanwhile"
LOOK_S = 0.01  # between two looks at a job under way
LOOK_UNHEARD_S = 0.1
_LONGEST_PUMP_S = 0.002  # without letting other tasks of the loop have their turn


class Outlet(Protocol):
    """Where updates go, in time order."""

    @property
    def blocked(self) -> bool:
        """Whether nothing may be put now."""

    @property
    def heard(self) -> bool:
        """Whether anybody waits for what is put."""

    def put(self, update: WindowUpdate) -> None:
        """Take one update."""


class JobRunner:
    """Takes jobs from a queue, has the worker do them, and tells whoever waits how they ended.

    A job starts when somebody waits for an entry of the queue, when a whole batch has come
    together, or when the oldest entry has waited for the deadline. After a tick that failed
    the worker is stuck: it tries again for somebody who waits, and for nobody else.

    Parameters
    ----------
    stream : StepwiseStream
        What the worker works on.
    hooks : sequence of UpdateHook
        Called in the worker's thread with the updates of each instant.
    outlet : Outlet
        Gets every update in time order, in the event loop's thread.
    executor : Executor
        One thread.
    queue : InputQueue
        What is to be done.
    callers : Callers
        Who waits.
    deadline_s : float
        Longest time an entry waits while the worker is free, in seconds.
    on_finished : callable
        Called after each job.
    on_metadata : callable, optional
        Gets the point id and the metadata of each point that has any.

    Attributes
    ----------
    job : Job or None
        The job under way.
    in_work : int
        Its points.
    stuck : bool
        A tick failed, and has not been made up for.
    closing : bool
        Whatever is queued starts at once, and no outlet holds anything back.
    overdue : bool
        The next job does not wait for its deadline.
    last_error : AuraTDAError or None
        Why the latest job ended early.
    refusal : AuraTDAError or None
        Why the latest points were refused whose caller had left.
    n_batches, n_refused : int
        Pushes into the stream, and points refused after their caller had left.
    """

    def __init__(
        self,
        stream: StepwiseStream,
        hooks: Sequence[UpdateHook],
        outlet: Outlet,
        executor: Executor,
        queue: InputQueue[Waiter],
        callers: Callers,
        *,
        deadline_s: float,
        on_finished: Callable[[], None],
        on_metadata: Callable[[int, dict[str, Any]], None] | None = None,
    ) -> None:
        self.n_batches = self.n_refused = 0
        self.job: Job[Waiter] | None = None
        self.in_work = 0
        self.stuck = self.closing = self.overdue = False
        self.last_error: AuraTDAError | None = None
        self.refusal: AuraTDAError | None = None
        self._log = get_logger(__name__)
        self._mailbox: Mailbox[Updates | Finished[Waiter]] = Mailbox(self.pump)
        self._worker: Worker[Waiter] = Worker(stream, hooks, self._mailbox)
        self._outlet = outlet
        self._executor = executor
        self._queue = queue
        self._callers = callers
        self._deadline_s = deadline_s
        self._on_finished = on_finished
        self._on_metadata = on_metadata
        self._undelivered: deque[WindowUpdate] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Go on in an event loop; the one before, if any, runs no more."""
        self._loop = self._callers.loop = loop
        self._mailbox.bind(loop)
        self._timer = self._looking = None
        self.look()
        self.nudge()

    def stop(self) -> None:
        """Let the worker end at the next tick."""
        self._worker.stop()

    def cancel_timers(self) -> None:
        """Start nothing by the clock any more."""
        for timer in (self._timer, self._looking):
            if timer is not None:
                timer.cancel()
        self._timer = self._looking = None

    def pump(self) -> None:
        """Deliver what the worker has finished, as far as the outlet takes it."""
        posted = self._mailbox.items
        until = time.perf_counter() + _LONGEST_PUMP_S
        while (self._undelivered or posted) and (self.closing or not self._outlet.blocked):
            if self._undelivered:
                self._outlet.put(self._undelivered.popleft())
                if time.perf_counter() > until:
                    self._mailbox.ring()
                    return
                continue
            item = posted.popleft()
            if isinstance(item, Finished):
                self._finish(item)
            else:
                self._worker.room.release()
                self._undelivered.extend(item)

    def look(self) -> None:
        """Deliver what a long job has finished so far, now and from time to time."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        self.pump()
        if self.job is not None and self._looking is None:
            self._look_later()

    def wake(self, first: Callable[[], None]) -> None:
        """Call something in the event loop's thread, then `pump`; from any thread."""

        def go_on() -> None:
            first()
            self.pump()

        self._mailbox.call(go_on)

    def nudge(self) -> None:
        """Start the next job if it is time, or the timer."""
        if self.job is not None or not self._queue or (self.stuck and self.closing):
            return
        ripe = not self.stuck and (self._queue.full_batch or self.overdue)
        if self._queue.waited or ripe or self.closing:
            self._start()
        elif self._timer is None and not self.stuck:
            self._timer = self._loop.call_later(self._deadline_s, self._on_deadline)

    def _on_deadline(self) -> None:
        self._timer = None
        self.overdue = True
        self.nudge()

    def _start(self) -> None:
        self.job = self._queue.next_job()
        assert self.job is not None
        self.cancel_timers()
        self.overdue = False
        self.in_work = sum(map(len, self.job.parts))
        self._executor.submit(self._worker.run, self.job)
        self._look_later()

    def _look_later(self) -> None:
        """Look at a long job by the clock: each look costs the worker more than what it does."""
        delay_s = LOOK_S if self._outlet.heard else LOOK_UNHEARD_S
        self._looking = self._loop.call_later(delay_s, self.look)

    def _finish(self, done: Finished[Waiter]) -> None:
        """Tell the waiters of a job how it ended, and go on."""
        self.job = None
        self.in_work = 0
        self.cancel_timers()
        self.last_error = done.error
        if done.taken:
            self._note_taken(done)
        if done.error is not None:
            self._fail(done, done.error)
        elif not done.complete:
            if not done.taken and not self.closing:
                self._put_back(done.job.parts)
            self._callers.reject(done.job.waiters, LifecycleError(CLOSED))
        else:
            self.stuck = False
            for entry, updates in zip(done.job.entries, done.results, strict=True):
                self._callers.resolve(entry.waiter, updates)
        self._on_finished()
        self.nudge()

    def _note_taken(self, done: Finished[Waiter]) -> None:
        self.n_batches += bool(done.job.parts)
        first = done.first_id
        for part in done.job.parts:
            if part.metadata is not None and self._on_metadata is not None:
                self._on_metadata(first, part.metadata)
            first += len(part)

    def _fail(self, done: Finished[Waiter], error: AuraTDAError) -> None:
        """Deal with a job that did not come to its end."""
        parts = done.job.parts
        if done.settled:
            self.stuck = False
        if done.settled and not done.taken and parts:
            if len(parts) > 1:  # whose fault it is shows when they are pushed one by one
                for part in parts:
                    part.joinable = False
                self._queue.put_back(parts)
                self._callers.unclaimed += chain.from_iterable(done.results)
                return
            if not waits(parts[0].waiter):
                self.n_refused += len(parts[0])
                self.refusal = error
                self._log.error("points_refused", n_points=len(parts[0]), error=str(error))
        elif not (done.settled and not done.taken):
            self._log.error("tick_failed", error=str(error), exc_info=error)
            self.stuck = True
            if not done.taken:
                self._put_back(parts)
        self._callers.unclaimed += chain.from_iterable(done.results)
        self._callers.reject(done.job.waiters, error)

    def _put_back(self, parts: Sequence[Points[Waiter]]) -> None:
        """Keep the points that nobody waits for; the callers of the others learn of it."""
        left = [part for part in parts if not waits(part.waiter)]
        for part in left:
            part.waiter = None
        self._queue.put_back(left)
