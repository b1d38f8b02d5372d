"""What is said while and after a run."""

from __future__ import annotations

import io
import json

from rich.console import Console

from aura_tda_gpu.cli.progress import Report, count
from aura_tda_gpu.streaming.stats import StreamStats

from .fakes import FakeSource, update

UPDATE = update([(1.0, 3.0), (1.0, 2.0)])


def shown(terminal, live=True):
    """Return what a report of two steps writes."""
    file = io.StringIO()
    report = Report(Console(file=file, force_terminal=terminal, width=100), live=live)
    with report:
        report.step(100, [UPDATE, UPDATE], 0.5)
        report.step(50, [], 1.0)
    return report, file.getvalue()


def test_a_live_line_on_a_terminal():
    _, text = shown(terminal=True)
    assert "150 points" in text
    assert "2 ticks  last 2.0 ms" in text


def test_nothing_where_nobody_looks():
    assert shown(terminal=False)[1] == ""
    assert shown(terminal=True, live=False)[1] == ""


def test_the_summary():
    report, _ = shown(terminal=False)
    assert report.summary(3).startswith("150 points, 2 ticks, 3 late, ")
    assert report.summary(3).endswith("latency of a tick p50 2.0 ms, p99 2.0 ms")
    assert "latency" not in Report(Console(file=io.StringIO())).summary(0)


def test_one_is_not_many():
    assert [count(n, "tick") for n in (0, 1, 2)] == ["0 ticks", "1 tick", "2 ticks"]
    report = Report(Console(file=io.StringIO()))
    report.step(1, [UPDATE], None)
    assert report.summary(0).startswith("1 point, 1 tick, 0 late, ")


def test_the_summary_for_machines():
    stats = StreamStats(150, 3, 7, {}, 5, None, 0)
    source = FakeSource([])
    source.bad_rows, source.cut_off = 2, True
    report, _ = shown(terminal=False)
    record = report.summary_record(stats, source, "interrupted")
    assert record.pop("seconds") > 0
    assert record.pop("points_per_second") > 0
    assert record == {
        "points": 150,
        "ticks": 2,
        "skipped_ticks": 0,
        "late": 3,
        "overflowed": 7,
        "bad_rows": 2,
        "cut_off": True,
        "latency_p50_seconds": 0.002,
        "latency_p99_seconds": 0.002,
        "reason": "interrupted",
    }
    nothing = Report(Console(file=io.StringIO())).summary_record(stats, source)
    assert nothing["latency_p50_seconds"] is nothing["latency_p99_seconds"] is None
    assert nothing["reason"] is None
    json.dumps(nothing, allow_nan=False)
