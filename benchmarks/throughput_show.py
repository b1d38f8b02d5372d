"""What a person sees of a load: a bar while it runs, a table afterwards."""

from __future__ import annotations

from rich.console import Console

from aura_tda_gpu.cli.progress import LiveLine

from .latencies import QUANTILES, Latencies
from .peak_memory import MB
from .throughput_run import Outcome

__all__ = ["Display", "outcome_lines"]

PHASES = {"fill": "filling the windows", "run": "measuring"}


class Display(LiveLine):
    """A progress bar of a load on standard error."""

    def __init__(self, what: str) -> None:
        super().__init__(Console(stderr=True), text=f"{what}: starting")
        self._what = what

    def told(self, phase: str, share: float) -> None:
        """Show how far a phase is."""
        self.show(f"{self._what}: {PHASES.get(phase, phase)}", share)


def outcome_lines(outcome: Outcome) -> str:
    """Return the figures of one load as text."""
    load = outcome.load
    streams = len(outcome.streams)
    ticks = sum(len(of_scale) for of_scale in outcome.latencies.values())
    peak = max(told["peak_bytes"] for told in outcome.streams) / MB
    held = max(told["held_bytes"] for told in outcome.streams) / MB
    depth = outcome.depth
    lines = [
        f"\n{load.source}, {load.rate_hz:,.0f} points/s"
        + (f" to each of {streams} streams" if streams > 1 else "")
        + f" for {load.duration_s:g} s after {load.fill_s:g} s of filling, {load.landmarks} "
        f"landmarks, {load.dim}-D",
        f"taken {outcome.points_per_s:,.0f} points/s, {ticks / outcome.seconds:.1f} updates/s; "
        f"dropped {outcome.total('dropped'):,.0f}, late {outcome.total('late'):,.0f}, ticks left "
        f"out {outcome.total('skipped_ticks'):,.0f}",
        f"waiting points: mean {depth.mean or 0:.0f}, most {depth.largest or 0:.0f}",
        f"busy {outcome.total('cpu_s') / outcome.seconds:.2f} cores; process at most {peak:.0f} "
        f"MB, the stream holds {held:.0f} MB" + _device(outcome),
        "counted: from the arrival of a point to its update and features; no reading, no lines of "
        "JSON (aura-tda run --dry-run counts them)",
        f"{'latency, ms':<16}{'updates':>9}"
        + "".join(f"{name:>9}" for name in QUANTILES)
        + f"{'largest':>9}",
    ]
    rows = {**outcome.latencies, "all": outcome.all_latencies}
    lines += [_row(name, found) for name, found in rows.items()]
    lines += [f"  {name}: {why}" for name, found in rows.items() if (why := found.too_few())]
    return "\n".join(lines)


def _row(name: str, found: Latencies) -> str:
    quantiles = [found.quantile(q) for q in QUANTILES.values()] + [found.largest]
    cells = ["-" if s is None else f"{1e3 * s:.2f}" for s in quantiles]
    return f"{name:<16}{len(found):>9}" + "".join(f"{cell:>9}" for cell in cells)


def _device(outcome: Outcome) -> str:
    """Say what is known of the GPU."""
    told = outcome.streams[0]["device"]
    if told is None:
        return ""
    parts = []
    if told.get("busy_ratio") is not None:
        parts.append(f"GPU busy {told['busy_ratio']:.0%}")
    if told.get("memory_peak_bytes"):
        parts.append(f"GPU memory at most {told['memory_peak_bytes'] / MB:.0f} MB, all processes")
    if told.get("joules") is not None:
        parts.append(f"{told['joules']:.0f} J")
    return (
        "; " + ", ".join(parts) if parts else f"; GPU: {told.get('unavailable', 'tells nothing')}"
    )
