"""A few threads that wait between updates, for starting one takes as long as a small update."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import TypeVar

__all__ = ["in_parts"]

_T = TypeVar("_T")
_lock = Lock()
_pool: ThreadPoolExecutor | None = None


def in_parts(work: Callable[[int], _T], n_parts: int) -> list[_T]:
    """Return ``work(0)``, ``work(1)`` ... of all parts; the first is done by the caller.

    The pool starts a thread when a part finds none idle, up to the number of processors of the
    machine; further parts wait.

    Parameters
    ----------
    work : callable
        Takes the number of the part; releases the GIL for most of its time.
    n_parts : int
        How many, from 1 on.
    """
    if n_parts == 1:
        return [work(0)]
    others: list[Future[_T]] = []
    with suppress(RuntimeError):  # an interpreter that ends starts no more threads
        others.extend(_shared().submit(work, part) for part in range(1, n_parts))
    try:
        mine = [work(part) for part in (0, *range(1 + len(others), n_parts))]
    finally:
        for other in others:
            other.exception()
    return [mine[0], *(other.result() for other in others), *mine[1:]]


def _shared() -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(os.cpu_count() or 1, "aura-tda-update")
        return _pool


def _forget() -> None:
    """Start afresh in a forked process, which has none of the threads."""
    global _lock, _pool
    _lock, _pool = Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
