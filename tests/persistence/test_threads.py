"""Parts of one piece of work, each in a thread of its own as far as there are processors."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from aura_tda_gpu.persistence import threads
from aura_tda_gpu.persistence.threads import in_parts

PATIENCE = 20  # seconds


@pytest.fixture
def processors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine of 64 processors, with a pool of its own."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(threads, "_pool", None)
    yield
    if threads._pool is not None:
        threads._pool.shutdown()


@pytest.mark.parametrize("n_parts", [1, 2, 3, 70])
def test_results_are_those_of_the_parts_in_order(n_parts: int) -> None:
    assert in_parts(lambda part: part * part, n_parts) == [part**2 for part in range(n_parts)]


def test_the_first_part_is_done_by_the_caller() -> None:
    found = in_parts(lambda part: threading.get_ident(), 3)
    assert found[0] == threading.get_ident() not in found[1:]


@pytest.mark.usefixtures("processors")
def test_as_many_parts_as_processors_run_at_once() -> None:
    everybody = threading.Barrier(64)
    in_parts(lambda part: everybody.wait(PATIENCE), 64)
    assert threads._pool is not None
    assert len(threads._pool._threads) <= 64


@pytest.mark.usefixtures("processors")
def test_threads_wait_for_the_next_work() -> None:
    for _ in range(20):
        together = threading.Barrier(3)
        in_parts(lambda part, together=together: together.wait(PATIENCE), 3)
    assert threads._pool is not None
    assert len(threads._pool._threads) <= 4


@pytest.mark.usefixtures("processors")
def test_more_parts_than_processors_are_done_as_well() -> None:
    assert in_parts(lambda part: part, 1000) == list(range(1000))
    assert threads._pool is not None
    assert len(threads._pool._threads) <= 64


@pytest.mark.parametrize("failing", [0, 2])
def test_a_part_that_fails_is_told_once_all_are_done(failing: int) -> None:
    done: list[int] = []

    def work(part: int) -> None:
        if part == failing:
            raise ZeroDivisionError
        done.append(part)

    with pytest.raises(ZeroDivisionError):
        in_parts(work, 4)
    assert sorted(done) == [part for part in range(4) if part != failing]
