"""What waits for the worker: order, joining, and room."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pytest

from aura_tda_gpu.streaming.input_queue import Command, InputQueue, Job, Points

Entry: TypeAlias = "Points[str] | Command[str]"


def points(n: int, name: str = "", *, waits: bool = False, joinable: bool = True) -> Points[str]:
    rows = np.full((n, 2), float(len(name)))
    return Points(rows, np.arange(n), name if waits else None, {"name": name}, joinable)


def queue(*entries: Entry, limit: int = 100, batch_size: int = 10) -> InputQueue[str]:
    made: InputQueue[str] = InputQueue(limit, batch_size)
    for entry in entries:
        made.add(entry)
    return made


def sizes(made: InputQueue[str]) -> list[Any]:
    """What each job to the end of the queue holds."""
    jobs = []
    while (job := made.next_job()) is not None:
        jobs.append([len(p) for p in job.parts] if job.command is None else job.command.name)
    return jobs


def test_an_empty_queue() -> None:
    made = queue()
    assert not made
    assert (made.n_points, made.nbytes, made.waited, made.full_batch) == (0, 0, False, False)
    assert made.next_job() is None
    assert made.clear() == []
    assert made.make_room(5) == (0, [])


def test_it_counts_what_it_holds() -> None:
    part = points(3, "a", waits=True)
    made = queue(part, points(4), Command("flush", "b"))
    assert made
    assert made.n_points == 7
    assert made.nbytes == 7 * (2 * 8 + 8)
    assert made.waited
    job = made.next_job()
    assert job is not None
    assert (made.n_points, made.nbytes) == (0, 0)
    assert made.waited  # for the command
    made.next_job()
    assert not made.waited
    assert not made


@pytest.mark.parametrize(
    ("entries", "jobs"),
    [
        ([1] * 25, [[1] * 10, [1] * 10, [1] * 5]),
        ([4, 4, 4], [[4, 4], [4]]),
        ([3, 25, 3], [[3], [25], [3]]),
        ([25], [[25]]),
        ([10, 1], [[10], [1]]),
        ([0, 9, 0, 1, 0], [[0, 9, 0, 1, 0]]),
        (
            [2, "advance", 2, 2, "flush", "flush", 1],
            [[2], "advance", [2, 2], "flush", "flush", [1]],
        ),
        (["advance", 1], ["advance", [1]]),
    ],
)
def test_points_are_joined_up_to_the_batch_size_and_commands_stay_in_place(
    entries: list[int | str], jobs: list[Any]
) -> None:
    made: list[Entry] = [
        points(entry)
        if isinstance(entry, int)
        else Command("advance" if entry == "advance" else "flush", None)
        for entry in entries
    ]
    assert sizes(queue(*made)) == jobs


def test_points_that_may_not_be_joined_go_alone() -> None:
    first, second = points(1, joinable=False), points(1, joinable=False)
    assert sizes(queue(points(1), first, points(1), points(1), second)) == [[1], [1], [1, 1], [1]]


def test_a_job_joins_rows_in_order_and_names_who_waits() -> None:
    parts = [points(2, "a", waits=True), points(0, "bb"), points(1, "ccc", waits=True)]
    job = queue(*parts).next_job()
    assert job is not None
    rows, times = job.joined()
    assert rows.tolist() == [[1, 1], [1, 1], [3, 3]]
    assert times.tolist() == [0, 1, 0]
    assert job.waiters == ["a", "ccc"]
    assert job.entries == job.parts


def test_one_part_is_not_copied() -> None:
    part = points(3)
    job = Job(parts=[part])
    assert job.joined()[0] is part.rows
    assert job.joined()[1] is part.times


def test_a_job_of_a_command() -> None:
    command: Command[str] = Command("advance", "a", 17)
    job = queue(command, points(1)).next_job()
    assert job is not None
    assert job.command is command
    assert (job.parts, job.entries, job.waiters) == ([], [command], ["a"])


def test_room() -> None:
    made = queue(limit=10)
    assert made.has_room(10)
    assert made.has_room(11)  # an empty queue takes any number, else they would never be taken
    made.add(points(4))
    assert made.has_room(6)
    assert not made.has_room(7)
    made.next_job()
    assert made.has_room(1000)


def test_a_command_needs_no_room() -> None:
    made = queue(Command("flush", "a"), limit=1)
    assert made.has_room(5)
    assert made.n_points == 0


@pytest.mark.parametrize(
    ("wanted", "gone", "alone", "left"),
    [
        (0, 0, [], [[3], "flush", [4], [3]]),
        (1, 1, [], [[2], "flush", [4], [3]]),
        (3, 3, ["a"], ["flush", [4], [3]]),
        (5, 5, ["a"], ["flush", [2], [3]]),
        (10, 10, ["a", "b"], ["flush"]),
        (99, 10, ["a", "b"], ["flush"]),
    ],
)
def test_making_room_takes_the_oldest_points(
    wanted: int, gone: int, alone: list[str], left: list[Any]
) -> None:
    parts = points(3, "a", waits=True), points(4, "b", waits=True), points(3)
    made = queue(parts[0], Command("flush", "f"), *parts[1:], limit=10, batch_size=1)
    assert made.make_room(wanted) == (gone, alone)
    assert made.n_points == 10 - gone
    assert sizes(made) == left


def test_a_call_that_loses_its_oldest_points_still_waits_for_the_rest() -> None:
    part = points(4, "a", waits=True)
    made = queue(part, limit=4)
    assert made.make_room(3) == (3, [])
    job = made.next_job()
    assert job is not None
    assert (job.waiters, job.parts[0].times.tolist()) == ([part.waiter], part.times[3:].tolist())


def test_making_room_keeps_commands_before_the_points_behind_them() -> None:
    made = queue(points(3), Command("advance", None), points(3), Command("flush", None), limit=6)
    made.make_room(4)
    assert sizes(made) == ["advance", [2], "flush"]


def test_what_is_put_back_comes_first_again() -> None:
    parts = [points(n, "w", waits=n == 2) for n in (1, 2, 3)]
    made = queue(*parts, points(4), batch_size=6)
    job = made.next_job()
    assert job is not None
    assert (made.n_points, made.waited) == (4, False)
    for part in job.parts:
        part.joinable = False
    made.put_back(job.parts)
    assert (made.n_points, made.waited) == (10, True)
    assert sizes(made) == [[1], [2], [3], [4]]


def test_clear_hands_everything_out() -> None:
    entries: list[Entry] = [points(2, "a", waits=True), Command("flush", "b"), points(1)]
    made = queue(*entries)
    assert made.clear() == entries
    assert (made.n_points, made.waited, bool(made)) == (0, False, False)


def test_the_newest_time_of_points() -> None:
    rows = np.zeros((3, 1))
    assert Points[str](rows, np.array([5, 9, 7])).newest_ns == 9
    assert Points[str](rows[:1], np.array([-4])).newest_ns == -4
    assert Points[str](rows[:0], np.empty(0, np.int64)).newest_ns == np.iinfo(np.int64).min
