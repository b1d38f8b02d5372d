"""The host-side scheduler: calls from an event loop become jobs of one worker thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any, Protocol

from ..errors import AuraTDAError, LifecycleError
from ..log import get_logger
from .callers import Callers, Updates, Waiter, waits
from .hooks import UpdateHook
from .input_queue import Command, CommandName, InputQueue, Job, Points
from .intake import as_instant
from .mailbox import Mailbox
from .persistence_stream import WindowUpdate
from .stepwise import StepwiseStream
from .worker import Finished, Worker

__all__ = ["Outlet", "Scheduler", "count_of"]

_LARGE = 10_000  # points that are checked off the event loop
_CLOSED = "the processor was closed meanwhile"
_LOOK_S = 0.01  # between two looks at a job under way
_LONGEST_RUN_S = 0.001  # without letting other tasks of the loop have their turn


class Outlet(Protocol):
    """Where updates go, in time order."""

    @property
    def blocked(self) -> bool:
        """Whether nothing may be put now."""

    def put(self, update: WindowUpdate) -> None:
        """Take one update."""


class Scheduler:
    """Micro-batches for a stream whose engine works in a thread of its own.

    A call whose points close no tick returns at once; they are pushed when ``batch_size`` of
    them have come together, when the oldest has waited for the deadline, or with the points
    of a call that closes a tick. All methods but the constructor run in the event loop's thread.

    Parameters
    ----------
    stream : StepwiseStream
        The stream; the scheduler owns it.
    hooks : sequence of UpdateHook
        Called in the worker thread with the updates of each instant.
    outlet : Outlet
        Gets every update in time order, in the event loop's thread.
    executor : Executor
        One thread; `close` shuts it down.
    batch_size : int
        Points of one push, if they come from several calls.
    deadline_s : float
        Longest time a point waits for its push, in seconds, while the worker is free.
    max_waiting : int
        Points that wait at most.
    drop_oldest : bool
        What a full queue does: drop the oldest points, or let the caller wait.
    on_metadata : callable, optional
        Gets the point id and the metadata of each point that has any.

    Attributes
    ----------
    n_batches : int
        Pushes into the stream.
    n_dropped : int
        Points dropped because the queue was full.
    n_refused : int
        Points refused after their caller had left.
    """

    def __init__(
        self,
        stream: StepwiseStream,
        hooks: Sequence[UpdateHook],
        outlet: Outlet,
        executor: Executor,
        *,
        batch_size: int,
        deadline_s: float,
        max_waiting: int,
        drop_oldest: bool,
        on_metadata: Callable[[int, dict[str, Any]], None] | None = None,
    ) -> None:
        self.n_batches = self.n_dropped = self.n_refused = 0
        self._log = get_logger(__name__)
        self._stream = stream
        self._lateness_ns = stream.settings.allowed_lateness_ns
        self._outlet = outlet
        self._deadline_s = deadline_s
        self._drop_oldest = drop_oldest
        self._queue: InputQueue[Waiter] = InputQueue(max_waiting, batch_size)
        self._mailbox: Mailbox[Updates | Finished[Waiter]] = Mailbox(self.pump)
        self._worker: Worker[Waiter] = Worker(stream, hooks, self._mailbox)
        self._executor = executor
        self._job: Job[Waiter] | None = None
        self._in_work = 0
        self._stuck = False
        self._overdue = False
        self._closing = False
        self._mark_ns: int | None = None
        self._all_taken = True
        self._next_tick_ns: int | None = None
        self._room = 0
        self._last_error: AuraTDAError | None = None
        self._on_metadata = on_metadata
        self._callers = Callers(asyncio.get_running_loop())
        self._bind(asyncio.get_running_loop())

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = self._mailbox.loop = self._callers.loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._polling: asyncio.TimerHandle | None = None
        self._entrance = asyncio.Lock()
        self._n_entering = 0
        self._room_made: asyncio.Future[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._last_turn = loop.time()

    def adopt(self, loop: asyncio.AbstractEventLoop) -> None:
        """Go on in another event loop, if the one before is closed.

        Raises
        ------
        LifecycleError
            If it is not.
        """
        if loop is self._loop:
            return
        if not self._loop.is_closed():
            raise LifecycleError("the processor belongs to another event loop that still runs")
        self._bind(loop)
        self._poll()
        self._nudge()

    @property
    def nbytes(self) -> int:
        """Bytes of the points that wait."""
        return self._queue.nbytes

    @property
    def n_waiting(self) -> int:
        """Points that wait for the worker, those of the push under way included."""
        return self._queue.n_points + self._in_work

    async def submit(
        self, points: Any, timestamps: Any, metadata: dict[str, Any] | None = None
    ) -> Updates:
        """Take points, and return what they bring about once it is computed.

        Raises
        ------
        InvalidInputError, MemoryLimitError
            As `MultiScaleStream.push`; nothing has been taken then.
        LifecycleError
            If the scheduler is closed before the points are taken.
        WorkerError
            If something unforeseen went wrong in the worker.
        """
        if count_of(timestamps) > _LARGE:
            part = await self._enter_large(points, timestamps)
        else:
            started = self._stream.dim is not None
            rows, times = self._stream.check(points, timestamps, self._sure_mark())
            part = Points(rows, times, metadata=metadata, joinable=started)
            if self._n_entering or not self._queue.has_room(len(part)):
                async with self._turn():
                    await self._enter(part)
            else:
                self._refuse_if_closing()
                self._add(part)
        if part.waiter is not None:
            return await self._result(part.waiter)
        if self._loop.time() - self._last_turn > _LONGEST_RUN_S:
            await asyncio.sleep(0)
            self._last_turn = self._loop.time()
        return []

    async def command(self, name: CommandName, now: Any = None) -> Updates:
        """Do something between the points before and after it, and return what it brings about.

        Raises
        ------
        InvalidInputError
            If ``now`` is not one finite time.
        LifecycleError, WorkerError
            As `submit`.
        """
        now_ns = as_instant(now) if name == "advance" else 0
        if self._n_entering:
            async with self._turn():
                pass
        self._refuse_if_closing()
        if name == "advance" and (self._mark_ns is None or now_ns > self._mark_ns):
            self._mark_ns = now_ns
        elif name == "flush":
            self._next_tick_ns = None
        waiter = self._callers.new()
        self._queue.add(Command(name, waiter, now_ns))
        self._nudge()
        return await self._result(waiter)

    async def close(self, *, drain: bool) -> None:
        """End the worker thread; a cancellation waits until the tick under way is done.

        Parameters
        ----------
        drain : bool
            Push the points that wait first. Without it they are given up.

        Raises
        ------
        AuraTDAError
            If the points that wait cannot be pushed, or a tick that failed fails again;
            everything is closed all the same.
        """
        self._closing = True
        self._wake(self._room_made)
        self.pump()
        if drain:
            if self._stuck:
                self._queue.add(Command("settle", None))
                self._stuck = False
            self._nudge()
        else:
            self._give_up()
        cancelled: asyncio.CancelledError | None = None
        while self._job is not None:
            self._idle = self._loop.create_future()
            try:
                await self._idle
            except asyncio.CancelledError as error:
                cancelled = error
                self._give_up()
        if self._timer is not None:
            self._timer.cancel()
        self._give_up()
        self._executor.shutdown(wait=True)
        if cancelled is not None:
            raise cancelled
        if self._stuck and drain and self._last_error is not None:
            raise self._last_error

    def pump(self) -> None:
        """Deliver what the worker has finished, as far as the outlet takes it."""
        posted = self._mailbox.items
        while posted and (self._closing or not self._outlet.blocked):
            item = posted.popleft()
            if isinstance(item, Finished):
                self._finish(item)
                continue
            self._worker.room.release()
            for update in item:
                self._outlet.put(update)

    def wake(self, first: Callable[[], None]) -> None:
        """Call something in the event loop's thread, then `pump`; from any thread."""

        def go_on() -> None:
            first()
            self.pump()

        self._mailbox.call(go_on)

    async def _enter_large(self, points: Any, timestamps: Any) -> Points[Waiter]:
        """Check points in the worker's thread and add them, ahead of all later calls."""
        async with self._turn():
            self._refuse_if_closing()
            checked = await self._loop.run_in_executor(
                self._executor, self._stream.check, points, timestamps, self._sure_mark()
            )
            part: Points[Waiter] = Points(*checked, joinable=False)
            await self._enter(part)
        return part

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Hold the entrance, in the order of calls."""
        # a lock says that it is free before the next in line has taken it
        self._n_entering += 1
        try:
            async with self._entrance:
                yield
        finally:
            self._n_entering -= 1

    async def _enter(self, part: Points[Waiter]) -> None:
        """Add points as soon as the policy of the queue allows; the entrance is held."""
        while not self._queue.has_room(len(part)):
            self._refuse_if_closing()
            if self._drop_oldest:
                self._drop(len(part))
                break
            if self._stuck and self._job is None and not self._queue.waited:
                break  # only somebody who waits makes a stuck worker try again
            self._overdue = True
            self._nudge()
            self._room_made = self._loop.create_future()
            await self._room_made
        self._refuse_if_closing()
        self._add(part)

    def _add(self, part: Points[Waiter]) -> None:
        """Queue points, with a waiter unless they certainly neither tick nor fail."""
        if len(part):
            newest = part.newest_ns - self._lateness_ns
            self._mark_ns = newest if self._mark_ns is None else max(newest, self._mark_ns)
        quiet = (
            part.joinable
            and not self._stuck
            and not self._callers.unclaimed
            and len(part) > 0
            and self._next_tick_ns is not None
            and self._mark_ns is not None
            and self._mark_ns < self._next_tick_ns
            and self.n_waiting + len(part) <= self._room
        )
        if not quiet:
            part.waiter = self._callers.new()
        self._queue.add(part)
        self._nudge()

    def _sure_mark(self) -> int | None:
        """Return a watermark that what comes next will certainly meet."""
        return self._mark_ns if self._all_taken else self._stream.watermark_ns

    def _drop(self, n: int) -> None:
        """Make room by dropping the oldest points; their callers get no updates."""
        self._all_taken = False
        before = self.n_dropped
        for part in self._queue.make_room(n):
            self.n_dropped += len(part)
            self._callers.resolve(part.waiter, [])
        if before.bit_length() < self.n_dropped.bit_length():
            self._log.warning("points_dropped", n_points=self.n_dropped)

    def _give_up(self) -> None:
        """Let the worker end at the next tick, and drop what waits for it."""
        self._worker.stop()
        waiters = [entry.waiter for entry in self._queue.clear() if entry.waiter is not None]
        self._callers.reject(waiters, LifecycleError(_CLOSED))

    def _refuse_if_closing(self) -> None:
        if self._closing:
            raise LifecycleError(_CLOSED)

    async def _result(self, waiter: Waiter) -> Updates:
        try:
            return await waiter
        finally:
            self._last_turn = self._loop.time()

    def _nudge(self) -> None:
        """Start the next job if it is time, or the timer."""
        if self._job is not None or not self._queue or (self._stuck and self._closing):
            return
        ripe = not self._stuck and (self._queue.full_batch or self._overdue)
        if self._queue.waited or ripe or self._closing:
            self._start()
        elif self._timer is None and not self._stuck:
            self._timer = self._loop.call_later(self._deadline_s, self._on_deadline)

    def _on_deadline(self) -> None:
        self._timer = None
        self._overdue = True
        self._nudge()

    def _start(self) -> None:
        self._job = self._queue.next_job()
        assert self._job is not None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._overdue = False
        self._in_work = sum(map(len, self._job.parts))
        self._executor.submit(self._worker.run, self._job)
        self._poll()

    def _poll(self) -> None:
        """Look at what a long job has finished; waking this thread costs more than the look."""
        self._polling = None
        self.pump()
        if self._job is not None and self._polling is None:
            self._polling = self._loop.call_later(_LOOK_S, self._poll)

    def _finish(self, done: Finished[Waiter]) -> None:
        """Tell the waiters of a job how it ended, and go on."""
        self._job = None
        self._in_work = 0
        if self._polling is not None:
            self._polling.cancel()
            self._polling = None
        self._last_error = done.error
        if done.taken:
            self._note_taken(done)
        if done.error is not None:
            self._fail(done, done.error)
        elif not done.complete:
            self._callers.reject(done.job.waiters, LifecycleError(_CLOSED))
        else:
            self._stuck = False
            for entry, updates in zip(done.job.entries, done.results, strict=True):
                self._callers.resolve(entry.waiter, updates)
        self._next_tick_ns, self._room = self._stream.next_tick_ns, self._stream.room
        if not self._queue:
            self._mark_ns = self._stream.watermark_ns
            self._all_taken = True
        self._wake(self._room_made)
        self._wake(self._idle)
        self._nudge()

    def _note_taken(self, done: Finished[Waiter]) -> None:
        self.n_batches += bool(done.job.parts)
        first = done.first_id
        for part in done.job.parts:
            if part.metadata is not None and self._on_metadata is not None:
                self._on_metadata(first, part.metadata)
            first += len(part)

    def _fail(self, done: Finished[Waiter], error: AuraTDAError) -> None:
        """Deal with a job that did not come to its end."""
        self._all_taken = False
        parts = done.job.parts
        if done.settled and not done.taken and parts:
            if len(parts) > 1:  # whose fault it is shows when they are pushed one by one
                for part in parts:
                    part.joinable = False
                self._queue.put_back(parts)
                self._callers.unclaimed += chain.from_iterable(done.results)
                return
            if not waits(parts[0].waiter):
                self.n_refused += len(parts[0])
                self._log.error("points_refused", n_points=len(parts[0]), error=str(error))
        elif not (done.settled and not done.taken):
            self._log.error("tick_failed", error=str(error), exc_info=error)
            self._stuck = True
            if not done.taken:
                left = [part for part in parts if not waits(part.waiter)]
                for part in left:
                    part.waiter = None
                self._queue.put_back(left)
        self._callers.unclaimed += chain.from_iterable(done.results)
        self._callers.reject(done.job.waiters, error)

    def _wake(self, future: asyncio.Future[None] | None) -> None:
        if future is not None and not future.done():
            future.set_result(None)


def count_of(timestamps: Any) -> int:
    """Return how many points a call brings, 1 if that is not plain."""
    try:
        return len(timestamps)
    except TypeError:
        return 1
