"""The host-side scheduler: calls from an event loop become jobs of one worker thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

from ..errors import LifecycleError
from ..log import get_logger
from .callers import Callers, Updates, Waiter
from .entrance import Entrance, LargeChecks, is_large
from .event_times import as_instant
from .hooks import UpdateHook
from .input_queue import Command, CommandName, InputQueue, Points
from .job_runner import CLOSED, JobRunner, Outlet
from .stepwise import StepwiseStream

__all__ = ["Scheduler"]

_LONGEST_RUN_S = 0.001  # without letting other tasks of the loop have their turn


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
    n_dropped : int
        Points dropped because the queue was full.
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
        self.n_dropped = 0
        self._n_late = 0
        self._log = get_logger(__name__)
        self._stream = stream
        self._lateness_ns = stream.settings.allowed_lateness_ns
        self._on_gpu = stream.settings.backend == "cuda"
        self._drop_oldest = drop_oldest
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._queue: InputQueue[Waiter] = InputQueue(max_waiting, batch_size)
        self._callers = Callers(self._loop)
        self._runner = JobRunner(
            stream,
            hooks,
            outlet,
            executor,
            self._queue,
            self._callers,
            deadline_s=deadline_s,
            on_finished=self._after_job,
            on_metadata=on_metadata,
        )
        self._checks = LargeChecks(stream)
        self._mark_ns: int | None = None
        self._all_taken = True
        self._next_tick_ns: int | None = None
        self._room = 0
        self._bind(self._loop)

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._entrance = Entrance()
        self._room_made: asyncio.Future[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._last_turn = loop.time()
        self._runner.bind(loop)

    def adopt(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Go on in another event loop, if the one before runs no more; tell if it is another.

        Raises
        ------
        LifecycleError
            If it does.
        """
        if loop is self._loop:
            return False
        if self._loop.is_running():
            raise LifecycleError("the processor belongs to another event loop that still runs")
        self._bind(loop)
        return True

    @property
    def n_batches(self) -> int:
        """Pushes into the stream."""
        return self._runner.n_batches

    @property
    def n_refused(self) -> int:
        """Points refused after their caller had left."""
        return self._runner.n_refused

    @property
    def nbytes(self) -> int:
        """Bytes of the points that wait."""
        return self._queue.nbytes

    @property
    def n_waiting(self) -> int:
        """Points that wait for the worker, those of the push under way included."""
        return self._queue.n_points + self._runner.in_work

    def look(self) -> None:
        """Deliver what a long job has finished so far; the event loop's thread alone does."""
        if asyncio._get_running_loop() is self._loop:
            self._runner.look()

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
        if self._on_gpu:
            points = self._stream.on_host(points)  # other threads do not know what is awaited here
        if is_large(points, timestamps):
            part = await self._enter_large(points, timestamps)
        else:
            started = self._stream.dim is not None
            rows, times = self._stream.check(points, timestamps, self._sure_mark())
            part = Points(rows, times, metadata=metadata, joinable=started)
            if self._entrance.n_entering or not self._queue.has_room(len(part)):
                async with self._entrance.turn():
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
        slide_ns = self._stream.settings.shortest_slide_ns
        now_ns = as_instant(now, slide_ns) if name == "advance" else 0
        if self._entrance.n_entering:
            async with self._entrance.turn():
                pass
        self._refuse_if_closing()
        if name == "advance" and (self._mark_ns is None or now_ns > self._mark_ns):
            self._mark_ns = now_ns
        elif name == "flush":
            self._next_tick_ns = None
        waiter = self._callers.new()
        self._queue.add(Command(name, waiter, now_ns))
        self._runner.nudge()
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
        n_refused = self._runner.n_refused
        self._runner.closing = True
        self._wake(self._room_made)
        self._runner.pump()
        if drain:
            if self._runner.stuck:
                self._queue.add(Command("settle", None))
                self._runner.stuck = False
            self._runner.nudge()
        else:
            self._give_up()
        try:
            await self._until_idle()
        finally:
            self._give_up()
            self._runner.cancel_timers()
            self._executor.shutdown(wait=True)
        if drain and self._runner.stuck and self._runner.last_error is not None:
            raise self._runner.last_error
        if self._runner.n_refused > n_refused and self._runner.refusal is not None:
            raise self._runner.refusal

    async def _until_idle(self) -> None:
        """Wait for the job and the checks under way; a cancellation has them hurry up."""
        cancelled: asyncio.CancelledError | None = None
        while self._runner.job is not None or self._checks.under_way:
            self._idle = self._loop.create_future()
            if self._runner.job is None:
                self._loop.call_later(_LONGEST_RUN_S, self._wake, self._idle)
            try:
                await self._idle
            except asyncio.CancelledError as error:
                cancelled = error
                self._give_up()
        if cancelled is not None:
            raise cancelled

    def wake(self, first: Callable[[], None]) -> None:
        """Call something in the event loop's thread, then go on delivering; from any thread."""
        self._runner.wake(first)

    async def _enter_large(self, points: Any, timestamps: Any) -> Points[Waiter]:
        """Check points in a thread of their own and add them, ahead of all later calls."""
        async with self._entrance.turn():
            self._refuse_if_closing()
            checked = await self._checks.check(points, timestamps, self._sure_mark())
            part: Points[Waiter] = Points(*checked, joinable=False)
            await self._enter(part)
        return part

    async def _enter(self, part: Points[Waiter]) -> None:
        """Add points as soon as the policy of the queue allows; the entrance is held."""
        while not self._queue.has_room(len(part)):
            self._refuse_if_closing()
            if self._drop_oldest:
                self._drop(len(part))
                break
            if self._runner.stuck and self._runner.job is None and not self._queue.waited:
                break  # only somebody who waits makes a stuck worker try again
            self._runner.overdue = True
            self._runner.nudge()
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
            and not self._runner.stuck
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
        self._runner.nudge()

    def _sure_mark(self) -> int | None:
        """Return a watermark that what comes next will certainly meet."""
        return self._mark_ns if self._all_taken else self._stream.watermark_ns

    def _drop(self, n: int) -> None:
        """Make room by dropping the oldest points; their callers get no updates."""
        self._all_taken = False
        before = self.n_dropped
        dropped, waiters = self._queue.make_room(n)
        self.n_dropped += dropped
        for waiter in waiters:
            self._callers.resolve(waiter, [])
        self._warn("points_dropped", before, self.n_dropped)

    def _warn(self, event: str, before: int, now: int, **more: float) -> None:
        """Log a count at its powers of two."""
        if before.bit_length() < now.bit_length():
            self._log.warning(event, n_points=now, **more)

    def _give_up(self) -> None:
        """Let the worker end at the next tick, and drop what waits for it."""
        self._runner.stop()
        waiters = [entry.waiter for entry in self._queue.clear() if entry.waiter is not None]
        self._callers.reject(waiters, LifecycleError(CLOSED))

    def _refuse_if_closing(self) -> None:
        if self._runner.closing:
            raise LifecycleError(CLOSED)

    async def _result(self, waiter: Waiter) -> Updates:
        try:
            return await waiter
        finally:
            self._last_turn = self._loop.time()

    def _after_job(self) -> None:
        lateness_ms = self._stream.settings.allowed_lateness_ms
        late = self._n_late, self._stream.n_late
        self._warn("points_late", *late, allowed_lateness_ms=lateness_ms)
        self._n_late = self._stream.n_late
        self._next_tick_ns, self._room = self._stream.next_tick_ns, self._stream.room
        self._all_taken &= self._runner.last_error is None
        if not self._queue:
            self._mark_ns = self._stream.watermark_ns
            self._all_taken = True
        self._wake(self._room_made)
        self._wake(self._idle)

    def _wake(self, future: asyncio.Future[None] | None) -> None:
        if future is not None and not future.done():
            future.set_result(None)
