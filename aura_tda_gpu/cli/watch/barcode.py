"""The bars of a diagram as lines of text, all on one axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.text import Text

from ...persistence.diagram import Diagram

__all__ = ["ASCII", "UNICODE", "Glyphs", "axis_end", "bar_lines", "number"]

_LABEL = 19  # two numbers of eight characters and what stands between them
_NAME = 3
_ROUND = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_STYLES = {0: "blue", 1: "green"}


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What a terminal can show.

    Attributes
    ----------
    full, left, right : str
        A whole cell of a bar, its left half and its right half.
    open_end : str
        Last cell of a bar that never ends.
    to, infinity, at_most, rest : str
        Signs of the text beside it.
    """

    full: str
    left: str
    right: str
    open_end: str
    to: str
    infinity: str
    at_most: str
    rest: str


UNICODE = Glyphs("█", "▌", "▐", "▶", "→", "∞", "≤", "·")
ASCII = Glyphs("#", "#", "#", ">", "-", "inf", "<=", "|")


def number(value: float) -> str:
    """Return a number in at most eight characters, nine if it is negative."""
    text = f"{value:.4g}"
    return text if len(text) <= 8 else f"{value:.2e}"


def axis_end(largest: float) -> float:
    """Return the first round number from ``largest`` on, so that an axis seldom changes."""
    if not 0 < largest < math.inf:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(largest))
    return next((unit * step for step in _ROUND if unit * step >= largest), largest)


def bar_lines(
    diagram: Diagram, n_lines: int, width: int, glyphs: Glyphs = UNICODE
) -> tuple[list[Text], float]:
    """Draw the longest bars: loops first, parts in the room that is left.

    Parameters
    ----------
    diagram : Diagram
        A bar not longer than twice its ``error_bound`` is drawn dim: only longer ones are
        certain to be in the diagram of all points.
    n_lines : int
        Largest number of bars.
    width : int
        Cells of a line.
    glyphs : Glyphs
        What the terminal can show.

    Returns
    -------
    lines : list of Text
        One for each bar: its dimension, its place on the axis, its birth and its death.
    axis : float
        Where the axis ends, a round number; it starts at 0.
    """
    bars: list[tuple[int, float, float, bool]] = []
    for dimension in reversed(diagram.dimensions):
        room = max(0, n_lines - len(bars))
        ends = diagram[dimension][:room].tolist()
        truncated = diagram.truncated[dimension][:room].tolist()
        bars += [(dimension, *pair, cut) for pair, cut in zip(ends, truncated, strict=True)]
    finite = [end for _, *pair, _ in bars for end in pair if math.isfinite(end)]
    axis = axis_end(max(finite, default=0.0))
    cells = max(1, width - _NAME - _LABEL - 1)
    lines = []
    for dimension, birth, death, cut in bars:
        style = _STYLES.get(dimension, "")
        # a bound that is not known makes no bar certain
        certain = death - birth > 2 * diagram.error_bound or diagram.error_bound == 0.0
        line = Text(no_wrap=True, overflow="crop", end="")
        line.append(f"H{dimension}".ljust(_NAME), style="dim")
        drawn = _bar(birth / axis, death / axis, cells, glyphs)
        line.append(drawn, style=style if certain else f"dim {style}")
        line.append(f" {_label(birth, death, cut, glyphs)}")
        lines.append(line)
    return lines, axis


def _bar(start: float, stop: float, cells: int, glyphs: Glyphs) -> str:
    """Return the bar from ``start`` to ``stop``, both shares of the axis."""
    halves = 2 * cells
    first = min(halves - 1, int(start * halves))
    last = halves if stop >= 1 else max(first + 1, math.ceil(stop * halves))
    before, begins_right = divmod(first, 2)
    after, ends_left = divmod(last, 2)
    if before == after:
        return (" " * before + glyphs.left).ljust(cells)
    body = glyphs.right if begins_right else ""
    body += glyphs.full * (after - before - begins_right)
    body += glyphs.left if ends_left else ""
    if math.isinf(stop):
        body = body[:-1] + glyphs.open_end
    return (" " * before + body).ljust(cells)


def _label(birth: float, death: float, truncated: bool, glyphs: Glyphs) -> str:
    end = glyphs.infinity if math.isinf(death) else number(death)
    if truncated:
        end = "cut"
    return f"{number(birth):>8} {glyphs.to} {end:<8}"
