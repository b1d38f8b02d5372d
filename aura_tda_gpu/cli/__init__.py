"""The ``aura-tda`` command."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

__all__ = ["main"]


def main() -> None:
    """Run the command with the arguments of this process.

    Until a run takes Ctrl-C over, it ends the process at once with exit code 130.
    """
    # a handler that is not Python's own was chosen by whoever started this process
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from .app import app

    app()


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """End now: an exception could surface inside an import, or be swallowed by one."""
    os.write(2, b"interrupted\n")
    os._exit(130)
