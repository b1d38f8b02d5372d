"""Diagrams of many windows are read when they are asked for, each by itself."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from aura_tda_gpu.persistence.bars import bars_of
from aura_tda_gpu.persistence.diagram import Diagram
from aura_tda_gpu.persistence.engine import EngineResult
from aura_tda_gpu.persistence.many_bars import bars_of_many
from aura_tda_gpu.persistence.many_diagrams import DiagramOfMany, ManyResults
from aura_tda_gpu.persistence.many_slot_bars import bars_of_windows
from tests.persistence.test_many_bars import N, assert_same, drawn

SECONDS = {"lune": 1.0, "pairs": 2.0}
SHARED = {"backend": "cuda", "device": {"name": "mine"}}


@pytest.fixture(params=[bars_of_many, bars_of_windows])
def both(request):
    """Results of five windows, and the diagram of each by itself."""
    found = drawn(1, 5, 7, 3)
    results = ManyResults(request.param(found, (0, 1)), lambda w: {"r_enc": 10.0 + w}, {**SECONDS})
    truth = [Diagram(EngineResult(*bars_of(paired, (0, 1), N))) for paired in found]
    return results, truth


def test_they_are_those_of_results_one_by_one(both):
    results, truth = both
    diagrams = list(results.diagrams(SHARED))
    assert len(diagrams) == len(results) == 5
    for w, (diagram, its_truth) in enumerate(zip(diagrams, truth, strict=True)):
        assert_same(diagram, its_truth)
        assert_same(Diagram(results[w]), its_truth)
        assert repr(diagram) == repr(its_truth)
        assert len(diagram) == len(its_truth)
        assert diagram.nbytes > sum(diagram[k].nbytes for k in (0, 1))
        cycles = [diagram.cycle(1, i) for i in range(len(diagram[1]))]
        assert cycles == [its_truth.cycle(1, i) for i in range(len(its_truth[1]))]
        assert diagram.info == {"r_enc": 10.0 + w, "seconds": SECONDS, **SHARED}
        assert diagram.error_bound == 0.0
    assert_same(Diagram(results[-1]), truth[-1])
    assert len(results[1:4]) == 3
    with pytest.raises(IndexError):
        results[5]


def test_what_is_changed_of_one_is_its_own(both):
    one, other = list(both[0].diagrams(SHARED))[:2]
    one.info["seconds"]["lune"] = one.info["device"]["name"] = None
    one.truncated[1] = one.birth_edges[1] = one.death_edges[1] = None
    one.info["new"] = 1
    assert one.info["new"] == 1
    assert other.info == {"r_enc": 11.0, "seconds": SECONDS, **SHARED}
    assert other.truncated[1] is not None
    assert SHARED["device"] == {"name": "mine"}


@pytest.mark.parametrize("is_read", [False, True])
def test_copies_and_pickles(both, is_read):
    results, truth = both
    diagram = list(results.diagrams(SHARED))[3]
    if is_read:
        assert_same(diagram, truth[3])
        diagram.info["new"] = 1
    shallow, deep = copy.copy(diagram), copy.deepcopy(diagram)
    sent = pickle.dumps(diagram)
    for other in (shallow, deep, pickle.loads(sent)):
        assert other.info == diagram.info
        assert other.info is not diagram.info
        assert other.error_bound == 0.0
        for k in (0, 1):
            assert np.array_equal(other[k], truth[3][k])
            assert np.array_equal(other.death_edges[k], truth[3].death_edges[k])
        if 1 in truth[3].dimensions and len(truth[3][1]):
            assert other.cycle(1, 0) == truth[3].cycle(1, 0)
    assert type(deep) is Diagram
    assert isinstance(shallow, DiagramOfMany)
    assert len(sent) < len(pickle.dumps([results[w].bars for w in range(5)]))
