"""The thread side of the scheduler: jobs in, finished instants out."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..errors import AuraTDAError, WorkerError
from .hooks import UpdateHook
from .input_queue import Command, Job
from .mailbox import Mailbox
from .persistence_stream import WindowUpdate
from .stepwise import StepwiseStream
from .worker_thread import interpreter_exits

__all__ = ["MAX_UNDELIVERED", "Finished", "Worker", "as_package_error"]

W = TypeVar("W")
MAX_UNDELIVERED = 64  # instants
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
        self._instant_ns: int | None = None
        self._instant: list[WindowUpdate] = []

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
        while not self.stopping and (due := self.stream.tick()) is not None:
            t_ns, update = due
            index = bisect_left(marks, t_ns)
            results[index if index < len(results) else 0].append(update)
            if t_ns == self._instant_ns:
                self._instant.append(update)
            else:
                before, self._instant, self._instant_ns = self._instant, [update], t_ns
                self._pass_on(before)
            if self.stream.due_ns != t_ns:
                ready, self._instant = self._instant, []
                self._pass_on(ready)
        ready, self._instant = self._instant, []
        self._pass_on(ready)

    def _pass_on(self, updates: list[WindowUpdate]) -> None:
        """Complete the updates of an instant and post them, even if hooks fail."""
        if not updates:
            return
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
