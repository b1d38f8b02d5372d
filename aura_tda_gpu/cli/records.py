"""Window updates as lines of JSON; docs/output.md describes them."""

from __future__ import annotations

import json
import math
import os
import stat
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import numpy as np

from ..errors import ConfigError, SourceError
from ..streaming.window_update import WindowUpdate
from ..types import TDAStreamEvent

__all__ = ["UpdateWriter", "as_record"]

_OF_THE_ENGINE = ("path", "n_rechecked")
_OF_AN_EVENT = (
    "birth",
    "death",
    "persistence",
    "stability",
    "p_value",
    "significant",
    "certain",
    "group",
    "first_seen",
    "last_seen",
    "n_ticks",
    "cycle",
)


def as_record(update: WindowUpdate) -> dict[str, Any]:
    """Return one update as plain numbers, lists and None, ready for JSON.

    A bar is ``[birth, death, essential, truncated]``; its death is None while it is open.
    """
    return {
        "window_id": update.window_id,
        "timestamp": update.timestamp,
        "n_points": update.n_points,
        "n_vertices": update.n_vertices,
        "error_bound": update.error_bound if math.isfinite(update.error_bound) else None,
        "skipped_ticks": update.skipped_ticks,
        "n_overflowed": update.n_overflowed,
        "latency_seconds": round(update.latency_seconds, 6),
        "engine": {key: update.diagram.info.get(key) for key in _OF_THE_ENGINE},
        "bars": {str(k): _bars(update, k) for k in update.diagram.dimensions},
        "events": [_event(event) for event in update.events],
    }


class UpdateWriter:
    """Write updates to a file or to standard output, one a line, as they come.

    Parameters
    ----------
    target : str
        File name, or ``"-"``.
    source : str or int, optional
        File the data comes from, by name or descriptor, which must not be written over.

    Raises
    ------
    ConfigError
        If the file cannot be opened for writing.
    """

    def __init__(self, target: str, source: str | int | None = None) -> None:
        self.target = target
        self.lines = 0
        if target == "-":
            # Python has none if the process was started with it closed
            if sys.stdout is None:
                raise ConfigError("standard output is closed: name a file with --output")
            self._file: TextIO = sys.stdout
            return
        if not target:
            raise ConfigError("--output is empty: name a file, or - for standard output")
        path = Path(target)
        try:
            if source is not None and path.exists() and _same_file(path, source):
                raise ConfigError(f"--output {target}: this is the file the data comes from")
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise ConfigError(f"--output {target}: {error.strerror or error}") from error

    def write(self, updates: list[WindowUpdate]) -> None:
        """Write some updates and pass them on to the file at once.

        Raises
        ------
        BrokenPipeError
            If the reader of a pipe has gone.
        SourceError
            If the file takes no more.
        """
        try:
            for update in updates:
                self._file.write(json.dumps(as_record(update), allow_nan=False) + "\n")
            if updates:
                self._file.flush()
        except OSError as error:
            # what is left in the buffer has nowhere to go: closing must not try again
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())
            if isinstance(error, BrokenPipeError):
                raise
            raise SourceError(f"--output {self.target}: {error.strerror or error}") from error
        self.lines += len(updates)

    @property
    def on_terminal(self) -> bool:
        """Whether a person sees the lines as they are written."""
        return self._file.isatty()

    def __enter__(self) -> UpdateWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.target != "-":
            self._file.close()


def _event(event: TDAStreamEvent) -> dict[str, Any]:
    """Return what happened to a feature; an open bar has neither death nor persistence."""
    told = {key: event.metadata[key] for key in _OF_AN_EVENT}
    for key in ("death", "persistence"):
        told[key] = told[key] if math.isfinite(told[key]) else None
    return {
        "event_type": event.event_type,
        "feature_id": event.feature_id,
        "dimension": event.dimension,
        **told,
    }


def _same_file(path: Path, source: str | int) -> bool:
    # two names of one terminal or of /dev/null do not get in each other's way
    found = path.stat()
    return stat.S_ISREG(found.st_mode) and os.path.samestat(found, os.stat(source))


def _bars(update: WindowUpdate, dimension: int) -> list[list[Any]]:
    bars = update.diagram[dimension]
    # the shortest text that gives the same float32 back
    pairs = bars.astype("U32").astype(np.float64).tolist()
    return [
        [birth, death, False, False]
        if math.isfinite(death)
        else [birth, None, not truncated, bool(truncated)]
        for (birth, death), truncated in zip(
            pairs, update.diagram.truncated[dimension].tolist(), strict=True
        )
    ]
