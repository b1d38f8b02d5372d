"""Those who wait in an event loop for what their points bring about."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TypeAlias

from .window_update import WindowUpdate

__all__ = ["Callers", "Updates", "Waiter", "waits"]

Updates: TypeAlias = list[WindowUpdate]
Waiter: TypeAlias = "asyncio.Future[Updates]"


class Callers:
    """Hands results and errors to waiters, and keeps what a failed call would have returned.

    Attributes
    ----------
    loop : AbstractEventLoop
        Where they wait; those of another loop have gone.
    unclaimed : list of WindowUpdate
        Computed for calls that raised; the next call that succeeds returns them first.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.unclaimed: Updates = []

    def new(self) -> Waiter:
        """Return a new waiter."""
        return self.loop.create_future()

    def resolve(self, waiter: Waiter | None, updates: Updates) -> None:
        """Hand over what a call returns."""
        if waiter is not None and self._can_hear(waiter):
            waiter.set_result(self.unclaimed + updates)
            self.unclaimed = []

    def reject(self, waiters: Iterable[Waiter], error: BaseException) -> None:
        """Hand over what calls raise."""
        for waiter in waiters:
            if self._can_hear(waiter):
                waiter.set_exception(error)

    def _can_hear(self, waiter: Waiter) -> bool:
        return waits(waiter) and waiter.get_loop() is self.loop


def waits(waiter: Waiter | None) -> bool:
    """Tell whether somebody is still there."""
    return waiter is not None and not waiter.done()
