"""CSV files and their relatives: separated by commas, semicolons, tabs or spaces."""

from __future__ import annotations

import csv
import math
import re
import reprlib
from pathlib import Path

from ...errors import BadRowError, SourceError
from ..words import count
from .base import SourceOptions
from .iso_time import iso_seconds
from .lines import Line, LineFeed
from .text_source import PEEKED_ROWS, Row, TextSource

__all__ = ["CsvSource"]


class CsvSource(TextSource):
    """Rows of numbers as text, one a line, read as they are asked for.

    A column is numeric if one of its cells in the first hundred rows is a number; of a live
    source only the rows up to the first one with a number are looked at. The first line is the
    header if it has no number in a numeric column, or a name that was asked for; without a
    header, columns go by index from 0.

    Parameters
    ----------
    path, options, feed
        As in `TextSource`.

    Raises
    ------
    SourceError
        If there is no row of data, or no column of numbers.
    ConfigError
        If a column that was asked for does not exist.
    """

    def __init__(self, path: Path, options: SourceOptions, feed: LineFeed) -> None:
        super().__init__(path, options, feed)
        self._header: Row | None = None
        self._first_line: int | None = None
        line = feed.peek()
        if line is None:
            raise SourceError(f"{path}: is empty")
        # the mark of a comment may stand before the names of the columns
        self._first_number = line.number
        self._delimiter = _delimiter(_unmarked(line.text))
        first = next(iter(self._gather(1)), None)
        if first is None:
            raise SourceError(f"{path}: is empty")
        if first.fault:
            raise SourceError(f"{self.place(first.line)}: {first.fault}")
        self._width = len(first.cells)
        peeked = self._gather(1 if self.live else PEEKED_ROWS)
        while self.live and len(peeked) < PEEKED_ROWS and not any(_numeric(peeked, self._width)):
            if not (more := self._gather(1)):
                break
            peeked += more
        if self._is_header(first, peeked):
            names = [name or str(i) for i, name in enumerate(first.cells)]
            self._header = first
        else:
            names = [str(i) for i in range(self._width)]
            peeked.insert(0, first)
            self._first_line = first.line
        if not peeked:
            raise SourceError(f"{path}: holds a header and no rows")
        self._held = peeked
        time, taken = self.select(names, _numeric(peeked, self._width), _first_text(peeked))
        self._time = time
        self._wanted = [] if time is None else [(time, names[time])]
        self._wanted += [(i, names[i]) for i in taken]

    def _is_header(self, first: Row, others: list[Row]) -> bool:
        """Tell if the first line names the columns."""
        asked = (*(self.options.columns or ()), self.options.time_column)
        if any(cell in asked and not _is_number(cell) for cell in first.cells):
            return True
        numeric = _numeric(others, self._width)
        if not any(numeric):
            numeric = [True] * self._width
        return not any(
            _is_number(cell) for cell, counts in zip(first.cells, numeric, strict=True) if counts
        )

    def _parse(self, row: Row) -> list[float]:
        """Return the numbers wanted from a row."""
        cells = row.cells
        if len(cells) < self._width or any(cells[self._width :]):
            raise BadRowError(
                f"{self.place(row.line)}: has {count(len(cells), 'cell')}, {self._width} expected"
            )
        values = []
        for column, name in self._wanted:
            cell = cells[column]
            value = self._seconds(cell) if column == self._time else _value(cell)
            if not math.isfinite(value):
                hint = "; time must be a number or ISO 8601" if name == self.time_name else ""
                if row.line == self._first_line:
                    hint += "; this line is not taken as a header, for it holds numbers"
                raise BadRowError(
                    f"{self.place(row.line)}, column {name!r}: {_complaint(cell)}{hint}"
                )
            values.append(value)
        return values

    def _seconds(self, cell: str) -> float:
        """Return a time in seconds, nan if the cell holds none."""
        value = _value(cell)
        if not math.isnan(value):
            return value / self._unit
        try:
            return iso_seconds(cell)
        except ValueError:
            return math.nan

    def _row(self, line: Line) -> Row | None:
        """Return the cells of a line, None if all are empty or it is the header once more."""
        text = _unmarked(line.text) if line.number == self._first_number else line.text
        # each line by itself: a stray quote spoils its own line and no other
        reader = csv.reader([text], delimiter=self._delimiter, skipinitialspace=True, strict=True)
        try:
            cells = [cell.strip() for cell in next(reader)]
        except csv.Error as error:
            fault = str(error).replace("unexpected end of data", "a quote is never closed")
            return Row(line.number, [], line.whole, fault)
        header = self._header
        # a file that is followed may start anew
        again = header is not None and line.number == header.line and cells == header.cells
        return Row(line.number, cells, line.whole) if any(cells) and not again else None


def _unmarked(line: str) -> str:
    """Return a line without the mark of a comment at its start."""
    return line.lstrip().removeprefix("#") if line.lstrip().startswith("#") else line


def _delimiter(line: str) -> str:
    """Return what separates the cells of a line, quoted ones left aside."""
    bare = re.sub(r'"[^"]*"', "", line.strip())
    found = max(",;\t", key=bare.count)
    if bare.count(found):
        return found
    return " " if " " in bare else ","


def _numeric(rows: list[Row], width: int) -> list[bool]:
    """Tell for each column whether one of its cells is a number."""
    return [
        any(_is_number(row.cells[column]) for row in rows if column < len(row.cells))
        for column in range(width)
    ]


def _first_text(rows: list[Row]) -> str:
    """Name the first filled cell that is not a number."""
    for row in rows:
        for cell in row.cells:
            if cell and not _is_number(cell):
                return f"line {row.line} has {reprlib.repr(cell)}{_comma_hint(cell)}"
    return "all its cells are empty"


def _is_number(cell: str) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _value(cell: str) -> float:
    """Read a number, nan if the cell is none."""
    try:
        return _number(cell)
    except ValueError:
        return math.nan


def _number(cell: str) -> float:
    """Read a number; digits grouped by ``_``, as Python takes them, are text."""
    if "_" in cell:
        raise ValueError(cell)
    return float(cell)


def _complaint(cell: str) -> str:
    if not cell:
        return "the cell is empty"
    if _is_number(cell):
        return f"{cell} is not a finite number"
    return f"{reprlib.repr(cell)} is not a number{_comma_hint(cell)}"


def _comma_hint(cell: str) -> str:
    decimal = "," in cell and _is_number(cell.replace(",", ".", 1))
    return " (the decimal sign must be a point)" if decimal else ""
