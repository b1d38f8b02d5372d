"""JSON lines: an object or a list on each line."""

from __future__ import annotations

import json
import math
import reprlib
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from ...errors import BadRowError, SourceError
from .base import SourceOptions
from .iso_time import iso_seconds
from .lines import Line, LineFeed
from .text_source import PEEKED_ROWS, Row, TextSource

__all__ = ["JsonSource"]

Cells: TypeAlias = dict[str, Any]

_ABSENT = object()


class JsonSource(TextSource):
    """Rows of numbers as JSON, an object or a list a line.

    The first line that can be used names the columns: the keys of an object, the indexes of a
    list. A value that is itself a list, such as ``"p": [1, 2]``, gives the columns ``p.0`` and
    ``p.1``, and ``p`` asks for both. A column is numeric if one of its cells in the first
    hundred rows is a number; of a live source only the first row is looked at.

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
        rows = self._first_rows()
        names = list(rows[-1].cells)
        if not self.live:
            rows += self._gather(PEEKED_ROWS)
        self._held = rows
        cells = [row.cells for row in rows if not row.fault]
        numeric = [any(_is_number(row.get(name)) for row in cells) for name in names]
        if options.columns is not None:
            wanted = (part for name in options.columns for part in _parts(name, names))
            self.options = replace(options, columns=tuple(wanted))
        time, taken = self.select(names, numeric, "the values of the first line are none")
        self._wanted = [names[i] for i in ([] if time is None else [time]) + taken]
        self._too_many = _ends_of_lists(names, self._wanted)

    def _first_rows(self) -> list[Row]:
        """Return the rows up to the first one that can be used."""
        rows: list[Row] = []
        while more := self._gather(1):
            rows += more
            if not more[0].fault:
                return rows
            if not self.options.skip_bad_rows:
                break
        if not rows:
            raise SourceError(f"{self.path}: is empty")
        line, fault = rows[0].line, rows[0].fault
        if self.options.skip_bad_rows:
            raise SourceError(f"{self.path}: no row can be used; line {line}: {fault}")
        raise BadRowError(f"{self.place(line)}: {fault}")

    def _row(self, line: Line) -> Row:
        """Return the cells of a line by column."""
        try:
            value = json.loads(line.text)
        except RecursionError:
            return Row(line.number, {}, line.whole, "is nested too deeply")
        except ValueError as error:
            what = getattr(error, "msg", str(error))
            return Row(line.number, {}, line.whole, f"is not JSON on a line of its own: {what}")
        if isinstance(value, list):
            value = dict(zip(map(str, range(len(value))), value, strict=True))
        elif not isinstance(value, dict):
            return Row(line.number, {}, line.whole, "is neither an object nor a list")
        return Row(line.number, _flat(value), line.whole)

    def _parse(self, row: Row) -> list[float]:
        """Return the numbers wanted from a row."""
        cells: Cells = row.cells
        for name in self._too_many:
            if name in cells:
                raise BadRowError(f"{self.place(row.line)}: has a {name!r}, more than expected")
        values = []
        for name in self._wanted:
            cell = cells.get(name, _ABSENT)
            if cell is _ABSENT:
                raise BadRowError(f"{self.place(row.line)}: has no {name!r}")
            value = self._seconds(cell) if name == self.time_name else _value(cell)
            if not math.isfinite(value):
                place = f"{self.place(row.line)}, column {name!r}"
                hint = "; time must be a number or ISO 8601" if name == self.time_name else ""
                raise BadRowError(f"{place}: {_complaint(cell)}{hint}")
            values.append(value)
        return values

    def _seconds(self, cell: object) -> float:
        """Return a time in seconds, nan if the cell holds none."""
        if not isinstance(cell, str):
            return _value(cell) / self._unit
        try:
            return iso_seconds(cell.strip())
        except ValueError:
            return math.nan


def _flat(cells: Cells) -> Cells:
    """Return a row with lists taken apart."""
    if not any(isinstance(cell, list) for cell in cells.values()):
        return cells
    flat: Cells = {}
    for name, cell in cells.items():
        parts = enumerate(cell) if isinstance(cell, list) else None
        flat.update({name: cell} if parts is None else {f"{name}.{i}": part for i, part in parts})
    return flat


def _parts(name: str, names: list[str]) -> list[str]:
    """Return the columns of a list that is asked for by its key, else the name itself."""
    parts = [part for part in names if part.rpartition(".")[0] == name and _ends_in_index(part)]
    return parts if parts and name not in names else [name]


def _ends_of_lists(names: list[str], wanted: list[str]) -> list[str]:
    """Return the columns that a row would have if a list of it were too long."""
    if names == [str(i) for i in range(len(names))]:
        return [str(len(names))]
    stems = {name.rpartition(".")[0] for name in wanted if _ends_in_index(name)}
    return [f"{stem}.{len(_parts(stem, names))}" for stem in sorted(stems) if stem]


def _ends_in_index(name: str) -> bool:
    return name.rpartition(".")[2].isdecimal()


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _value(cell: object) -> float:
    """Return a number, nan for what is none, inf for what is too large."""
    if not isinstance(cell, int | float) or isinstance(cell, bool):
        return math.nan
    try:
        return float(cell)
    except OverflowError:
        return math.inf


def _complaint(cell: object) -> str:
    if isinstance(cell, float):
        return f"{json.dumps(cell)} is not a finite number"
    if _is_number(cell):
        return "the number is too large"
    return f"{reprlib.repr(json.dumps(cell))[1:-1]} is not a number"
