"""A stream of points: which columns to take, where time comes from, chunk by chunk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ...errors import ConfigError, SourceError

__all__ = ["FORMATS", "TIME_UNITS", "Chunk", "Source", "SourceOptions"]

FORMATS = ("auto", "csv", "jsonl", "npy", "parquet")
TIME_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What to take from a source.

    Parameters
    ----------
    time_column : str, optional
        Name of the column of event times, or its index from 0.
    time_unit : str
        One of `TIME_UNITS`.
    rate : float, optional
        Rows a second, for data without a time column: row ``i`` is at ``i / rate``.
    columns : tuple of str, optional
        Names or indexes of the coordinates; None takes every numeric column but time.
    skip_bad_rows : bool
        Leave out and count a row that cannot be used, instead of stopping there.
    format : str
        One of `FORMATS`; ``"auto"`` looks at what the source holds.
    follow : bool
        Wait for a file to grow, instead of stopping at its end.
    queue_rows : int
        Rows of a live source that may wait to be taken.
    slide_ns : int
        Shortest distance of two ticks: see `TableSource.in_seconds`.

    Raises
    ------
    ConfigError
        If time comes from nowhere or from two places, or a value is out of range.
    """

    time_column: str | None = None
    time_unit: str = "s"
    rate: float | None = None
    columns: tuple[str, ...] | None = None
    skip_bad_rows: bool = False
    format: str = "auto"
    follow: bool = False
    queue_rows: int = 10_000
    slide_ns: int = 0

    def __post_init__(self) -> None:
        if self.time_column is None and self.rate is None:
            raise ConfigError("where is time? give --time-column NAME, or --rate HZ without one")
        if self.time_column is not None and self.rate is not None:
            raise ConfigError("--time-column and --rate exclude each other: give one of them")
        if self.rate is not None and not 0 < self.rate < np.inf:
            raise ConfigError(f"--rate must be a number of rows a second above 0, not {self.rate}")
        if self.time_unit not in TIME_UNITS:
            known = ", ".join(TIME_UNITS)
            raise ConfigError(f"--time-unit must be one of {known}, not {self.time_unit!r}")
        if self.format not in FORMATS:
            known = ", ".join(FORMATS)
            raise ConfigError(f"--format must be one of {known}, not {self.format!r}")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a source, in its order.

    Attributes
    ----------
    points : ndarray of float64, shape (m, dim)
        Coordinates.
    times : ndarray of float64, shape (m,)
        Event times in seconds.
    rows : ndarray of int64, shape (m,)
        Position among the data rows, from 0, those that were skipped included.
    places : ndarray of int64, shape (m,)
        Where a person finds the row: see `Source.place`.
    """

    points: Float64Array
    times: Float64Array
    rows: Int64Array
    places: Int64Array

    @classmethod
    def empty(cls, dim: int) -> Chunk:
        """Return no rows of ``dim`` coordinates."""
        none = np.empty(0, np.int64)
        return cls(np.empty((0, dim)), np.empty(0), none, none)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.times)

    def __getitem__(self, index: slice | npt.NDArray[np.bool_]) -> Chunk:
        """Return some of the rows."""
        return Chunk(self.points[index], self.times[index], self.rows[index], self.places[index])


class Source(ABC):
    """Rows from somewhere.

    Parameters
    ----------
    path : Path
        The file, or a name for what is none.
    options : SourceOptions
        What to take from it.

    Attributes
    ----------
    live : bool
        Whether rows come at a pace of their own, and are to be used as they come.
    names : list of str
        All columns, by name or by index.
    columns : list of str
        Names of the coordinates taken.
    left_out : list of str
        Columns not taken because they hold no numbers.
    bad_rows : int
        Rows skipped so far.
    cut_off : bool
        The file ended in the middle of its last row, which was dropped.
    open_end : bool
        The last row had no line end, and was taken as it stood.
    time_name : str or None
        Name of the time column.
    """

    row_word = "row"
    live = False

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path = path
        self.options = options
        self.names: list[str] = []
        self.columns: list[str] = []
        self.left_out: list[str] = []
        self.bad_rows = 0
        self.cut_off = False
        self.open_end = False
        self.time_name: str | None = None

    @abstractmethod
    def chunks(self, size: int, patience: float | None = None) -> Iterator[Chunk]:
        """Yield the rows, at most ``size`` at a time.

        Parameters
        ----------
        size : int
            Largest number of rows in a chunk. A live source yields what is there.
        patience : float, optional
            Seconds after which a silent live source yields a chunk without rows; left out, it
            waits for ever.

        Raises
        ------
        SourceError
            At a row that cannot be used, after all rows before it have been yielded.
        """

    @abstractmethod
    def fraction(self) -> float | None:
        """Return how much of the file has been read, from 0 to 1, or None if unknown."""

    def idle(self) -> bool:
        """Tell whether a live source is silent: every row that has come has been taken."""
        return False

    def queue(self) -> tuple[int, int] | None:
        """Return how many rows wait to be taken and how many may; None without a queue."""
        return None

    @property
    def held_seconds(self) -> float:
        """How long the writer has been held back because its rows were not taken."""
        return 0.0

    def close(self) -> None:  # noqa: B027 - nothing to close is a valid way to close
        """Let go of the file."""

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def place(self, number: int) -> str:
        """Name a row so that a person finds it, from its entry in `Chunk.places`."""
        return f"{self.path}, {self.row_word} {number}"

    def select(
        self, names: Sequence[str], numeric: Sequence[bool], evidence: str = ""
    ) -> tuple[int | None, list[int]]:
        """Choose the columns.

        Parameters
        ----------
        names : sequence of str
            All columns of the file.
        numeric : sequence of bool
            Whether each of them holds numbers.
        evidence : str
            What stands where a number could be, for the message if there is none.

        Returns
        -------
        time : int or None
            Index of the time column.
        taken : list of int
            Indexes of the coordinates.

        Raises
        ------
        ConfigError
            If a column asked for does not exist, or was asked for twice.
        SourceError
            If there is nothing to take.
        """
        options, self.names = self.options, list(names)
        time = None
        if options.time_column is not None:
            time = self._find("--time-column", options.time_column, names)
            self.time_name = names[time]
        if options.columns is None:
            others = [i for i in range(len(names)) if i != time]
            taken = [i for i in others if numeric[i]]
            self.left_out = [names[i] for i in others if not numeric[i]]
        else:
            taken = [self._find("--columns", name, names) for name in options.columns]
        for i in taken:
            if taken.count(i) > 1:
                raise ConfigError(f"--columns: column {names[i]!r} was asked for twice")
        if not taken:
            beside = "" if time is None else f" beside the time column {names[time]!r}"
            found = f": {evidence}" if evidence else ""
            raise SourceError(f"{self.path}: there is no column of numbers{beside}{found}")
        self.columns = [names[i] for i in taken]
        return time, taken

    def _find(self, option: str, wanted: str, names: Sequence[str]) -> int:
        """Return the index of a column given by name, or else by index."""
        if names.count(wanted) > 1:
            raise ConfigError(
                f"{option}: {wanted!r} names several columns of {self.path}: give an index"
            )
        if wanted in names:
            return names.index(wanted)
        if wanted.isdecimal() and int(wanted) < len(names):
            return int(wanted)
        known = ", ".join(names)
        raise ConfigError(
            f"{option}: there is no column {wanted!r} in {self.path}; the columns are {known}"
        )
