"""What bars are held against so that noise is not told: the law of noise, and what weights add."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ...persistence.arrays import Float64Array
from ...persistence.calibration import calibration_for
from ..window_update import WindowUpdate

__all__ = ["law_of", "least_weight"]


def law_of(update: WindowUpdate) -> Float64Array:
    """Return the law of noise for a window, shape (5, k), as the kernel of a tick takes it.

    Numbers of bars, both thresholds of the height above the middle at them, and the ``log log`` of
    those of the ratio.

    Notes
    -----
    There is no law of noise in dimension 0. A part counts if it and what it merges with have 5
    vertices and a twentieth of all at least, and they merge at three times the length that nine
    tenths of the merges do not reach.
    """
    exact = update.error_bound == 0
    strategy = "exact" if exact else update.diagram.info.get("landmarks", "exact")
    return _law(strategy, update.n_vertices, update.n_points)


@lru_cache(maxsize=1024)
def _law(landmarks: str, n_vertices: int, n_points: int) -> Float64Array:
    law = calibration_for(landmarks=landmarks, n_vertices=n_vertices, n_points=n_points)
    return np.array([law.n_bars, law.at_5, law.at_1, *law.log_longest], np.float64)


def least_weight(update: WindowUpdate) -> float:
    """Return what weights add to the lengths of all edges at least, so that ratios mean something.

    With equal weights the bars less this are those of the points without weights.
    """
    diagram = update.diagram
    if diagram.info.get("metric") != "dtm" or 0 not in diagram.dimensions or not len(diagram[0]):
        return 0.0
    return float(diagram[0][:, 0].min())
