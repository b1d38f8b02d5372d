"""The ticks of a stream in forty plain lines: the ground truth for the real one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aura_tda_gpu.persistence.diagram import Diagram
from aura_tda_gpu.persistence.rips import vietoris_rips


@dataclass
class Tick:
    t_ns: int
    scale: int
    skipped: int
    ids: list[int]


def naive_ticks(
    events: list[tuple[str, int]], scales: list[tuple[int, int]], lateness: int, max_empty: int = 10
) -> tuple[list[Tick], int]:
    """Return the ticks of ("push" | "advance" | "flush", time) events, and how many are late.

    Scales are (duration, slide); all times are in nanoseconds, ids count the pushes.
    """
    mark = newest = -(2**70)
    accepted: list[tuple[int, int]] = []
    ticks: list[Tick] = []
    following: list[int | None] = [None] * len(scales)
    empty_run, skipped = [0] * len(scales), [0] * len(scales)
    seen = 0
    for kind, time in events:
        limits = None
        if kind == "push":
            if time >= mark:
                accepted.append((time, seen))
                newest = max(newest, time)
            seen += 1
            mark = max(mark, time - lateness)
        elif kind == "advance":
            mark = max(mark, time)
        elif accepted:
            ends = [(newest // slide + 1) * slide for _, slide in scales]
            limits = [max(mark, end) for end in ends] if max(ends) > mark else None
            mark = max(mark, *ends)
        released = [t for t, _ in accepted if t < mark]
        for s, (duration, slide) in enumerate(scales):
            if following[s] is None and released:
                following[s] = (min(released) // slide + 1) * slide
            while following[s] is not None and following[s] <= mark:
                end = following[s]
                following[s] += slide
                empty = not any(end - duration <= t < end for t, _ in accepted)
                if (limits and end > limits[s]) or (empty and empty_run[s] >= max_empty):
                    skipped[s] += 1
                    continue
                empty_run[s] = empty_run[s] + 1 if empty else 0
                ticks.append(Tick(end, s, skipped[s], []))
                skipped[s] = 0
    for tick in ticks:
        start = tick.t_ns - scales[tick.scale][0]
        tick.ids = [i for t, i in accepted if start <= t < tick.t_ns]
    return sorted(ticks, key=lambda tick: (tick.t_ns, tick.scale)), seen - len(accepted)


def same_bars(diagram: Diagram, points: npt.NDArray[np.float32], metric: str = "euclidean") -> bool:
    """Tell whether a diagram is exactly that of the points."""
    expected = vietoris_rips(points, metric=metric)
    return all(np.array_equal(diagram[k], expected[k]) for k in (0, 1))
