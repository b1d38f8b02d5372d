"""After every test of the processor nothing of it may be left."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from .helpers import Gate, overlook_old_threads, worker_threads


@pytest.fixture(scope="package", autouse=True)
def _thawed_at_the_end() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    overlook_old_threads()
    gc.freeze()  # what is older than the test is not looked at again and again
    yield
    until = time.monotonic() + 2
    while worker_threads() and time.monotonic() < until:
        gc.collect()
        time.sleep(0.005)
    assert worker_threads() == []


@pytest_asyncio.fixture(autouse=True)
async def _no_task_left() -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    complaints: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    yield
    pending = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
    gc.collect()
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert pending == []
    assert complaints == []


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()
