"""A thread of its own for one stream, which holds up neither the interpreter nor the collector."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar

__all__ = ["WorkerThread", "interpreter_exits"]

T = TypeVar("T")
Call: TypeAlias = "tuple[Future[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]"

_PATIENCE_S = 5.0
_exiting = threading.Event()
_workers: weakref.WeakSet[WorkerThread] = weakref.WeakSet()
_threads: set[threading.Thread] = set()  # alive, or not collected yet


def interpreter_exits() -> bool:
    """Tell whether the interpreter is on its way out, and waits for calls under way to end."""
    return _exiting.is_set()


class WorkerThread(Executor):
    """An executor of one daemon thread, which ends when it is shut down or forgotten.

    `ThreadPoolExecutor` would do, but the interpreter waits at its exit until the calls of all
    pools have ended; here it asks them to end first, by `interpreter_exits`.

    Parameters
    ----------
    name : str
        Name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._thread = threading.Thread(target=_serve, args=(self._calls,), name=name, daemon=True)
        self._open = True
        _threads.add(self._thread)
        _workers.add(self)
        self._thread.start()
        weakref.finalize(self, self._calls.put, None).atexit = False  # see _leave

    def is_alive(self) -> bool:
        """Tell whether the thread still runs."""
        return self._thread.is_alive()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have a function called; see `concurrent.futures.Executor.submit`."""
        if not self._open:
            raise RuntimeError("the worker thread has been shut down")
        future: Future[T] = Future()
        self._calls.put((future, fn, args, kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the thread behind the calls made so far, and wait for that unless told otherwise."""
        if self._open:
            self._open = False
            self._calls.put(None)
        if wait:
            self._thread.join()


def _serve(calls: SimpleQueue[Call | None]) -> None:
    """Do one call after the other; in between nothing of them is kept alive."""
    while (call := calls.get()) is not None:
        future, function, args, kwargs = call
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)
        del call, future, function, args, kwargs
    _threads.discard(threading.current_thread())


@atexit.register
def _leave() -> None:
    """Ask all threads to end, and wait a little: one that is cut off in compiled code may crash."""
    _exiting.set()
    for worker in list(_workers):
        worker.shutdown(wait=False)
    for thread in list(_threads):
        thread.join(_PATIENCE_S)
