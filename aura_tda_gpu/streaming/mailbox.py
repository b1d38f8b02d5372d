"""From a worker's thread to an event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Mailbox"]

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Items posted in any thread, and a call in the event loop's thread that looks at them.

    Parameters
    ----------
    on_mail : callable
        Called in the event loop's thread after `ring`; it takes the items from ``items``.

    Attributes
    ----------
    items : deque
        What was posted, oldest first.
    """

    def __init__(self, on_mail: Callable[[], None]) -> None:
        self.items: deque[T] = deque()
        self._on_mail = on_mail
        self._rung = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have items looked at in an event loop from now on."""
        self._loop = loop
        self._rung = False

    @property
    def closed(self) -> bool:
        """Whether nobody looks any more, because the event loop is closed."""
        return self._loop is None or self._loop.is_closed()

    def ring(self) -> None:
        """Have the items looked at soon; may be called from any thread."""
        if not self._rung:
            self._rung = True
            self.call(self._look)

    def call(self, function: Callable[[], None]) -> None:
        """Call something in the event loop's thread, or nowhere if the loop is closed."""
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            self._rung = False

    def _look(self) -> None:
        # cleared first: what is posted from here on rings again
        self._rung = False
        self._on_mail()
