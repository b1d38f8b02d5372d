"""Where the time of a stream goes: wrappers around one stream's own parts, nothing when off.

The engine tells the seconds of its phases with every diagram; cover, intake and hooks are timed
from outside, by replacing methods of these objects alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aura_tda_gpu import MultiScaleStream
from aura_tda_gpu.streaming.window_update import WindowUpdate

from .latencies import Latencies

__all__ = ["STAGES", "StageTimes", "stage_table"]

STAGES = (
    "ingest",
    "cover",
    "distance",
    "mark",
    "recheck",
    "sweep",
    "forest",
    "reduce",
    "diagram",
    "track",
    "vectorise",
    "emit",
)
# phases of the engines that belong to a stage
_PHASES = {"commit": "distance", "radius": "distance", "keys": "sweep", "lune": "sweep"}
_EVENTS = 200_000  # of a trace: about 30 MB


class StageTimes:
    """Seconds of each stage, and what a Chrome trace needs.

    ``diagram`` is what a tick takes beyond cover and engine: bars, ids and Python between them.

    Parameters
    ----------
    start : float
        `time.perf_counter` of the time 0 of the trace.
    """

    def __init__(self, start: float) -> None:
        self.seconds: dict[tuple[str, str], Latencies] = {}
        self.events: list[dict[str, Any]] = []
        self.cut = False
        self._start = start
        self._told: dict[str, int] = {}
        self._inner = 0.0  # seconds of the cover in the tick under way
        self._covered = 0.0  # when the cover was last left

    def attach(self, stream: MultiScaleStream) -> None:
        """Time the parts of a stream that has taken its first point."""
        self._around_all(stream, "ingest", ("check", "take"))
        for lane in stream._lanes:
            scale, window = lane.scale.window_id, lane.window
            cover = window._landmarks
            cover.take = self._around("cover", scale, cover.take)  # type: ignore[method-assign]
            cover.choose = self._around("cover", scale, cover.choose)  # type: ignore[method-assign]
            window.fill = self._less_cover(scale, window.fill)  # type: ignore[method-assign]
            window.tick = self._tick(scale, window.tick)  # type: ignore[method-assign]

    def hook(self, stage: str, hook: Callable[[Sequence[WindowUpdate]], None]) -> Any:
        """Return a hook that is timed."""
        return self._around(stage, "all", hook)

    def emit(self, emit: Callable[[WindowUpdate], None]) -> Callable[[WindowUpdate], None]:
        """Return a subscriber that is timed."""
        timed: Callable[[WindowUpdate], None] = self._around("emit", "all", emit)
        return timed

    def table(self) -> list[dict[str, Any]]:
        """Return a row for each stage and scale: calls, seconds, median and largest."""
        order = {stage: i for i, stage in enumerate(STAGES)}
        rows = [
            {
                "stage": stage,
                "scale": scale,
                "calls": len(found),
                "seconds": (found.mean or 0.0) * len(found),
                "median_s": found.quantile(0.5),
                "p99_s": found.quantile(0.99),
                "largest_s": found.largest,
            }
            for (stage, scale), found in self.seconds.items()
        ]
        return sorted(rows, key=lambda row: (order.get(row["stage"], 99), row["scale"]))

    def write_trace(self, path: Path) -> None:
        """Write the events in the format that chrome://tracing and Perfetto read."""
        lanes = sorted({event["tid"] for event in self.events})
        names = [
            {"name": "thread_name", "ph": "M", "pid": 1, "tid": i, "args": {"name": lane}}
            for i, lane in enumerate(lanes)
        ]
        number = {lane: i for i, lane in enumerate(lanes)}
        events = [{**event, "tid": number[event["tid"]]} for event in self.events]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"traceEvents": names + events, "displayTimeUnit": "ms"}))

    def _around_all(self, owner: Any, stage: str, names: Sequence[str]) -> None:
        for name in names:
            setattr(owner, name, self._around(stage, "all", getattr(owner, name)))

    def _around(self, stage: str, scale: str, call: Callable[..., Any]) -> Any:
        def timed(*args: Any, **given: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*args, **given)
            finally:
                end = time.perf_counter()
                if stage == "cover":
                    self._inner += end - start
                    self._covered = end
                self._note(stage, scale, start, end)

        return timed

    def _less_cover(self, scale: str, call: Callable[..., Any]) -> Any:
        """Count what filing rows takes beside the cover as intake."""

        def timed(*args: Any, **settings: Any) -> Any:
            self._inner, start = 0.0, time.perf_counter()
            try:
                return call(*args, **settings)
            finally:
                end = time.perf_counter()
                self._note("ingest", scale, start, end, end - start - self._inner)

        return timed

    def _tick(self, scale: str, call: Callable[..., WindowUpdate]) -> Any:
        def timed(t_ns: int) -> WindowUpdate:
            self._inner, start = 0.0, time.perf_counter()
            update = call(t_ns)
            end = time.perf_counter()
            rest = end - start - self._inner
            at = max(start, self._covered)  # the engine begins when landmarks are chosen
            for stage, seconds in self._phases(scale, update).items():
                self._note(stage, scale, at, at + seconds)
                at += seconds
                rest -= seconds
            self._note("diagram", scale, at, max(at, end), max(0.0, rest))
            return update

        return timed

    def _phases(self, scale: str, update: WindowUpdate) -> dict[str, float]:
        """Return the seconds of the engine's phases; none where the diagram is that of before."""
        told = update.diagram.info.get("seconds")
        if told is None or self._told.get(scale) == id(told):
            return {}
        self._told[scale] = id(told)
        phases: dict[str, float] = {}
        for phase, seconds in told.items():
            stage = _PHASES.get(phase, phase)
            phases[stage] = phases.get(stage, 0.0) + seconds
        return phases

    def _note(
        self, stage: str, scale: str, start: float, end: float, own: float | None = None
    ) -> None:
        """Count ``own`` seconds of a span: all of it, if left out."""
        seconds = end - start if own is None else own
        self.seconds.setdefault((stage, scale), Latencies(kept=4096)).add(seconds)
        if len(self.events) >= _EVENTS:
            self.cut = True
            return
        self.events.append(
            {
                "name": stage,
                "ph": "X",
                "pid": 1,
                "tid": scale,
                "ts": self._ns(start) / 1000,
                "dur": (self._ns(end) - self._ns(start)) / 1000,
            }
        )

    def _ns(self, moment: float) -> int:
        """Return whole nanoseconds, so that spans that touch do not overlap."""
        return round(1e9 * (moment - self._start))


def stage_table(rows: Sequence[dict[str, Any]], seconds: float) -> str:
    """Return the rows of `StageTimes.table` as text, with shares of a run's seconds."""
    lines = [
        f"{'stage':<11}{'scale':<16}{'calls':>8}{'seconds':>9}{'of run':>8}{'median us':>11}"
        f"{'p99 us':>10}{'largest us':>12}"
    ]
    for row in rows:
        cells = ["-" if s is None else f"{1e6 * s:.0f}" for s in (row["median_s"], row["p99_s"])]
        lines.append(
            f"{row['stage']:<11}{row['scale']:<16}{row['calls']:>8}{row['seconds']:>9.2f}"
            f"{row['seconds'] / seconds:>8.1%}{cells[0]:>11}{cells[1]:>10}"
            f"{1e6 * (row['largest_s'] or 0.0):>12.0f}"
        )
    total = sum(row["seconds"] for row in rows)
    lines.append(f"{'all':<35}{total:>9.2f}{total / seconds:>8.1%}")
    return "\n".join(lines)
