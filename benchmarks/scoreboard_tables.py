"""Tables of the scoreboard, each from one record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .peers import PEERS

__all__ = ["TABLES", "figure_rows", "markdown", "unmeasured_parts"]

Record = Mapping[str, Any]
_LARGEST_TABLE = 1024  # points of a cloud for which every peer has a column
_OURS = "ours"
NONE = "-"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


def figure_rows(figures: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return name, value, target and verdict of each figure."""
    rows = []
    for told in figures:
        value = NONE if told["value"] is None else _number(told["value"], told["unit"])
        wanted = ""
        if told["wanted"] is not None:
            sign = "≥" if told["at_least"] else "≤"
            wanted = f"{sign} {_number(told['wanted'], told['unit'])}"
        verdict = {True: "met", False: "**NOT met**", None: ""}[told["met"]]
        if told["met"] is None and told["wanted"] is not None:
            verdict = "not measured"
        note = "; ".join(part for part in (verdict, told["note"]) if part)
        rows.append([told["name"], value, wanted, note])
    return rows


def _number(value: float, unit: str) -> str:
    digits = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{digits} {unit}".rstrip()


def throughput(told: Record) -> list[str]:
    """Return a row for each load and scale."""
    head = ["source", "offered, points/s", "scale", "updates", "p50, ms", "p99, ms", "p99.9, ms"]
    head += ["largest, ms"]
    rows, notes = [], []
    for case in told["cases"]:
        load = case["load"]
        for i, (name, found) in enumerate(case["latency"].items()):
            if name == "all":
                continue
            who = [load["source"], f"{case['offered_per_s']:,.0f}"] if i == 1 else ["", ""]
            cells = [found[key] for key in ("p50", "p99", "p99.9", "largest")]
            ms = [NONE if s is None else f"{1e3 * s:.1f}" for s in cells]
            rows.append([*who, name, str(found["updates"]), *ms])
        peak = max(stream["peak_bytes"] for stream in case["streams"]) / 2**20
        notes.append(
            f"{load['source']} at {case['offered_per_s']:,.0f} points/s: "
            f"{case['points_per_s']:,.0f} taken a second, {case['ticks_per_s']:.0f} updates/s, "
            f"{case['dropped']:,.0f} points dropped, at most {case['queue']['largest']:,.0f} "
            f"waiting, {case['cpu_busy_cores']:.2f} cores busy, {peak:.0f} MB"
        )
    settings = told["cases"][0]["load"]
    first = (
        f"Points arrive at fixed times for {settings['duration_s']:g} s after windows were filled; "
        f"{settings['landmarks']} landmarks, {settings['dim']}-D. A latency runs from the arrival "
        "of the last point of a tick to the delivery of its update, waiting included; - stands "
        "where there are too few updates for a percentile."
    )
    return [first, markdown(head, rows), "\n".join(f"- {note}" for note in notes)]


def engine_performance(told: Record) -> list[str]:
    """Return the medians of every contender, and what each costs as clouds grow."""
    parts = []
    sizes = sorted({row["n"] for row in told["rows"]})
    chosen = max((n for n in sizes if n <= _LARGEST_TABLE), default=sizes[0])
    rows = [row for row in told["rows"] if row["n"] == chosen]
    peers = list(dict.fromkeys(p for row in rows for p in row["medians"] if p != _OURS))
    body = []
    for row in rows:
        cells = [_contender(row, peer) for peer in peers]
        body.append([row["cloud"], f"{1e3 * row['medians'][_OURS]:.1f}", *cells])
    parts.append(f"H0 and H1 of {chosen} points, ms; in brackets how many times as long as ours:")
    parts.append(markdown(["cloud", _OURS, *peers], body))
    absent = told.get("absent", {})
    others = {peer: _why_no_column(peer, rows) for peer in PEERS if peer not in (*peers, *absent)}
    lines = [f"- {peer}: {why}" for peer, why in {**absent, **others}.items()]
    if lines:
        parts.append("\n".join(lines))
    exponents = told.get("exponents")
    if exponents:
        head = ["time grows with", "contender", "exponent", "over"]
        lines = [
            [fit["with"], fit["who"], f"{fit['exponent']:.2f}", fit["over"]] for fit in exponents
        ]
        parts.append(markdown(head, lines))
    notes = [
        f"{row['cloud']}, n = {row['n']}: {note}" for row in told["rows"] for note in row["notes"]
    ]
    if notes:
        parts.append(
            f"Runs that were left out, {len(notes)} in all, have their reason in the record."
        )
    return parts


