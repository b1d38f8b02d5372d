"""The decorator of numba, or one that leaves functions as they are where numba is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

__all__ = ["njit"]

if TYPE_CHECKING:
    from numba import njit
else:
    try:
        from numba import njit
    except ImportError:

        def njit(**_: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
            """Return a decorator that leaves functions as they are."""
            return lambda function: function
