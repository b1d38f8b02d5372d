"""Sources of text, a row a line."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import BadRowError
from .base import TIME_UNITS, Chunk, Source, SourceOptions
from .lines import Line, LineFeed

__all__ = ["PEEKED_ROWS", "Row", "TextSource"]

PEEKED_ROWS = 100


class Row(NamedTuple):
    """What a line holds.

    Attributes
    ----------
    line : int
        Its number, from 1.
    cells : Any
        As the kind of source takes it.
    whole : bool
        False if the line has no end.
    fault : str
        Why it cannot be taken apart, or nothing.
    """

    line: int
    cells: Any
    whole: bool
    fault: str = ""


class TextSource(Source):
    """Rows of a feed of lines.

    Parameters
    ----------
    path, options
        As in `Source`.
    feed : LineFeed
        Where lines come from, at the start.
    """

    row_word = "line"

    def __init__(self, path: Path, options: SourceOptions, feed: LineFeed) -> None:
        super().__init__(path, options)
        self.live = feed.live
        self._feed = feed
        self._held: list[Row] = []
        self._unit = TIME_UNITS[options.time_unit]

    @abstractmethod
    def _row(self, line: Line) -> Row | None:
        """Take a line apart; None if it is no row."""

    @abstractmethod
    def _parse(self, row: Row) -> list[float]:
        """Return the numbers wanted from a row: time if there is a column of it, coordinates.

        Raises
        ------
        BadRowError
            If one of them cannot be used.
        """

    def chunks(self, size: int, patience: float | None = None) -> Iterator[Chunk]:
        """Yield the rows; see `Source.chunks`."""
        row_number = 0
        while (batch := self._next_rows(size, patience)) is not None:
            values: list[list[float]] = []
            rows: list[int] = []
            places: list[int] = []
            fault: BadRowError | None = None
            for row in batch:
                try:
                    if row.fault:
                        raise BadRowError(f"{self.place(row.line)}: {row.fault}")
                    values.append(self._parse(row))
                except BadRowError as error:
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
        """Return how much has been read, None for what has no known end."""
        return self._feed.fraction()

    def idle(self) -> bool:
        """Tell whether every row that has come so far has been taken."""
        return not self._held and self._feed.idle()

    def queue(self) -> tuple[int, int] | None:
        """Return how many lines wait to be taken, and how many may."""
        return self._feed.queue()

    @property
    def held_seconds(self) -> float:
        """How long the writer has been held back because its lines were not taken."""
        return self._feed.held_seconds

    def close(self) -> None:
        """Let go of the file."""
        self._feed.close()

    def _next_rows(self, size: int, patience: float | None) -> list[Row] | None:
        """Return some rows, none if none came in time, None at the end."""
        if self._held:
            rows, self._held = self._held[:size], self._held[size:]
            return rows
        lines = self._feed.get(size, patience)
        if not lines and self._feed.ended:
            return None
        return [row for line in lines if (row := self._row(line)) is not None]

    def _gather(self, n: int) -> list[Row]:
        """Return the next rows, fewer than ``n`` only at the end."""
        found: list[Row] = []
        while len(found) < n and (rows := self._next_rows(n - len(found), None)) is not None:
            found += rows
        return found

    def _chunk(self, values: list[list[float]], rows: list[int], places: list[int]) -> Chunk:
        n_times = self.time_name is not None
        table = np.array(values, np.float64).reshape(len(values), n_times + len(self.columns))
        numbers = np.array(rows, np.int64)
        rate = self.options.rate
        times = table[:, 0] if rate is None else numbers / rate
        return Chunk(table[:, n_times:], times, numbers, np.array(places, np.int64))