def _why_no_column(peer: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Say why a library has no time at this size."""
    notes = [note for row in rows for note in row["notes"] if note.startswith(peer)]
    return f"not run at this size ({notes[0]})" if notes else "not part of this record"


def _contender(row: Mapping[str, Any], peer: str) -> str:
    if peer not in row["medians"]:
        why = [note for note in row["notes"] if note.startswith(peer)]
        return "not run" if why else NONE
    ratio = row["medians"][peer] / row["medians"][_OURS]
    return f"{1e3 * row['medians'][peer]:.1f} ({ratio:.3g}x)"


def update_performance(told: Record) -> list[str]:
    """Return the medians and quartiles of one replaced point."""
    rows = []
    for row in told["replace_one"]:
        cells = [row["cloud"]]
        for who in ("updated", "rebuilt", "giotto-ph"):
            found = row["quartiles"].get(who)
            cells.append(NONE if found is None else _spread(found))
        rows.append(cells)
    n = told["settings"]["n"]
    head = ["cloud", "updated", "rebuilt", "giotto-ph"]
    return [f"One of {n} points replaced, ms, quartiles in brackets:", markdown(head, rows)]


def _spread(quartiles: Sequence[float]) -> str:
    low, middle, high = (1e3 * q for q in quartiles)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def gpu_performance(told: Record) -> list[str]:
    """Return the stages of rebuilds, peers, and whole calls of both engines."""
    rows = [
        [row["shape"], str(row["n"]), *(_stage(row, s) for s in _STAGES)]
        for row in told.get("stages") or []
    ]
    missing = [part for part, why in unmeasured_parts(told) if not why]
    parts = ["Stages of a rebuild, ms:", markdown(["cloud", "n", *_STAGES], rows)] if rows else []
    parts += _gpu_peers(told) + _gpu_sizes(told)
    if missing:
        parts.append(f"Asked for, and without a result in the record: {', '.join(missing)}.")
    return parts


def _gpu_peers(told: Record) -> list[str]:
    """Return whole diagrams of the peers; some may have been left out for time."""
    rows = told.get("peers") or []
    names = list(dict.fromkeys(who for row in rows for who in row["medians_s"]))
    if not names:
        return []
    cells = [
        [row["shape"], str(row["n"])]
        + [
            f"{1e3 * row['medians_s'][who]:.3g}" if who in row["medians_s"] else NONE
            for who in names
        ]
        for row in rows
    ]
    return ["Whole diagrams, ms:", markdown(["cloud", "n", *names], cells)]


def _gpu_sizes(told: Record) -> list[str]:
    """Return whole calls of both engines."""
    rows = told.get("sizes") or []
    jobs = list(dict.fromkeys(row["job"] for row in rows))
    if not jobs:
        return []
    medians = {(row["shape"], row["n"], row["job"]): row["medians_ms"] for row in rows}
    cells = []
    for shape, n in dict.fromkeys((row["shape"], row["n"]) for row in rows):
        both = (medians[shape, n, job] for job in jobs)
        cells.append([shape, str(n), *(f"{ms['cpu']:.3g}, {ms['cuda']:.3g}" for ms in both)])
    return [
        "Whole calls, ms, CPU with all cores, then GPU:",
        markdown(["cloud", "n", *jobs], cells),
    ]


def unmeasured_parts(told: Record) -> list[tuple[str, str]]:
    """Return the parts of a benchmark that were asked for and have no result, and why, if told."""
    failed = told.get("failed") or {}
    asked = told["settings"].get("only", [])
    return [(part, failed.get(part, "")) for part in asked if part in failed or part not in told]


def _stage(row: Mapping[str, Any], stage: str) -> str:
    ms = row["median_ms"].get(stage)
    return NONE if ms is None else f"{ms:.2f}"


_STAGES = ("distance", "radius", "lune", "sort", "forest", "reduce", "whole")
TABLES: dict[str, Callable[[Record], list[str]]] = {
    "engine_performance": engine_performance,
    "gpu_performance": gpu_performance,
    "throughput": throughput,
    "throughput_cuda": throughput,
    "update_performance": update_performance,
}
