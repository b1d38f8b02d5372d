"""What bars are held against so that noise is not told: the law of noise, and what weights add."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ...persistence.arrays import Float64Array
from ...persistence.calibration import calibration_for
from ..persistence_stream import WindowUpdate

__all__ = ["law_of", "least_weight"]


def law_of(update: WindowUpdate) -> Float64Array:
    """Return the law of noise for a window: numbers of bars, and its two thresholds, shape (3, k).

    Notes
    -----
    Among few loops those that are real are the median that p-values are measured from. In 15 000
    windows of noise in 2, 3 and 10 dimensions with fewer than 16 bars, the largest death was twice
    its birth in at most 2.4 %, whatever the number of bars, and never 2.5 times; so there this
    speaks for a loop, and p-values count twice. Not so on a grid, where lengths that occur often,
    such as 1 and 2, make such loops of noise: three bars or more of which some are born at equal
    lengths are left to their p-values. There is no law of noise in dimension 0. A part counts if it
    and what it merges with have 5 vertices and a twentieth of all at least, and they merge at three
    times the length that nine tenths of the merges do not reach.
    """
    exact = update.error_bound == 0
    strategy = "exact" if exact else update.diagram.info.get("landmarks", "exact")
    return _law(strategy, update.n_vertices, update.n_points)


@lru_cache(maxsize=1024)
def _law(landmarks: str, n_vertices: int, n_points: int) -> Float64Array:
    law = calibration_for(landmarks=landmarks, n_vertices=n_vertices, n_points=n_points)
    return np.array([law.n_bars, law.at_5, law.at_1], np.float64)


def least_weight(update: WindowUpdate) -> float:
    """Return what weights add to the lengths of all edges at least, so that ratios mean something.

    With equal weights the bars less this are those of the points without weights.
    """
    diagram = update.diagram
    if diagram.info.get("metric") != "dtm" or 0 not in diagram.dimensions or not len(diagram[0]):
        return 0.0
    return float(diagram[0][:, 0].min())
