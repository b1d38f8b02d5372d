"""What waits for the worker of a stream: points in order of arrival, and commands between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from ..persistence.engine import Int64Array

__all__ = ["Command", "InputQueue", "Job", "Points"]

W = TypeVar("W")
_NEVER = np.iinfo(np.int64).min
CommandName: TypeAlias = Literal["advance", "flush", "settle"]


@dataclass(slots=True)
class Points(Generic[W]):
    """Points of one call.

    Attributes
    ----------
    rows : ndarray, shape (m, dim)
    times : ndarray of int64, shape (m,)
        As `StepwiseStream.check` returned them.
    waiter : object or None
        Whoever waits for what they bring about.
    metadata : dict or None
        Of the one point.
    joinable : bool
        May be pushed together with those of other calls.
    newest_ns : int
        The latest of the times, the smallest int64 if there is none.
    """

    rows: npt.NDArray[Any]
    times: Int64Array
    waiter: W | None = None
    metadata: dict[str, Any] | None = None
    joinable: bool = True
    newest_ns: int = field(init=False)

    def __post_init__(self) -> None:
        n = len(self.times)
        self.newest_ns = int(self.times[0] if n == 1 else self.times.max(initial=_NEVER))

    def __len__(self) -> int:
        return len(self.times)


@dataclass(slots=True)
class Command(Generic[W]):
    """Something other than points that has its place in the order of calls.

    Attributes
    ----------
    name : str
        ``"advance"``, ``"flush"``, or ``"settle"``: do only what earlier jobs left undone.
    waiter : object
        Whoever waits for it.
    now_ns : int
        Event time of ``"advance"``.
    """

    name: CommandName
    waiter: W | None
    now_ns: int = 0


@dataclass(slots=True)
class Job(Generic[W]):
    """What the worker does next: one command, or the points of one push.

    Attributes
    ----------
    command : Command or None
    parts : list of Points
        Empty beside a command.
    """

    command: Command[W] | None = None
    parts: list[Points[W]] = field(default_factory=list)

    @property
    def entries(self) -> list[Points[W] | Command[W]]:
        """The command, or the points of each call."""
        return [*self.parts] if self.command is None else [self.command]

    @property
    def waiters(self) -> list[W]:
        """Everybody who waits for this job."""
        return [entry.waiter for entry in self.entries if entry.waiter is not None]

    def joined(self) -> tuple[npt.NDArray[Any], Int64Array]:
        """Return the rows and the times of all parts."""
        if len(self.parts) == 1:
            return self.parts[0].rows, self.parts[0].times
        rows = np.concatenate([part.rows for part in self.parts])
        return rows, np.concatenate([part.times for part in self.parts])


class InputQueue(Generic[W]):
    """A bounded queue of points and commands; one thread uses it.

    Parameters
    ----------
    limit : int
        Points it holds at most.
    batch_size : int
        Points that go into one job, if they come from several calls.
    """

    def __init__(self, limit: int, batch_size: int) -> None:
        self.limit = limit
        self.batch_size = batch_size
        self.n_points = 0
        self._entries: deque[Points[W] | Command[W]] = deque()
        self._n_waiters = 0

    def __bool__(self) -> bool:
        return bool(self._entries)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays that wait."""
        parts = [entry for entry in self._entries if isinstance(entry, Points)]
        return sum(part.rows.nbytes + part.times.nbytes for part in parts)

    @property
    def waited(self) -> bool:
        """Whether somebody waits for an entry."""
        return self._n_waiters > 0

    @property
    def full_batch(self) -> bool:
        """Whether a whole batch has come together."""
        return self.n_points >= self.batch_size

    def has_room(self, n: int) -> bool:
        """Tell whether so many points may be added; an empty queue takes any number."""
        return self.n_points + n <= self.limit or not self.n_points

    def add(self, entry: Points[W] | Command[W]) -> None:
        """Append points or a command."""
        self._entries.append(entry)
        self._count(entry, 1)

    def put_back(self, parts: Sequence[Points[W]]) -> None:
        """Return points to the front, in their order."""
        for part in reversed(parts):
            self._entries.appendleft(part)
            self._count(part, 1)

    def make_room(self, n: int) -> tuple[int, list[W]]:
        """Take out the oldest points until ``n`` more have room, or none is left.

        Returns
        -------
        dropped : int
            Points taken out.
        waiters : list
            Those who wait for nothing else.
        """
        dropped, waiters = 0, []
        kept: deque[Points[W] | Command[W]] = deque()
        while self._entries and (excess := self.n_points + n - self.limit) > 0:
            entry = self._entries.popleft()
            if isinstance(entry, Command):
                kept.append(entry)
                continue
            self._count(entry, -1)
            dropped += min(excess, len(entry))
            if excess < len(entry):
                rest = replace(entry, rows=entry.rows[excess:], times=entry.times[excess:])
                kept.append(rest)
                self._count(rest, 1)
            elif entry.waiter is not None:
                waiters.append(entry.waiter)
        self._entries = kept + self._entries
        return dropped, waiters

    def next_job(self) -> Job[W] | None:
        """Take out what is to be done next; points of several calls are joined."""
        if not self._entries:
            return None
        job: Job[W] = Job()
        size, joins = 0, True
        while self._entries:
            entry = self._entries[0]
            if isinstance(entry, Command):
                if not job.parts:
                    job.command = entry
                    self._pop()
                break
            joins = joins and entry.joinable
            if job.parts and (not joins or size + len(entry) > self.batch_size):
                break
            job.parts.append(entry)
            size += len(entry)
            self._pop()
        return job

    def clear(self) -> list[Points[W] | Command[W]]:
        """Take out everything."""
        entries, self._entries = list(self._entries), deque()
        self.n_points = self._n_waiters = 0
        return entries

    def _pop(self) -> None:
        self._count(self._entries.popleft(), -1)

    def _count(self, entry: Points[W] | Command[W], sign: int) -> None:
        if isinstance(entry, Points):
            self.n_points += sign * len(entry)
        if entry.waiter is not None:
            self._n_waiters += sign
