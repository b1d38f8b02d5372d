"""One line where compiling takes a while, for whoever looks at a terminal or a notebook."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..log import get_logger

__all__ = ["compiling_told", "told_by_caller"]

_PATIENCE_S = 1.0
_NOTICE = (
    "aura_tda_gpu compiles kernels, once per installation, which takes some ten seconds; "
    "`aura-tda doctor` compiles them all beforehand"
)
_callers: list[object] = []  # who tell it in their own way


@contextmanager
def compiling_told(n_compiled: Callable[[], int]) -> Iterator[None]:
    """Log ``kernels_compiling`` once kernels have been compiled for a second, and print a line.

    Parameters
    ----------
    n_compiled : callable
        Tells how many kernels were compiled so far.
    """
    before = n_compiled()

    def tell() -> None:
        if n_compiled() == before or _callers:
            return
        if sys.stderr is not None and (sys.stderr.isatty() or "ipykernel" in sys.modules):
            sys.stderr.write(f"{_NOTICE}\n")
        get_logger(__name__).info("kernels_compiling", once="per installation")

    timer = threading.Timer(_PATIENCE_S, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def told_by_caller() -> Iterator[None]:
    """Leave it to the caller to tell it."""
    mark = object()
    _callers.append(mark)
    try:
        yield
    finally:
        _callers.remove(mark)
