"""Whatever an exception cuts short, the next diagram is right."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from aura_tda_gpu.errors import MemoryLimitError
from aura_tda_gpu.persistence import distances, lune_state, window_updates
from aura_tda_gpu.persistence.kernels import (
    bar_rows,
    edge_lists,
    forest,
    listing,
    recheck,
    reduction,
    replacement,
)
from aura_tda_gpu.persistence.vineyard_updates import RipsWindow
from tests.persistence.window_checks import assert_right, names_of

PACKAGE = "aura_tda_gpu/persistence"
STAGES = {
    "distances of the new points": (distances, "cross"),
    "mark": (listing, "list_part"),
    "commit": (replacement, "replace"),
    "edges of the new points": (edge_lists, "star"),
    "recheck": (recheck, "recheck"),
    "lists": (edge_lists, "merge"),
    "pairs": (lune_state, "pair_edges"),
    "forest": (forest, "parted"),
    "reduction": (reduction, "reduce_relations"),
    "bars": (lune_state, "bars_of_slots"),
    "bars of loops": (bar_rows, "all_bars"),
}


def changed_window():
    """A window in which 2 points have left and 3 have come since the last diagram."""
    rng = np.random.default_rng(3)
    window = RipsWindow(13, 2, threads=1, updates="always")
    window.insert(rng.normal(size=(10, 2)).astype(np.float32))
    window.diagram()
    window.replace([1, 2], rng.normal(size=(3, 2)).astype(np.float32))
    window.diagram()
    window.replace([4, 5], rng.normal(size=(3, 2)).astype(np.float32))
    return window


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, MemoryError], ids=lambda error: error.__name__
)
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_fails(monkeypatch, stage, error):
    module, name = STAGES[stage]
    window = changed_window()
    before = window.snapshot()
    calls = []

    def fail(*arguments):
        calls.append(name)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(module, name, fail)
        wanted = MemoryLimitError if error is MemoryError else error
        with pytest.raises(wanted):
            window.diagram()
    assert calls
    assert window.snapshot() == before
    assert assert_right(window).info["path"] == "rebuild"
    window.remove(window.ids[:1])
    assert assert_right(window).info["path"] == "update"


def interrupted(call, at):
    """Raise KeyboardInterrupt before a line of the package is run; tell whether it came so far."""
    left = at

    def line(frame, event, _):
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return line

    def enter(frame, event, _):
        return line if PACKAGE in frame.f_code.co_filename.replace("\\", "/") else None

    former = sys.gettrace()
    sys.settrace(enter)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(former)
    return False


@pytest.mark.parametrize("call", ["diagram", "verify", "changes"])
def test_an_interrupt_at_any_line(call):
    reference = changed_window()
    names = names_of(reference.diagram(), reference.ids)
    at = 1
    while True:
        window = changed_window()
        if not interrupted(getattr(window, call), at):
            break
        found = assert_right(window)
        assert names_of(found, window.ids) == names, at
        window.replace(window.ids[:1], np.full((1, 2), 0.5, np.float32))
        assert_right(window)
        at += 1
    assert at > 100


@pytest.mark.parametrize("call", ["replace", "remove", "insert"])
def test_an_interrupt_at_any_line_of_a_change(call):
    points = np.array([[0.5, 0.25]], np.float32)

    def change(window):
        arguments = {
            "replace": (window.ids[:2], points),
            "remove": (window.ids[:2],),
            "insert": (points,),
        }
        getattr(window, call)(*arguments[call])

    reference = changed_window()
    before = reference.snapshot()
    change(reference)
    after = reference.snapshot()
    at = 1
    while True:
        window = changed_window()
        if not interrupted(lambda window=window: change(window), at):
            break
        assert window.snapshot() in (before, after), at
        assert len(window) == len(window.ids)
        assert_right(window)
        at += 1
    assert at > 10


def test_a_cost_model_that_fails_loses_nothing(monkeypatch):
    window = changed_window()
    window._updates._costs = window_updates.CostModel(window_updates.machine_costs(window._engine))

    def fail(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(window_updates.CostModel, "updates", lambda *arguments: True)
        patch.setattr(window_updates.CostModel, "observe_update", fail)
        with pytest.raises(KeyboardInterrupt):
            window.diagram()
    assert_right(window)
