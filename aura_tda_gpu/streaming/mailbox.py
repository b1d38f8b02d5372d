"""From a worker's thread to an event loop."""

from __future__ import annotations

import asyncio
import math
import time
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
        Called in the event loop's thread some time after items were posted; it takes them
        from ``items``.

    Attributes
    ----------
    items : deque
        What was posted, oldest first.
    loop : AbstractEventLoop
        The event loop; set before the first item is posted.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(self, on_mail: Callable[[], None]) -> None:
        self.items: deque[T] = deque()
        self._on_mail = on_mail
        self._called = False
        self._last_call_s = -math.inf

    def post(self, item: T, *, patience_s: float = 0.0) -> None:
        """Add an item.

        Parameters
        ----------
        item : object
        patience_s : float
            No call is made if the last one is less than so many seconds ago: waking the event
            loop costs its thread and this one a fifth of a millisecond.
        """
        self.items.append(item)
        if time.monotonic() - self._last_call_s >= patience_s:
            self.ring()

    def ring(self) -> None:
        """Make the call for what was posted."""
        if not self._called:
            self._called = True
            self._last_call_s = time.monotonic()
            self.call(self._look)

    def call(self, function: Callable[[], None]) -> bool:
        """Call something in the event loop's thread; return False if the loop is closed."""
        try:
            self.loop.call_soon_threadsafe(function)
        except RuntimeError:
            self._called = False
            return False
        return True

    def _look(self) -> None:
        # cleared first: what is posted from here on calls again
        self._called = False
        self._on_mail()
