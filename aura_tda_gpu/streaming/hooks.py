"""What may be done to updates between the engine and the subscribers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, Protocol

import numpy as np

from ..errors import ConfigError
from ..persistence.diagram import Diagram
from ..persistence.engine import Float32Array
from .window_update import WindowUpdate

__all__ = ["BarTable", "UpdateHook", "bar_table", "checked_hooks"]


class UpdateHook(Protocol):
    """Something that completes updates in place: a tracker, a feature extractor.

    An attribute ``nbytes``, if there is one, is counted by `get_memory_usage` of the processor.
    """

    def __call__(self, updates: Sequence[WindowUpdate]) -> None:
        """Complete the updates of one instant.

        Parameters
        ----------
        updates : sequence of WindowUpdate
            Those of all scales that tick at the same event time, finest scale first. Instants
            come in time order, each of them once, always in the same thread.
        """


def checked_hooks(hooks: object) -> tuple[UpdateHook, ...]:
    """Return hooks that can be called.

    Raises
    ------
    ConfigError
        If they are no list, or one of them cannot be called or is a coroutine function.
    """
    if not isinstance(hooks, Iterable):
        raise ConfigError(
            f"hooks must be a list of them, such as [FeatureTracker()], not {hooks!r}"
        )
    found = tuple(hooks)
    for hook in found:
        if not callable(hook):
            raise ConfigError(
                f"a hook is called with the updates of an instant: {hook!r} cannot be"
            )
        if _is_awaited(hook):
            raise ConfigError(
                f"a hook is called in a worker thread, and {hook!r} is a coroutine function: "
                "subscribe_to_updates awaits"
            )
    return found


def _is_awaited(hook: Any) -> bool:
    """Tell whether a call would return a coroutine."""
    while isinstance(hook, partial):
        hook = hook.func
    return iscoroutinefunction(hook) or iscoroutinefunction(type(hook).__call__)


class BarTable:
    """The hook that makes the bars themselves the features: ``update.features``."""

    def __call__(self, updates: Sequence[WindowUpdate]) -> None:
        """Give each update its bars as an array."""
        for update in updates:
            update.features = bar_table(update.diagram)


def bar_table(diagram: Diagram) -> Float32Array:
    """Return all bars in one array.

    Returns
    -------
    ndarray of float32, shape (n_bars, 3)
        Birth, death (inf while a bar is open), dimension; by dimension, longest bar first.
    """
    table = np.empty((len(diagram), 3), np.float32)
    start = 0
    for dimension in diagram.dimensions:
        bars = diagram[dimension]
        block = table[start : start + len(bars)]
        block[:, :2] = bars
        block[:, 2] = dimension
        start += len(bars)
    table.setflags(write=False)
    return table
