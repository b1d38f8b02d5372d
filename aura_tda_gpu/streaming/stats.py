"""The counters of a stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["StreamStats"]


@dataclass(frozen=True, slots=True)
class StreamStats:
    """Counters of a stream.

    Attributes
    ----------
    accepted, late : int
        Points taken, and points dropped because they came after the watermark.
    overflowed : int
        Points that left a window early for want of memory, summed over the scales.
    ticks : dict of str to int
        Updates of each window.
    skipped_ticks : int
        Ticks left out, summed over the scales.
    watermark : float or None
        Seconds; None before the first point.
    pending : int
        Points that wait for the watermark.
    device : dict
        With backend ``"cuda"`` memory, busy ratio and energy of the GPU, the energy for every
        million points since the stream was made (docs/gpu.md), and ``rows_downloaded`` and
        ``bytes_downloaded``, points given on the GPU that were copied to the host; else empty.
    """

    accepted: int
    late: int
    overflowed: int
    ticks: dict[str, int]
    skipped_ticks: int
    watermark: float | None
    pending: int
    device: dict[str, Any] = field(default_factory=dict)
