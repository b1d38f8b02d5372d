"""Processes that compile kernels into numba's cache while this one compiles others.

Numba compiles one function at a time in a process, whatever its threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from ..persistence import backends

__all__ = ["CompilingAhead"]

_MEMORY = 1 << 30  # bytes that each may take
_LONGEST_S = 600.0
_UNTIL_CLOSED = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()
"""


class CompilingAhead:
    """Some parts, each compiled by a process of its own as far as there are cores and memory.

    What is not compiled here, because a process is missing or has failed, is compiled where it is
    first called. Leaving the context ends the processes.

    Parameters
    ----------
    parts : sequence of str
        Lines of Python that call the kernels.
    """

    def __init__(self, parts: Sequence[str]) -> None:
        free = backends.available_memory()
        rooms = len(parts) if free is None else free // _MEMORY
        self._parts = parts[: max(0, min(backends.usable_cores() - 1, rooms))]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> CompilingAhead:
        if sys.executable and not getattr(sys, "frozen", False):
            for part in self._parts:
                with suppress(OSError):  # no more processes are allowed, or no such interpreter
                    self._processes[part] = _started(part)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes.values():
            process.kill()
            process.communicate()

    def wait(self, part: str) -> None:
        """Wait until a part is compiled, if that is done by a process."""
        if part in self._processes:
            with suppress(subprocess.TimeoutExpired):
                self._processes[part].wait(_LONGEST_S)


def _started(part: str) -> subprocess.Popen[bytes]:
    folder = Path(__file__).resolve().parents[2]  # where the package is
    cache = os.environ.get("NUMBA_CACHE_DIR")
    absolute = {} if cache is None else {"NUMBA_CACHE_DIR": str(Path(cache).resolve())}
    return subprocess.Popen(
        [sys.executable, "-c", _UNTIL_CLOSED + part],
        cwd=folder,
        env={**os.environ, **absolute},
        stdin=subprocess.PIPE,  # which closes when this process ends, however it does
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
