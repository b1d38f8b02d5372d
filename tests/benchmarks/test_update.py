"""Which way of a peer is timed beside replaced points."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import budget
from benchmarks import update_performance as bench
from benchmarks.replacements import Windows


def test_a_first_run_that_is_held_up_leaves_no_peer_out(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = Windows("lorenz", 64, 1, "always")
    monkeypatch.setattr(bench.giotto_ph, "available", lambda: True)
    monkeypatch.setattr(bench.giotto_ph, "bars", lambda D, variant: windows.bars())
    asked: dict[tuple[int, str], int] = {}

    def timed(run: Any) -> tuple[float, Any]:
        (D, variant), bars = run.args, run()
        again = asked[len(D), variant] = asked.get((len(D), variant), 0) + 1
        slow = variant == "collapse_edges"
        return (4.0 if len(D) == 32 and again == 1 and not slow else 1.0 if slow else 0.1), bars

    monkeypatch.setattr(budget, "timed", timed)
    row = bench.Row("lorenz", 64)
    args = bench._arguments(["--n=64", "--peer-limit=12"])
    assert bench._fastest_giotto(row, windows, args) == "default"
    assert not any("default" in note for note in row.notes)
