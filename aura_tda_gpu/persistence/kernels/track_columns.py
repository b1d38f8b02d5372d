"""What is kept of a bar that is followed: a record, or a row of columns of 64 bits."""

from __future__ import annotations

import numpy as np

__all__ = ["TRACK", "WIDTH"]

TRACK = np.dtype(
    [
        ("serial", np.int64),  # -1 until it is a feature
        ("edges", np.int64, 4),
        ("bar", np.float64, 2),  # as it is matched
        ("open", np.int64),  # 0 or 1
        ("first", np.float64),
        ("last", np.float64),
        ("ticks", np.int64),
        ("strong", np.int64),
        ("missed", np.int64),
        ("ratio", np.float64),
        ("stability", np.float64),
        ("peak", np.float64),  # longest persistence so far
        ("p_value", np.float64),
        ("run", np.int64),
        ("significant", np.int64),  # 0 or 1
        ("told", np.float64, 2),
        ("bound", np.float64),  # error bound of the diagram that showed it last
        ("row", np.int64),
        ("looped", np.float64),  # event time of its loop, -inf while that is not known
        ("ring", np.int64),  # of its history
        ("kept", np.int64),  # bars written there so far
        ("outcome", np.int64),  # of the newest tick
    ]
)
WIDTH = TRACK.itemsize // 8


def _column(name: str) -> int:
    return int(TRACK.fields[name][1]) // 8  # type: ignore[index]


SERIAL, EDGES, BAR, OPEN = map(_column, ("serial", "edges", "bar", "open"))
FIRST, LAST, TICKS, STRONG = map(_column, ("first", "last", "ticks", "strong"))
MISSED, RATIO, STABILITY, PEAK = map(_column, ("missed", "ratio", "stability", "peak"))
P_VALUE, RUN, SIGNIFICANT, TOLD = map(_column, ("p_value", "run", "significant", "told"))
BOUND, ROW, LOOPED, RING = map(_column, ("bound", "row", "looped", "ring"))
KEPT, OUTCOME = map(_column, ("kept", "outcome"))
