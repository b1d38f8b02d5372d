"""Settings that are numbers, checked."""

from __future__ import annotations

import math
from numbers import Integral, Real

from ...errors import ConfigError

__all__ = ["integer", "number"]


def integer(name: str, value: object, least: int) -> int:
    """Return an integer that is at least so large."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ConfigError(f"{name} must be an integer from {least} on, not {value!r}")
    return int(value)


def number(name: str, value: object, most: float) -> float:
    """Return a finite number from 0 on that is at most so large."""
    is_number = not isinstance(value, bool) and isinstance(value, Real)
    if not is_number or not 0 <= float(value) <= most or math.isinf(float(value)):  # type: ignore[arg-type]
        limit = "on" if math.isinf(most) else f"to {most:g}"
        raise ConfigError(f"{name} must be a finite number from 0 {limit}, not {value!r}")
    return float(value)  # type: ignore[arg-type]
