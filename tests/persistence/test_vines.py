"""What continues, is born and dies, against a model made of dictionaries."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_tda_gpu import vietoris_rips
from aura_tda_gpu.persistence.diagram import Diagram
from aura_tda_gpu.persistence.engine import Bars, EngineResult
from aura_tda_gpu.persistence.vines import Changes, compare

Ids: TypeAlias = npt.NDArray[np.int64]
Name: TypeAlias = tuple[frozenset[int], frozenset[int]]


def diagram_of(bars: dict[int, list[tuple[int, int, int, int]]]) -> Diagram:
    """A diagram with these birth and death edges, (-1, -1) for none, and arbitrary lengths."""
    found = {}
    for k, rows in bars.items():
        vertices = np.array(rows, np.int64).reshape(-1, 4)
        births = np.arange(len(rows), dtype=np.float32)
        open_bar = vertices[:, 2] < 0
        deaths = np.where(open_bar, np.float32(np.inf), births + 1 + births % 7)
        edges = vertices[:, :2], vertices[:, 2:]
        found[k] = Bars(births, deaths, *edges, np.zeros(len(rows), np.bool_))
    return Diagram(EngineResult(found, None, {}))


def names_of(diagram: Diagram, ids: Ids, dimension: int) -> list[Name]:
    """The name of each bar, ends in no order."""
    table = {-1: -1, **dict(enumerate(ids.tolist()))}
    if dimension not in diagram.dimensions:
        return []
    births = diagram.birth_edges[dimension].tolist()
    deaths = diagram.death_edges[dimension].tolist()
    return [
        (frozenset(table[v] for v in birth), frozenset(table[v] for v in death))
        for birth, death in zip(births, deaths, strict=True)
    ]


def model(before: list[Name], after: list[Name]) -> tuple[list[Any], list[int], list[int]]:
    """Continued rows, born rows and died rows, one bar after another."""
    free = defaultdict(list)
    for row, name in enumerate(before):
        free[name].append(row)
    continued, born = [], []
    for row, name in enumerate(after):
        if free[name]:
            continued.append([free[name].pop(0), row])
        else:
            born.append(row)
    return continued, born, sorted(row for rows in free.values() for row in rows)


def check(changes: Changes, before: Diagram, ids: Ids, after: Diagram, new_ids: Ids) -> None:
    """Compare with the model."""
    dimensions = sorted({*before.dimensions, *after.dimensions})
    assert list(changes.continued) == dimensions
    for k in dimensions:
        old, new = names_of(before, ids, k), names_of(after, new_ids, k)
        continued, born, died = model(old, new)
        assert changes.continued[k].shape == (len(continued), 2)
        assert changes.continued[k].tolist() == continued
        assert changes.born[k].tolist() == born
        assert changes.died[k].tolist() == died
        for names, edges in ((old, changes.before_edges[k]), (new, changes.after_edges[k])):
            assert edges.shape == (len(names), 4)
            assert [(frozenset(e[:2]), frozenset(e[2:])) for e in edges.tolist()] == names
            assert (edges[:, 0] <= edges[:, 1]).all()
            assert (edges[:, 2] <= edges[:, 3]).all()
        for held, diagram in ((changes.before[k], before), (changes.after[k], after)):
            assert np.array_equal(held, diagram[k] if k in diagram.dimensions else np.empty((0, 2)))


edge = st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(lambda e: e[0] != e[1])
none = st.just((-1, -1))
bar = st.tuples(st.one_of(none, edge), st.one_of(none, edge)).map(lambda b: (*b[0], *b[1]))
diagrams = st.dictionaries(st.integers(0, 2), st.lists(bar, max_size=12), max_size=3)
labels = st.lists(st.integers(0, 7), min_size=5, max_size=5, unique=True)


@given(diagrams, labels, diagrams, labels)
@settings(max_examples=300)
def test_random_diagrams_in_which_names_recur(first, ids, second, new_ids):
    before, after = diagram_of(first), diagram_of(second)
    old, new = np.array(ids, np.int64), np.array(new_ids, np.int64)
    check(compare(before, old, after, new), before, old, after, new)


@pytest.mark.parametrize("max_edge_length", [np.inf, 0.3])
def test_a_cloud_that_loses_points_and_gets_others(rng, max_edge_length):
    points = rng.random((90, 2))
    ids = rng.permutation(1000)[:90] + (1 << 40)
    old, new = ids[:70], np.concatenate([ids[80:], ids[10:70]])
    order = {name: row for row, name in enumerate(ids.tolist())}
    before, after = (
        vietoris_rips(points[[order[i] for i in some.tolist()]], max_edge_length=max_edge_length)
        for some in (old, new)
    )
    changes = compare(before, old, after, new)
    check(changes, before, old, after, new)
    assert min(len(part[0]) for part in (changes.continued, changes.born, changes.died)) > 0


def test_before_the_first_diagram_there_is_nothing(rng):
    after, ids = vietoris_rips(rng.random((20, 2))), np.arange(20)
    for before in (None, diagram_of({})):
        changes = compare(before, np.empty(0, np.int64), after, ids)
        check(changes, diagram_of({}), np.empty(0, np.int64), after, ids)
        assert changes.born[0].tolist() == list(range(20))


def test_nothing_changes_when_rows_and_vertices_only_change_places(rng):
    points = rng.random((60, 3)).astype(np.float32)  # else the first row is the origin
    order = rng.permutation(60)
    before, after = vietoris_rips(points), vietoris_rips(points[order])
    changes = compare(before, np.arange(60), after, order)
    for k in (0, 1):
        assert len(changes.continued[k]) == len(before[k])
        assert len(changes.born[k]) == len(changes.died[k]) == 0
        old, new = changes.continued[k].T
        assert np.array_equal(changes.before[k][old], changes.after[k][new])


def test_parts_that_never_merge_continue_as_many_as_are_in_both():
    no_name = (-1, -1, -1, -1)
    three, two = diagram_of({0: [no_name] * 3}), diagram_of({0: [no_name] * 2})
    fewer = compare(three, np.arange(3), two, np.arange(5, 7))
    assert fewer.continued[0].tolist() == [[0, 0], [1, 1]]
    assert (fewer.died[0].tolist(), fewer.born[0].tolist()) == ([2], [])
    more = compare(two, np.arange(2), three, np.arange(3))
    assert (more.died[0].tolist(), more.born[0].tolist()) == ([], [2])


@pytest.mark.parametrize("n", [50, 70_000])
def test_vertices_too_many_for_one_number_a_name(rng, n):
    ends = rng.integers(0, n - 1, (2000, 2))
    rows = np.stack([ends[:, 0], ends[:, 0] + 1, ends[:, 1], ends[:, 1] + 1], axis=1)
    before = diagram_of({1: rows[:1500].tolist()})
    after = diagram_of({1: rows[500:].tolist()})
    ids = np.arange(n)
    check(compare(before, ids, after, ids), before, ids, after, ids)


def test_in_words(rng):
    diagram = vietoris_rips(np.array([[0.0, 0.0], [1.0, 0.0]]))
    changes = compare(None, np.empty(0, np.int64), diagram, np.arange(2))
    words = "Changes(H0: 0 continued, 2 born, 0 died; H1: 0 continued, 0 born, 0 died)"
    assert repr(changes) == words.replace("; ", ", ")
