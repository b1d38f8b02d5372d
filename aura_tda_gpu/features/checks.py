"""Checks of the settings of a vectorisation."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from ..errors import ConfigError

__all__ = ["at_least", "is_number", "power_of", "range_of", "tuple_of"]


def at_least(least: int, given: Any, what: str) -> None:
    """Refuse what is no integer from ``least`` on.

    Raises
    ------
    ConfigError
        If it is none; names it.
    """
    if isinstance(given, bool) or not isinstance(given, Integral) or given < least:
        raise ConfigError(f"{what} must be an integer from {least} on, not {given!r}")


def is_number(given: Any) -> bool:
    """Return whether this is a real number, and finite."""
    return isinstance(given, Real) and not isinstance(given, bool) and math.isfinite(given)


def tuple_of(given: Any) -> Any:
    """Return a list or an array as a tuple of its numbers, and anything else as it is."""
    if isinstance(given, list):
        return tuple(given)
    return tuple(given.tolist()) if getattr(given, "ndim", 0) == 1 else given


def power_of(given: Any) -> None:
    """Refuse what cannot be the power of a weight.

    Raises
    ------
    ConfigError
        If it is no finite number from 0 on; names it.
    """
    if not isinstance(given, Real) or not 0 <= float(given) < math.inf:
        raise ConfigError(f"power must be a finite number from 0 on, not {given!r}")


def range_of(given: Any, n: int, what: str) -> None:
    """Refuse what is no sequence of ``n`` numbers, ascending in pairs.

    Raises
    ------
    ConfigError
        If it is none; names it.
    """
    try:
        ends = [float(x) for x in given]
    except (TypeError, ValueError):
        ends = []
    pairs = zip(ends[::2], ends[1::2], strict=False)
    if len(ends) != n or not all(map(math.isfinite, ends)) or any(a > b for a, b in pairs):
        raise ConfigError(f"{what} must be {n} finite numbers, ascending in pairs, not {given!r}")
