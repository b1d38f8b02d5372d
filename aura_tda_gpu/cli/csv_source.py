"""CSV files and their relatives: separated by commas, semicolons, tabs or spaces."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import reprlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from ..errors import SourceError
from .progress import count
from .sources import Chunk, Source, SourceOptions

__all__ = ["CsvSource"]

_MAX_LINE = 1 << 20
_PEEKED_ROWS = 100
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class _Row:
    """Line ``line`` of the file in cells; ``whole`` is False if it has no line end."""

    line: int
    cells: list[str]
    whole: bool
    fault: str = ""


class CsvSource(Source):
    """Rows of numbers as text, one a line, read as they are asked for.

    A column is numeric if one of its cells in the first hundred rows is a number. The first
    line is the header if it has no number in a numeric column, or a name that was asked for;
    without a header, columns go by index from 0.

    Parameters
    ----------
    path, options
        As in `Source`.
    handle : BufferedReader
        The open file, at its start.

    Raises
    ------
    SourceError
        If there is no row of data, or no column of numbers.
    ConfigError
        If a column that was asked for does not exist.
    """

    row_word = "line"

    def __init__(self, path: Path, options: SourceOptions, handle: io.BufferedReader) -> None:
        super().__init__(path, options)
        self._handle = handle
        self._lines = _Lines(path, handle)
        self._rows = self._read(_delimiter(self._lines.peek()))
        first = next(self._rows, None)
        if first is None:
            raise SourceError(f"{path}: is empty")
        if first.fault:
            raise SourceError(f"{self.place(first.line)}: {first.fault}")
        self._first_line: int | None = None
        self._width = len(first.cells)
        peeked = list(islice(self._rows, _PEEKED_ROWS))
        if self._is_header(first, peeked):
            names = [name or str(i) for i, name in enumerate(first.cells)]
        else:
            names = [str(i) for i in range(self._width)]
            peeked.insert(0, first)
            self._first_line = first.line
        if not peeked:
            raise SourceError(f"{path}: holds a header and no rows")
        self._rows = chain(peeked, self._rows)
        time, taken = self.select(names, _numeric(peeked, self._width), _first_text(peeked))
        self._wanted = [] if time is None else [(time, names[time])]
        self._wanted += [(i, names[i]) for i in taken]
        self._has_time = time is not None

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Yield the rows; see `Source.chunks`."""
        row_number = 0
        while batch := list(islice(self._rows, size)):
            values: list[list[float]] = []
            rows: list[int] = []
            places: list[int] = []
            fault: SourceError | None = None
            for row in batch:
                try:
                    values.append(self._parse(row))
                except SourceError as error:
                    if not row.whole:
                        self.cut_off = True
                    elif self.options.skip_bad_rows:
                        self.bad_rows += 1
                    else:
                        fault = error
                        break
                else:
                    self.open_end = not row.whole
                    rows.append(row_number)
                    places.append(row.line)
                row_number += 1
            yield self._chunk(values, rows, places)
            if fault is not None:
                raise fault

    def fraction(self) -> float | None:
        """Return how much has been read, None for a pipe."""
        found = os.fstat(self._handle.fileno())
        if not stat.S_ISREG(found.st_mode) or not found.st_size:
            return None
        return min(1.0, self._handle.tell() / found.st_size)

    def close(self) -> None:
        """Close the file."""
        self._handle.close()

    def _is_header(self, first: _Row, others: list[_Row]) -> bool:
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

    def _chunk(self, values: list[list[float]], rows: list[int], places: list[int]) -> Chunk:
        table = np.array(values, np.float64).reshape(len(values), len(self._wanted))
        numbers = np.array(rows, np.int64)
        points = table[:, 1:] if self._has_time else table
        times = self.seconds(table[:, 0], numbers)
        return Chunk(points, times, numbers, np.array(places, np.int64))

    def _parse(self, row: _Row) -> list[float]:
        """Return the numbers wanted from a row."""
        cells = row.cells
        if row.fault:
            raise SourceError(f"{self.place(row.line)}: {row.fault}")
        if len(cells) < self._width or any(cells[self._width :]):
            raise SourceError(
                f"{self.place(row.line)}: has {count(len(cells), 'cell')}, {self._width} expected"
            )
        values = []
        for column, name in self._wanted:
            cell = cells[column]
            try:
                value = _number(cell)
            except ValueError:
                value = math.nan
            if not math.isfinite(value):
                hint = "; time must be a number" if name == self.time_name else ""
                if row.line == self._first_line:
                    hint += "; this line is not taken as a header, for it holds numbers"
                raise SourceError(
                    f"{self.place(row.line)}, column {name!r}: {_complaint(cell)}{hint}"
                ) from None
            values.append(value)
        return values

    def _read(self, delimiter: str) -> Iterator[_Row]:
        """Yield the lines that are not blank."""
        for line in self._lines:
            number, whole = self._lines.count, self._lines.whole
            # each line by itself: a stray quote spoils its own line and no other
            reader = csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True)
            try:
                cells = [cell.strip() for cell in next(reader)]
            except csv.Error as error:
                fault = str(error).replace("unexpected end of data", "a quote is never closed")
                yield _Row(number, [], whole, fault)
                continue
            if any(cells):
                yield _Row(number, cells, whole)


class _Lines:
    """The lines of a text file, counted; ``whole`` tells if the last one had its line end."""

    def __init__(self, path: Path, handle: io.BufferedReader) -> None:
        encoding = "utf-16" if handle.peek(2).startswith(_UTF16_MARKS) else "utf-8-sig"
        self._path = path
        self._text = io.TextIOWrapper(handle, encoding, errors="replace", newline="")
        self._held: str | None = None
        self.count = 0
        self.whole = True

    def peek(self) -> str:
        """Return the first line that is not blank, without the mark of a comment."""
        line = next(self, "")
        while line and not line.strip():
            line = next(self, "")
        if line.lstrip().startswith("#"):
            line = line.lstrip()[1:]
        if line:
            self._held = line
            self.count -= 1
        return line

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line, self._held = self._held, None
        if line is None:
            line = self._readline()
        if not line:
            raise StopIteration
        self.count += 1
        self.whole = line.endswith(("\n", "\r"))
        return line

    def _readline(self) -> str:
        try:
            line = self._text.readline(_MAX_LINE)
        except OSError as error:
            raise SourceError(f"{self._path}: cannot be read: {error.strerror or error}") from error
        if len(line) == _MAX_LINE:
            raise SourceError(f"{self._path}, line {self.count + 1}: is too long for a line of CSV")
        return line


def _delimiter(line: str) -> str:
    """Return what separates the cells of a line, quoted ones left aside."""
    bare = re.sub(r'"[^"]*"', "", line.strip())
    found = max(",;\t", key=bare.count)
    if bare.count(found):
        return found
    return " " if " " in bare else ","


def _numeric(rows: list[_Row], width: int) -> list[bool]:
    """Tell for each column whether one of its cells is a number."""
    return [
        any(_is_number(row.cells[column]) for row in rows if column < len(row.cells))
        for column in range(width)
    ]


def _first_text(rows: list[_Row]) -> str:
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
