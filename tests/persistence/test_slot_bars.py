"""Bars of a window come in the order that a diagram gives the bars of any engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aura_tda_gpu import RipsWindow
from aura_tda_gpu.persistence.diagram import Diagram
from aura_tda_gpu.persistence.edge_keys import LARGEST, pattern_of
from aura_tda_gpu.persistence.engine import EngineResult
from aura_tda_gpu.persistence.kernels import bar_rows
from aura_tda_gpu.persistence.lune_state import LuneState
from tests.persistence.test_window_state import pairwise
from tests.persistence.window_checks import cloud

N = 64


def assert_same(one, other):
    assert one.dimensions == other.dimensions
    for k in one.dimensions:
        assert np.array_equal(one[k], other[k])
        for name in ("birth_edges", "death_edges", "truncated"):
            assert np.array_equal(getattr(one, name)[k], getattr(other, name)[k])
    if 1 in one.dimensions:
        for row in range(-len(one[1]), len(one[1])):
            assert one.cycle(1, row) == other.cycle(1, row)


@pytest.mark.parametrize("threshold", [np.inf, 1.5, 0.0])
@pytest.mark.parametrize("seed", range(24))
def test_the_order_is_that_of_bars_in_any_order(seed, threshold):
    rng = np.random.default_rng(seed)
    points = cloud(rng, int(rng.integers(1, 60)), int(rng.integers(1, 4)))
    if seed % 3:
        points = np.floor(points * (1 + seed % 4)).astype(np.float32)
    slots = np.sort(rng.permutation(N)[: len(points)])
    limit = min(LARGEST, pattern_of(threshold))
    state = LuneState(N, points.shape[1], "euclidean", limit, 1)
    state.build(pairwise(points, "euclidean"), points, slots)
    result = state.result([(0, 1), (1,), (0,)][seed % 7 % 3])
    shuffled, order = {}, np.arange(0)
    for k, bars in result.bars.items():
        n_alike = int(np.isinf(bars.deaths).sum()) if k == 0 else 0
        order = np.arange(len(bars.births))
        order[n_alike:] = n_alike + rng.permutation(len(order) - n_alike)
        shuffled[k] = replace(bars.at(order), in_order=None)
    loops = result.loop_edges
    jumbled = None if loops is None else lambda i: loops(int(order[i]))
    assert_same(Diagram(result), Diagram(EngineResult(shuffled, jumbled)))


def test_a_hole_among_the_slots_compiles_nothing_anew(rng):
    window = RipsWindow(20, 2, updates="always")
    window.insert(rng.normal(size=(20, 2)))
    window.diagram()
    window.replace(window.ids[:1], rng.normal(size=(1, 2)))
    window.diagram()
    kernels = bar_rows.all_bars, bar_rows.component_bars, bar_rows.loop_bars
    before = [len(kernel.signatures) for kernel in kernels]
    window.remove(window.ids[:1])
    assert len(window.diagram()[0]) == 19
    assert [len(kernel.signatures) for kernel in kernels] == before
