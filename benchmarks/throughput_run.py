"""One load on some streams, each in a process of its own, all started at one moment."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .latencies import Latencies
from .open_loop import Load
from .record import ROOT

__all__ = ["LIMIT_S", "Outcome", "Prepared", "run_load"]

LIMIT_S = 0.1  # of the brief: an update comes within 100 ms
KEEPS_UP = 0.98  # of the offered points a second
LOST = ("dropped", "late", "overflowed", "skipped_ticks")
_AHEAD_S = 0.2

Told = Callable[[str, float], None]


@dataclass
class Outcome:
    """What a load came to, all streams together.

    Attributes
    ----------
    load : Load
        Offered to each stream.
    streams : list of dict
        What each process told.
    latencies : dict of str to Latencies
        By scale.
    """

    load: Load
    streams: list[dict[str, Any]]
    latencies: dict[str, Latencies] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for told in self.streams:
            for name, found in told["latencies"].items():
                self.latencies.setdefault(name, Latencies()).add_all(Latencies.from_dict(found))

    @property
    def all_latencies(self) -> Latencies:
        """Those of all scales."""
        found = Latencies()
        for of_scale in self.latencies.values():
            found.add_all(of_scale)
        return found

    @property
    def depth(self) -> Latencies:
        """Points that waited in the queue of a stream."""
        found = Latencies()
        for told in self.streams:
            found.add_all(Latencies.from_dict(told["depth"]))
        return found

    def total(self, key: str) -> float:
        """Return the sum of a figure over the streams."""
        return sum(told[key] for told in self.streams)

    @property
    def seconds(self) -> float:
        """Until the slowest stream was done."""
        return float(max(told["seconds"] for told in self.streams))

    @property
    def points_per_s(self) -> float:
        """Points taken a second, all streams together."""
        return self.total("taken") / self.seconds

    @property
    def offered_per_s(self) -> float:
        """Points offered a second, all streams together."""
        return self.load.rate_hz * len(self.streams)

    @property
    def worst(self) -> float | None:
        """The largest p99 of a scale, or maximum of one with few ticks; None without a tick."""
        highs = [of_scale.high()[1] for of_scale in self.latencies.values()]
        known = [high for high in highs if high is not None]
        return max(known, default=None)

    @property
    def lost(self) -> float:
        """Points that were dropped, late or pushed out of a full window, and ticks left out."""
        return sum(self.total(key) for key in LOST)

    @property
    def trouble(self) -> str:
        """What speaks against the load being borne; empty where nothing does."""
        lost = {key: self.total(key) for key in LOST if self.total(key)}
        if lost:
            return ", ".join(f"{n:,.0f} {key.replace('_', ' ')}" for key, n in lost.items())
        if self.points_per_s < KEEPS_UP * self.offered_per_s:
            return f"only {self.points_per_s:,.0f} points/s taken"
        if self.worst is None:
            return "no update in this time"
        return "" if self.worst < LIMIT_S else f"latency {1e3 * self.worst:.0f} ms"

    @property
    def bears(self) -> bool:
        """Whether the streams kept up: all latencies within the limit, and nothing was lost."""
        return not self.trouble


def run_load(
    load: Load, streams: int, told: Told = lambda phase, share: None, trace: Path | None = None
) -> Outcome:
    """Offer a load to some streams, each with a seed of its own.

    Raises
    ------
    SystemExit
        If a process fails, with what it said.
    """
    with Prepared(load, streams, trace) as prepared:
        return prepared.serve(told)


class Prepared:
    """Streams that fill their windows from now on, and wait for their load.

    Parameters
    ----------
    load : Load
        Offered to each.
    streams : int
        How many; each has a seed of its own.
    trace : Path, optional
        For the trace of the first one.
    """

    def __init__(self, load: Load, streams: int, trace: Path | None = None) -> None:
        self._load = load
        self._children = [
            _Child(replace(load, seed=load.seed + i), trace if i == 0 else None)
            for i in range(streams)
        ]

    def __enter__(self) -> Prepared:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.stop()

    def fill(self, told: Told = lambda phase, share: None) -> None:
        """Wait until all windows are full, or a process has failed."""
        self._children[0].told = told
        for child in self._children:
            child.ready.wait()

    def serve(self, told: Told = lambda phase, share: None) -> Outcome:
        """Offer the load, and return what it came to; see `run_load`."""
        self.fill(told)
        start = time.monotonic() + _AHEAD_S
        for child in self._children:
            child.go(start)
        return Outcome(self._load, [child.result() for child in self._children])


class _Child:
    """A process that serves one stream."""

    def __init__(self, load: Load, trace: Path | None) -> None:
        self.ready = threading.Event()
        self.told: Told = lambda phase, share: None
        self._found: dict[str, Any] | None = None
        self._error = ""
        case = {**asdict(load), "trace": None if trace is None else str(trace)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.throughput_child", json.dumps(case)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._errors = threading.Thread(target=self._read_errors, daemon=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._errors.start()
        self._reader.start()

    def go(self, start: float) -> None:
        """Tell the process when to start."""
        stdin = self._process.stdin
        assert stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has failed: `result` says why
            stdin.write(f"{start!r}\n")
            stdin.flush()

    def result(self) -> dict[str, Any]:
        """Return what the process told, once it is over."""
        self._reader.join()
        self._errors.join()
        code = self._process.wait()
        if self._found is None or code:
            sys.exit(self._error.strip() or f"a stream ended with code {code} and said nothing")
        return self._found

    def stop(self) -> None:
        """End the process if it still runs, and close its pipes."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for thread in (self._reader, self._errors):
            thread.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # of what it never read
                pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            if "ready" in told:
                self.ready.set()
            elif "phase" in told:
                self.told(told["phase"], told["share"])
            elif "result" in told:
                self._found = told["result"]
            elif "error" in told:
                self._error = told["error"]
        self.ready.set()

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        told = self._process.stderr.read()
        self._error = self._error or told
