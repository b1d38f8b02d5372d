"""Equal bars first, times afterwards: what every benchmark of diagrams does."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Bars", "assert_equal", "bars_of", "quartiles", "sorted_bars", "timed"]

Bars = dict[int, npt.NDArray[np.float32]]
Result = TypeVar("Result")


def bars_of(diagram: Any) -> Bars:
    """Return the bars of H0 and H1."""
    return {k: diagram[k] for k in (0, 1)}


def assert_equal(expected: Bars, found: Bars, who: str) -> None:
    """Stop unless both hold the same bars of positive length, to the last bit."""
    for k in (0, 1):
        ours, theirs = sorted_bars(expected[k]), sorted_bars(found[k])
        if not np.array_equal(ours, theirs):
            sys.exit(
                f"{who}: other bars in H{k} ({len(theirs)}, not {len(ours)}); nothing is timed"
            )


def timed(run: Callable[[], Result]) -> tuple[float, Result]:
    """Return the seconds of one run, and what it returns."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def quartiles(samples: list[float]) -> list[float]:
    """Return the lower quartile, the median and the upper quartile."""
    if len(samples) == 1:
        return 3 * samples
    return statistics.quantiles(samples, n=4, method="inclusive")


def sorted_bars(bars: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the bars of positive length in one order, whatever order they came in."""
    bars = bars[bars[:, 1] > bars[:, 0]]
    return bars[np.lexsort((bars[:, 1], bars[:, 0]))]
