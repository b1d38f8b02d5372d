"""One point replaced: a window that updates in place beside the incremental update of Oineus."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

from aura_tda_gpu.persistence.backends import usable_cores

from .comparison import assert_equal, timed
from .peak_memory import MB, forget_peak, process_memory
from .peers import oineus_py
from .replacements import UPDATED, WARM_UP, Samples, Windows

__all__ = ["replace_one_in_both"]

BYTES_A_SIMPLEX = 1000  # half of what complexes of 256 points take
ALONE, FRESH = "oineus, update alone", "oineus, fresh"


def replace_one_in_both(
    clouds: list[str],
    sizes: list[int],
    runs: int,
    limit_mb: float,
    say: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """Let Oineus go through the same replacements, on sizes whose complex it can hold.

    Parameters
    ----------
    clouds : list of str
        Names.
    sizes : list of int
        Points of a window.
    runs : int
        Timed updates.
    limit_mb : float
        Memory that Oineus may take; what a size takes is told from the size before.
    say : callable
        Gets each line of the table; by default it is printed.
    """
    say = partial(print, flush=True) if say is None else say
    if not sizes:
        return []
    if not oineus_py.available():
        say(f"\noineus is not installed: {oineus_py.INSTALL}")
        return []
    say("\none point replaced, ours and the incremental update of Oineus; medians in ms")
    say(
        f"{'':<20}{'n':>6}{'ours':>9}{'oineus':>10}{'ratio':>9}{'alone':>10}{'fresh':>9}"
        f"{'simplices':>11}{'MB':>7}"
    )
    rows = []
    peaks: dict[int, float] = {}
    for name in clouds:
        for n in sorted(sizes):
            needed = _predicted_mb(peaks, n)
            refusal = oineus_py.too_large(n) if needed is None else None
            if refusal or (needed or 0.0) > limit_mb:
                note = f"not run: {refusal or f'about {needed:.0f} MB predicted'}"
                rows.append({"cloud": name, "n": n, "note": note})
                say(f"{name:<20}{n:>6}  {note}")
                continue
            rows.append(_row(name, n, runs))
            least = rows[-1]["simplices"] * BYTES_A_SIMPLEX / MB
            peaks[n] = max(rows[-1]["peak_mb"], least, peaks.get(n, 0.0))
            say(_line(rows[-1]))
    return rows


def _predicted_mb(peaks: dict[int, float], n: int) -> float | None:
    """Return the memory of a size, which grows with the triangles, from the next smaller one."""
    smaller = max((m for m in peaks if m <= n), default=None)
    return None if smaller is None else peaks[smaller] * (n / smaller) ** 3


def _row(name: str, n: int, runs: int) -> dict[str, Any]:
    baseline = process_memory("VmRSS")
    forget_peak()
    windows = Windows(name, n, runs + WARM_UP, "always")
    for _ in range(WARM_UP):
        windows.replace(1, Samples())
    held = oineus_py.IncrementalRips(windows.distances(), usable_cores())
    samples, alone, fresh = Samples(), [], []
    for _ in range(runs):
        windows.replace(1, samples)
        D = windows.distances()
        whole, inner = timed(lambda D=D: held.update(D))
        reading, bars = timed(held.bars)
        anew, anew_bars = timed(lambda D=D: held.fresh_bars(D))
        for who, found in ((oineus_py.NAME, bars), (FRESH, anew_bars)):
            assert_equal(windows.bars(), found, f"{who}, {name}, n = {n}")
        samples.seconds.setdefault(oineus_py.NAME, []).append(whole + reading)
        alone.append(inner)
        fresh.append(anew)
    samples.seconds |= {ALONE: alone, FRESH: fresh}
    medians = {who: statistics.median(seconds) for who, seconds in samples.seconds.items()}
    return {
        "cloud": name,
        "n": n,
        "samples": samples.seconds,
        "medians": medians,
        "ratio": medians[oineus_py.NAME] / medians[UPDATED],
        "simplices": len(held),
        "peak_mb": (process_memory("VmHWM") - baseline) / MB,
    }


def _line(row: dict[str, Any]) -> str:
    ours, whole, alone, fresh = (
        1000 * row["medians"][who] for who in (UPDATED, oineus_py.NAME, ALONE, FRESH)
    )
    return (
        f"{row['cloud']:<20}{row['n']:>6}{ours:>9.2f}{whole:>10.1f}{row['ratio']:>8.1f}x"
        f"{alone:>10.1f}{fresh:>9.1f}{row['simplices']:>11}{row['peak_mb']:>7.0f}"
    )
