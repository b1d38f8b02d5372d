"""Equal bars first, times afterwards: what every benchmark of diagrams does."""

from __future__ import annotations

import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Bars", "assert_equal", "bars_of", "quartiles", "sorted_bars", "timed"]

MISMATCHES = Path(__file__).resolve().parent.parent / "out" / "mismatches"
Bars = dict[int, npt.NDArray[np.float32]]
Result = TypeVar("Result")


def bars_of(diagram: Any) -> Bars:
    """Return the bars of H0 and H1."""
    return {k: diagram[k] for k in (0, 1)}


def assert_equal(
    expected: Bars, found: Bars, who: str, cloud: npt.NDArray[np.float32] | None = None
) -> None:
    """Stop unless both hold the same bars of positive length, to the last bit.

    Parameters
    ----------
    expected, found : dict of int to ndarray
        Bars of H0 and H1.
    who : str
        Whose bars ``found`` are.
    cloud : ndarray of float32, optional
        Points, or distances, shape (n, dim) or (n, n): written to a file where bars differ.
    """
    for k in (0, 1):
        ours, theirs = sorted_bars(expected[k]), sorted_bars(found[k])
        if not np.array_equal(ours, theirs):
            kept = "" if cloud is None else f"; the cloud is in {_keep(cloud, who)}"
            counts = f"({len(theirs)}, not {len(ours)})"
            sys.exit(f"{who}: other bars in H{k} {counts}; nothing is timed{kept}")


def _keep(cloud: npt.NDArray[np.float32], who: str) -> Path:
    """Write a cloud whose bars are wrong, and return where it is."""
    path = MISMATCHES / f"{re.sub(r'[^A-Za-z0-9]+', '-', who).strip('-')}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, cloud)
    return path


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
