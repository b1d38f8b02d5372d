"""What the demo says in words, all of it derived from the diagrams and the signal."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich import box
from rich.console import Console
from rich.table import Table

from ..pictures.plots import Span, scale_name
from .reading import NO_LOOP, ONE_LOOP, SEVERAL_LOOPS, Reading, spans_where

__all__ = ["print_files", "print_reading"]

BoolArray = npt.NDArray[np.bool_]
_NOTEWORTHY = 1.0  # seconds


def print_reading(
    readings: Mapping[str, Reading],
    durations: Mapping[str, float],
    lost: Sequence[Span],
) -> None:
    """Print on standard output what a reader should see.

    Parameters
    ----------
    readings : mapping of str to Reading
        The loops of every scale, finest first, by window id.
    durations : mapping of str to float
        Lengths of the windows in seconds, by window id.
    lost : sequence of Span
        Where the signal is flat, in seconds.
    """
    console = Console(highlight=False, markup=False)
    onset = next(iter(readings.values())).onset()

    def say(text: str, indent: str = "") -> None:
        console.print(textwrap.fill(text, min(console.width, 100), subsequent_indent=indent))

    say(
        "The recording of a pulse sensor. A point is the signal now, 60 ms and 120 ms earlier: "
        "a pulse runs around a loop, once a beat. The persistence of a loop tells how clearly it "
        "stands out."
    )
    console.print()
    console.print(_table(readings, durations, lost, onset))
    console.print()
    for line in _lines(readings, durations, lost, onset):
        say(f"- {line}", "  ")
    console.print()


def print_files(files: Sequence[Path]) -> None:
    """Print on standard output what was written."""
    console = Console(highlight=False, markup=False)
    for file in files:
        console.print(f"wrote {file}", soft_wrap=True)


def _table(
    readings: Mapping[str, Reading],
    durations: Mapping[str, float],
    lost: Sequence[Span],
    onset: float,
) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        title="Loops: median persistence (a.u.), and how often one dominates",
        title_justify="left",
    )
    table.add_column("window", justify="right")
    table.add_column("longest,\nsensor lost", justify="right")
    table.add_column("longest,\nno pulse yet", justify="right")
    table.add_column("longest,\npulse", justify="right")
    table.add_column("second,\npulse", justify="right")
    table.add_column("one loop\ndominates", justify="right")
    for name, reading in readings.items():
        duration = durations[name]
        inside, pulse = _inside(reading, duration, lost), _pulse(reading, duration, onset)
        before = (reading.times < onset) & ~inside
        table.add_row(
            scale_name(name),
            _number(reading.median(reading.longest, inside)),
            _number(reading.median(reading.longest, before)),
            _number(reading.median(reading.longest, pulse)),
            _number(reading.median(reading.second, pulse)),
            _per_cent(reading.share(ONE_LOOP, pulse)),
        )
    return table


def _lines(
    readings: Mapping[str, Reading],
    durations: Mapping[str, float],
    lost: Sequence[Span],
    onset: float,
) -> list[str]:
    """Return the findings, a sentence or two each."""
    finest = next(iter(readings))
    lines = []
    for first, last in lost:
        inside = _inside(readings[finest], durations[finest], [(first, last)])
        longest = readings[finest].longest[inside].max(initial=0.0)
        lines.append(
            f"{_span((first, last))}: the signal is flat, the sensor is lost. The longest loop "
            f"of the {scale_name(finest)} windows in it: {_number(longest)}."
        )
    before = readings[finest].times < onset
    kinds = {NO_LOOP: "none", ONE_LOOP: "one", SEVERAL_LOOPS: "several of a size"}
    counts = [f"{_per_cent(readings[finest].share(k, before))} {kinds[k]}" for k in kinds]
    lines.append(
        f"Up to {onset:.1f} s there is noise and movement. Loops in the {scale_name(finest)} "
        f"windows: {', '.join(counts)}."
    )
    shares = [
        f"{_per_cent(reading.share(ONE_LOOP, _pulse(reading, durations[name], onset)))} of the "
        f"{scale_name(name)} windows"
        for name, reading in readings.items()
    ]
    lines.append(
        f"From {onset:.1f} s on the pulse is there: one loop is at least twice as long-lived "
        f"as any other in {', '.join(shares)}. The longer the window, the more beats of different "
        "height it holds, and the longer it remembers a disturbance."
    )
    for name in list(readings)[:-1]:
        reading = readings[name]
        broken = (reading.states != ONE_LOOP) & _pulse(reading, durations[name], onset)
        spans = spans_where(broken, reading.times, _NOTEWORTHY)
        if spans:
            lines.append(
                f"In {scale_name(name)} windows the one loop is lost for a second or more at: "
                f"{', '.join(_span(span) for span in spans)}."
            )
    return lines


def _inside(reading: Reading, duration: float, spans: Sequence[Span]) -> BoolArray:
    """Mark the ticks whose window lies in one of the spans."""
    inside = np.zeros(len(reading.times), np.bool_)
    for first, last in spans:
        inside |= (reading.times - duration >= first) & (reading.times <= last)
    return inside


def _pulse(reading: Reading, duration: float, onset: float) -> BoolArray:
    """Mark the ticks whose window begins after the onset."""
    return reading.times - duration >= onset


def _span(span: Span) -> str:
    return f"{span[0]:.1f} to {span[1]:.1f} s"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"


def _per_cent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.0f} %"
