"""Rows of bits on a device: which vertices are nearer to each other than each of some lengths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .cuda_kernels import CONSTANTS
from .cuda_launch import WARP, Device, ceil_div

__all__ = ["LEVELS", "MOST_PACKED", "Levels", "row_words"]

CHUNK, LEVELS = CONSTANTS["CHUNK"], CONSTANTS["LEVELS"]
MOST_PACKED = 512  # vertices, of windows whose edges are looked at several in a warp


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels of windows and their rows; see kernels/levels.cuh.

    Attributes
    ----------
    lengths : device array of uint32, shape (windows, LEVELS)
        Patterns, in ascending order.
    rows : device array of uint32, shape (windows, n, LEVELS, row_words(n))
        Bit v % 32 of word v / 32 tells whether u and v are nearer than a level, or the same.
    """

    lengths: Any
    rows: Any

    @classmethod
    def of(cls, device: Device, bits: Any, r_enc: Any, longest: np.uint32) -> Levels:
        """Choose levels up to min(r_enc, longest), and write their rows; see `Stages.look`."""
        xp = device.xp
        windows, n, _ = bits.shape
        lengths = xp.empty((windows, LEVELS), np.uint32)
        device.kernels["choose_levels"](
            (windows,), (CONSTANTS["SAMPLES"],), (bits, r_enc, longest, np.int32(n), lengths)
        )
        words, warps = row_words(n), CONSTANTS["LEVEL_WARPS"]
        rows = xp.empty((windows, n, LEVELS, words), np.uint32)
        device.kernels["level_rows"](
            (ceil_div(words, WARP), ceil_div(n, warps), windows),
            (warps * WARP,),
            (bits, lengths, np.int32(n), rows, np.int32(words)),
        )
        return cls(lengths, rows)

    @property
    def arguments(self) -> tuple[Any, Any, np.int32]:
        """What a kernel that reads the rows is told of them."""
        return self.lengths, self.rows, np.int32(self.rows.shape[-1])


def row_words(n: int) -> int:
    """Return the words of a row of ``n`` bits, such that lanes read them side by side."""
    words = ceil_div(n, WARP)
    if n <= MOST_PACKED:
        return 4 if words <= 4 else 8 if words <= 8 else 16
    unit = 1 if n <= CHUNK else 2 if n <= 2 * CHUNK else WARP
    return unit * ceil_div(words, unit)
