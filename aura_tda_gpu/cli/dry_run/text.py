"""An estimate in words and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from ...streaming.memory import MB
from ..words import count

if TYPE_CHECKING:
    from .estimate import Estimate, WindowEstimate

__all__ = ["FEWEST_ROWS", "lines_of", "table_of"]

FEWEST_ROWS = 10  # that tell a rate by their times
_TOO_FEW = "too few rows to tell"


def table_of(estimate: Estimate) -> Table:
    """Return a row for each window."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("window", no_wrap=True)
    for name in ("points", "room", "vertices", "a tick", "ticks/s"):
        table.add_column(name, justify="right")
    table.add_column("diagram", no_wrap=True)
    for window in estimate.windows:
        seconds = window.seconds_per_tick
        table.add_row(
            window.window_id,
            _count(window.points_needed),
            _count(window.max_points),
            _count(window.n_vertices),
            "?" if seconds is None else f"{1e3 * seconds:.3g} ms",
            f"{window.ticks_per_second:.4g}",
            _diagram(window),
        )
    return table


def _diagram(window: WindowEstimate) -> str:
    if window.exact is None:
        return f"exact up to {window.max_landmarks:,}"
    words = "exact" if window.exact else "landmarks"
    return f"{words}, overflows" if window.overflows else words


def lines_of(estimate: Estimate) -> list[str]:
    """Return what holds for all windows together."""
    rate, filled = estimate.points_per_second, estimate.filled_bytes
    share, highest = estimate.busy_share, estimate.max_points_per_second
    unknown = _TOO_FEW if estimate.rows_read < FEWEST_ROWS else "not known from the rows read"
    known = unknown if rate is None else f"{_rounded(rate)} points/s"
    lines = [
        f"rate: {known}, {count(estimate.dimension, 'coordinate')}, engine {estimate.backend}",
        f"memory: {_mb(estimate.buffer_bytes)} of buffers and {_mb(estimate.engine_bytes)} for a "
        f"tick at work, out of {_mb(estimate.memory_limit_bytes)}",
    ]
    if filled is not None:
        lines.append(f"buffers filled at this rate: {_mb(filled)}")
    if share is not None:
        lines.append(f"work: {share:.3g} s for each second of data{_verdict(share)}")
    if highest is None:
        lines.append(f"highest rate of this machine: {_TOO_FEW}")
    elif highest:
        lines.append(f"this machine keeps up with roughly {_rounded(highest)} points/s")
    else:
        lines.append("this machine keeps up with no rate: take longer scales or fewer")
    if share is not None or highest is not None:
        lines.append(
            "counted: reading, ticks, features and lines of JSON, not how late they come "
            "(aura-tda bench throughput measures that)"
        )
    overflow = _rounded(estimate.overflow_points_per_second)
    return [*lines, f"a window overflows above {overflow} points/s"]


def _verdict(share: float) -> str:
    return "; a live source would be held back" if share > 1 else ""


def _count(n: int | None) -> str:
    return "?" if n is None else f"{n:,}"


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / MB:,.4g} MB"


def _rounded(rate: float) -> str:
    """Return three digits that count, whole from a hundred on."""
    text = f"{rate:.3g}"
    return text if rate < 100 else f"{float(text):,.0f}"
