"""The ``aura-tda`` command."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

__all__ = ["main"]


_WORDS = {signal.SIGINT: b"interrupted\n", signal.SIGTERM: b"terminated\n"}
_DEFAULTS = (signal.default_int_handler, signal.SIG_DFL)


def main() -> None:
    """Run the command with the arguments of this process.

    Until a run takes SIGINT and SIGTERM over, they end the process at once with exit code 130
    or 143.
    """
    for number in _WORDS:
        # any other handler was chosen by whoever started this process
        if signal.getsignal(number) in _DEFAULTS:
            signal.signal(number, _leave)
    from .app import app

    app()


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """End now: an exception could surface inside an import, or be swallowed by one."""
    os.write(2, _WORDS[signal.Signals(number)])
    os._exit(128 + number)
