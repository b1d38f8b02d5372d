"""The thread side of the scheduler: jobs in, finished instants out."""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..errors import AuraTDAError, WorkerError
from .hooks import UpdateHook
from .input_queue import Command, Job
from .mailbox import Mailbox
from .stepwise import StepwiseStream
from .window_update import WindowUpdate
from .worker_thread import interpreter_exits

__all__ = ["MAX_UNDELIVERED", "Finished", "Worker", "as_package_error"]

W = TypeVar("W")
MAX_UNDELIVERED = 64  # instants
HOLD_S = 0.01
_LOOK_S = 0.1  # for a loop that was closed meanwhile


@dataclass(slots=True)
class Finished(Generic[W]):
    """How a job ended.

    Attributes
    ----------
    job : Job
    results : list of list of WindowUpdate
        What each part of the job brought about; one list for a command.
    first_id : int
        Point id of the first row of the job.
    settled : bool
        Nothing that earlier jobs left undone is left any more.
    taken : bool
        The points, or the command, have changed the stream.
    complete : bool
        All that it brings about has been computed.
    error : AuraTDAError or None
        Why it ended early; None also if the worker was told to stop.
    """

    job: Job[W]
    results: list[list[WindowUpdate]] = field(default_factory=list)
    first_id: int = 0
    settled: bool = False
    taken: bool = False
    complete: bool = False
    error: AuraTDAError | None = None


@dataclass(slots=True)
class _Instant:
    """The updates of one event time."""

    t_ns: int
    updates: list[WindowUpdate]


class Worker(Generic[W]):
    """Runs jobs on a stream, one at a time, in whatever thread calls `run`.

    Parameters
    ----------
    stream : StepwiseStream
        The stream; nobody else may change it.
    hooks : sequence of UpdateHook
        Called in turn with the updates of each instant.
    mailbox : Mailbox
        Gets the finished updates of each instant, and at the end of each job its `Finished`.

    Notes
    -----
    Hooks are other code and other data than the engine: called between any two ticks they make
    both slower. So instants of one job wait for each other, as long as that takes `HOLD_S`, their
    hooks included, if ticks and hooks take what they took before. The last one waits until the
    rows of the job are in their windows, too: 12 ms for 100 000 rows.
    """

    def __init__(
        self,
        stream: StepwiseStream,
        hooks: Sequence[UpdateHook],
        mailbox: Mailbox[list[WindowUpdate] | Finished[W]],
    ) -> None:
        self.stream = stream
        self.room = threading.Semaphore(MAX_UNDELIVERED)
        self._stopped = False
        self._hooks = tuple(hooks)
        self._mailbox = mailbox
        self._took: dict[str, float] = {}
        self._held: deque[_Instant] = deque()

    def run(self, job: Job[W]) -> None:
        """Do a job and post how it ended; raises nothing."""
        done = Finished(job, [[] for _ in job.entries])
        try:
            self._run(job, done)
        except BaseException as error:
            done.error = as_package_error(error)
        self._mailbox.items.append(done)
        self._mailbox.ring()

    def stop(self) -> None:
        """Let the job under way end at its next tick; may be called from any thread."""
        self._stopped = True
        self.room.release()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop, or nobody will look at what it computes."""
        return self._stopped or self._mailbox.closed or interpreter_exits()

    def _run(self, job: Job[W], done: Finished[W]) -> None:
        stream = self.stream
        self._tick(done.results, [])
        if self.stopping:
            return
        done.settled = True
        marks: list[int] = []
        if job.command is not None:
            self._obey(job.command)
        else:
            lateness_ns = stream.settings.allowed_lateness_ns
            mark = stream.watermark_ns
            for part in job.parts:
                newest = part.newest_ns - lateness_ns
                mark = newest if mark is None else max(mark, newest)
                marks.append(mark)
            done.first_id = stream.n_seen
            stream.take(*job.joined())
        done.taken = True
        self._tick(done.results, marks)
        done.complete = not self.stopping

    def _obey(self, command: Command[W]) -> None:
        if command.name == "advance":
            self.stream.move_to(command.now_ns)
        elif command.name == "flush":
            self.stream.end()

    def _tick(self, results: list[list[WindowUpdate]], marks: list[int]) -> None:
        """Compute all ticks that are due, each for the first part whose mark reaches it."""
        held, passed_on, passing_s = self._held, -math.inf, 0.0
        while not self.stopping and (due := self._next_tick()) is not None:
            t_ns, update = due
            index = bisect_left(marks, t_ns)
            results[index if index < len(results) else 0].append(update)
            if held and held[-1].t_ns == t_ns:
                held[-1].updates.append(update)
            else:
                held.append(_Instant(t_ns, [update]))
            self._took[update.window_id] = update.latency_seconds
            following = self.stream.due_ns
            n_complete = len(held) - (following == t_ns)
            if following is None or not n_complete:
                continue  # the end of the job, or of the instant, comes next
            started = time.perf_counter()
            waits = started - passed_on + self._expected(following) + len(held) * passing_s
            if waits > HOLD_S or len(held) + len(self._mailbox.items) >= MAX_UNDELIVERED:
                self._pass_on(n_complete)
                passed_on = time.perf_counter()
                passing_s = (passed_on - started) / n_complete
        self._pass_on(len(held))

    def _expected(self, t_ns: int) -> float:
        """Return how many seconds an instant will take if its ticks are like those before."""
        return sum(
            self._took.get(scale.window_id, math.inf)
            for scale in self.stream.settings.timeline
            if t_ns % scale.slide_ns == 0
        )

    def _next_tick(self) -> tuple[int, WindowUpdate] | None:
        """Compute one tick that is due; if it fails, pass on the instants before it."""
        try:
            return self.stream.tick()
        except BaseException:
            held = self._held
            self._pass_on(len(held) - (bool(held) and held[-1].t_ns == self.stream.due_ns))
            raise

    def _pass_on(self, n: int) -> None:
        """Complete the updates of instants and post them; one whose hooks fail is the last."""
        for _ in range(n):
            updates = self._held.popleft().updates
            with ExitStack() as stack:
                stack.callback(self._deliver, updates)
                for hook in reversed(self._hooks):
                    stack.callback(hook, updates)

    def _deliver(self, updates: list[WindowUpdate]) -> None:
        """Post updates, after a wait if too many have not been looked at."""
        if not self.room.acquire(blocking=False):
            self._mailbox.ring()
            while not (self.room.acquire(timeout=_LOOK_S) or self.stopping):
                pass
        self._mailbox.items.append(updates)


def as_package_error(error: BaseException) -> AuraTDAError:
    """Return an error of this package as it is, and any other as the cause of a `WorkerError`."""
    if isinstance(error, AuraTDAError):
        return error
    wrapped = WorkerError(f"{type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped
