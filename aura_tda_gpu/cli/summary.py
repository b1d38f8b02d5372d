"""What a person is told once a run is over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..streaming.multi_scale_processor import MultiScaleStream
from .passed import Passed
from .progress import Report
from .sources.base import Source
from .wall_clock import WallClock
from .words import count

__all__ = ["closing_lines"]

_SPARSE = 100
_MANY = 8  # columns


def closing_lines(
    source: Source,
    stream: MultiScaleStream,
    report: Report,
    clock: WallClock | None,
    min_persistence: float,
    passed: Passed,
) -> Iterator[str]:
    """Yield what was taken and what went missing, a line each."""
    stats = stream.stats
    if report.points and not all(name.isdecimal() for name in source.columns):
        yield f"columns taken as coordinates: {_listed(source.columns)}"
    if source.cut_off:
        yield f"{source.path}: ends in the middle of a row, which was dropped"
    if source.open_end:
        yield f"{source.path}: the last row has no line end; taken as it stands"
    if source.bad_rows:
        n = source.bad_rows
        yield f"{source.path}: {count(n, 'unusable row')} {_was(n)} skipped"
    if stats.late:
        advice = "raise --lateness-ms to sort them in"
        if clock is not None and clock.passed:
            advice += "; if they came more slowly than their times tell, give a longer --grace-ms"
            advice += " or --clock event"
        yield f"{count(stats.late, 'late point')} {_was(stats.late)} dropped: {advice}"
    if stats.overflowed:
        yield (
            f"{count(stats.overflowed, 'point')} left a window early for want of memory: "
            "raise --max-memory-mb, or see n_overflowed in the output"
        )
    if passed.largest_bound:
        yield f"landmarks stand for some windows: error_bound is {passed.largest_bound:.3g} at most"
    empty = [
        scale.window_id
        for scale in stream.settings.timeline
        if not passed.was_full(scale.window_id, scale.duration_ns / 1e9)
    ]
    if report.points and empty:
        yield f"{', '.join(empty)}: never full, the data is {_seconds(passed.seconds)} long"
    if 0 < report.longest < min_persistence:
        yield (
            f"no loop is a feature: the longest is {report.longest:.3g}, and "
            f"streaming_tda.stability.min_persistence asks for {min_persistence:g}, in the unit of "
            "the data"
        )
    if report.skipped_ticks:
        n = report.skipped_ticks
        # rows further apart than the slides: rarely what was meant
        doubt = "; is --time-unit right?" if n > _SPARSE * max(report.points, 1) else ""
        yield f"{count(n, 'tick')} in gaps of the data {_was(n)} left out{doubt}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return ", ".join(names[:_MANY]) + more


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value < 100 else f"{value:,.0f} s"


def _was(n: int) -> str:
    return "was" if n == 1 else "were"
