"""Checks of the settings of a vectorisation."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from ..errors import ConfigError

__all__ = ["at_least", "power_of", "range_of"]


def at_least(least: int, given: Any, what: str) -> None:
    """Refuse what is no integer from ``least`` on.

    Raises
    ------
    ConfigError
        If it is none; names it.
    """
    if isinstance(given, bool) or not isinstance(given, Integral) or given < least:
        raise ConfigError(f"{what} must be an integer from {least} on, not {given!r}")


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
