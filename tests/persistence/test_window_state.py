"""What is noted about each edge is true, is looked at again when it must be, and is checked."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from aura_tda_gpu.errors import StateCorruption
from aura_tda_gpu.persistence.distances import cross, pairwise
from aura_tda_gpu.persistence.kernels import certificates, mark, recheck, verify
from aura_tda_gpu.persistence.kernels.keys import edge_key
from aura_tda_gpu.persistence.lune_state import LuneState
from aura_tda_gpu.persistence.vineyard_updates import RipsWindow
from tests.persistence.window_checks import changing, cloud

INFINITE = np.uint32(0x7F800000)
LARGEST = INFINITE - np.uint32(1)
N = 64


def position(bits, a, b):
    """Place of an edge in the order."""
    return int(bits[a, b]), max(a, b), min(a, b)


def lune_of(bits, live, a, b):
    end = position(bits, a, b)
    return [
        v for v in live if v not in (a, b) and max(position(bits, a, v), position(bits, b, v)) < end
    ]


def components(bits, vertices, end):
    """Count the components of some vertices, joined where their edge comes before ``end``."""
    left = set(vertices)
    count = 0
    while left:
        count += 1
        stack = [left.pop()]
        while stack:
            u = stack.pop()
            met = {v for v in left if position(bits, u, v) < end}
            left -= met
            stack += met
    return count


def built(points, slots=None, threshold=LARGEST):
    """A state of points in some of N slots."""
    slots = np.arange(len(points)) if slots is None else slots
    state = LuneState(N, points.shape[1], "euclidean", threshold, 1)
    state.build(pairwise(points, "euclidean"), points, slots)
    return state


def edges_of(keys):
    return {(int(key >> 16 & 0xFFFF), int(key & 0xFFFF)) for key in keys.tolist()}


def assert_true(state):
    """Compare lists and codes with lunes that are counted one by one."""
    live = state.live.tolist()
    empty, loose, split = 2 * N, 2 * N + 1, 2 * N + 2
    lists = state.lists
    found = {name: edges_of(getattr(lists, name)) for name in ("rng", "splits", "loose")}
    wanted = {"rng": set(), "splits": set(), "loose": set()}
    counts = {}
    for b, a in combinations(live, 2):
        if state.bits[a, b] > state.limit:
            continue
        lune = lune_of(state.bits, live, a, b)
        end = position(state.bits, a, b)
        counts[a, b] = components(state.bits, lune, end)
        h, g = int(state.first[a, b]), int(state.second[a, b])
        if counts[a, b] != 1:
            wanted["splits" if counts[a, b] else "rng"].add((a, b))
            assert g == (split if counts[a, b] else empty)
        elif g == loose:
            wanted["loose"].add((a, b))
        if h >= N:
            assert h == empty if not lune else h - N in lune
            continue
        assert {h, g} <= set(lune)
        assert h == g or position(state.bits, h, g) < end
        for v in set(lune) - {h, g}:
            assert min(position(state.bits, h, v), position(state.bits, g, v)) < end
    for name, edges in wanted.items():
        assert found[name] & counts.keys() == edges
    at = 0
    for key in lists.splits:
        a, b = int(key >> np.uint64(16)) & 0xFFFF, int(key) & 0xFFFF
        assert key == edge_key(state.bits[a, b], a, b)
        if (a, b) in counts:
            assert lists.reps[at] == counts[a, b]
        at += 1 + int(lists.reps[at])
    assert at == len(lists.reps)
    for keys in (lists.rng, lists.splits, lists.loose):
        assert np.array_equal(keys, np.unique(keys))


@pytest.mark.parametrize("dim", [1, 2, 4])
@pytest.mark.parametrize("threshold", [2.0, np.inf])
def test_notes_are_true_after_every_update(dim, threshold, rng):
    window = RipsWindow(30, dim, updates="always", max_edge_length=threshold)
    window.insert(cloud(rng, 24, dim))
    window.diagram()
    for _ in range(12):
        changing(window, rng)
        window.diagram()
        assert_true(window._updates._state)


def test_the_enclosing_radius_follows(rng):
    window = RipsWindow(30, 2, updates="always")
    window.insert(cloud(rng, 30, 2))
    window.diagram()
    for _ in range(20):
        changing(window, rng)
        found = window.diagram()
        D = pairwise(window.points, "euclidean")
        assert found.info["r_enc"] == (D.max(axis=1).min() if len(D) else 0.0)


def fires(state, a, b, gone, new, rows):
    """Apply the table of rules to an edge between survivors."""
    bits, live = state.bits, state.live.tolist()
    h, g = int(state.first[a, b]), int(state.second[a, b])
    lune = lune_of(bits, live, a, b)
    end = position(bits, a, b)
    needed = {h, g} if h < N else set(lune)
    lost = not needed.isdisjoint(gone)
    entered = False
    for x, row in zip(new, rows, strict=True):

        def comes_before(v, x=x, row=row):
            return (int(row[v]), max(x, v), min(x, v)) < end

        if comes_before(a) and comes_before(b):
            hubbed = h < N and (comes_before(h) or comes_before(g))
            entered = entered or not hubbed
    return lost or entered


@pytest.mark.parametrize("seed", range(20))
def test_the_edges_of_the_rules_are_listed_or_have_their_components_still(seed):
    rng = np.random.default_rng(seed)
    points = cloud(rng, 36, 2 + seed % 3 if seed % 2 else 12)
    state = built(points, np.sort(rng.permutation(50)[:36]))
    most = 2 if seed < 10 else 4
    gone = np.sort(rng.permutation(state.live)[: rng.integers(0, most)])
    free = np.setdiff1d(np.arange(50), state.live)
    new = np.sort(np.concatenate([gone[:2], free[: rng.integers(0, max(1, most - 2))]]))
    fresh = cloud(rng, len(new), points.shape[1])
    survivors = np.setdiff1d(state.live, gone)
    alive = np.zeros(N, np.bool_)
    alive[survivors] = True
    rows = cross(fresh, state.points, "euclidean").view(np.uint32)
    old_rows, rows = (np.where(alive, r, mark.NOWHERE) for r in (state.bits[gone], rows))
    expected = {
        (a, b)
        for b, a in combinations(survivors.tolist(), 2)
        if fires(state, a, b, gone.tolist(), new.tolist(), rows)
    }
    lists = state.lists
    out = np.empty(N * N, np.uint64)
    codes = (state.bits, state.first, state.second)
    old = state.first.copy()
    used = mark.mark(
        *codes,
        survivors,
        alive,
        gone,
        old_rows,
        new,
        rows,
        lists.splits,
        lists.reps,
        lists.loose,
        LARGEST,
        out,
    )
    listed = [(int(x >> 32), int(x >> 16 & 0xFFFF), int(x & 0xFFFF)) for x in out[:used].tolist()]
    assert len({edge[:2] for edge in listed}) == used
    for a, b, code in listed:
        assert code == old[a, b]
        assert state.first[a, b] == 2 * N + 3
    assert {edge[:2] for edge in listed} <= expected
    after = state.points.copy()
    after[new] = fresh
    live = np.union1d(survivors, new)
    then = built(after[live], live)
    for a, b in expected - {edge[:2] for edge in listed}:
        assert N <= old[a, b] < 2 * N
        assert old[a, b] - N in lune_of(then.bits, live.tolist(), a, b)
        counts = [
            components(s.bits, lune_of(s.bits, s.live.tolist(), a, b), position(s.bits, a, b))
            for s in (state, then)
        ]
        assert counts[0] == counts[1]


def test_a_list_that_is_full_is_told(rng):
    points = rng.normal(size=(40, 5)).astype(np.float32)
    state = built(points)
    alive = np.arange(N) < 40
    alive[:10] = False
    arguments = (
        state.bits,
        state.first,
        state.second,
        np.arange(10, 40),
        alive,
        np.arange(10),
        np.where(alive, state.bits[:10], mark.NOWHERE),
        np.empty(0, np.int64),
        np.empty((0, N), np.uint32),
        state.lists.splits,
        state.lists.reps,
        state.lists.loose,
        LARGEST,
    )
    assert mark.mark(*arguments, np.empty(3, np.uint64)) == -1


@pytest.mark.parametrize("dim", [2, 7])
def test_a_recheck_finds_the_truth_whatever_it_is_told_to_try(dim, rng):
    state = built(cloud(rng, 40, dim), np.sort(rng.permutation(N)[:40]))
    old = edges_of(state.lists.rng), edges_of(state.lists.splits)
    pairs = [(a, b) for b, a in combinations(state.live.tolist(), 2)]
    for _ in range(10):
        codes = rng.integers(0, 2 * N + 4, len(pairs))
        listed = np.array(
            [a << 32 | b << 16 | int(c) for (a, b), c in zip(pairs, codes, strict=True)], np.uint64
        )
        state.second[:] = rng.integers(0, 2 * N + 3, (N, N))
        stand_in = rng.integers(0, 2 * N + 4, 2 * N + 4)
        centre = int(state.live[np.argmin(state.farthest[state.live])])
        out = np.empty(len(pairs), np.uint8)
        reps = recheck.recheck(
            state.bits, state.first, state.second, listed, stand_in, state.r_enc, centre, out
        )
        keys = np.array([edge_key(state.bits[a, b], a, b) for a, b in pairs], np.uint64)
        assert verify.first_false(state.bits, state.first, state.second, keys) == -1
        splits = keys[out == recheck.SPLIT]
        assert verify.first_false_split(state.bits, splits, reps) == -1
        within = keys <= (np.uint64(state.limit) + np.uint64(1)) << np.uint64(32)
        assert edges_of(keys[out == recheck.EMPTY]) == old[0]
        assert edges_of(keys[(out == recheck.SPLIT) & within]) == old[1]


@pytest.fixture
def window(rng):
    """Sixty points after an update, with every kind of edge; ids are not slots."""
    window = RipsWindow(63, 12, updates="always")
    ids = window.insert(rng.normal(size=(63, 12)).astype(np.float32))
    window.remove(ids[:3])
    window.diagram()
    window.replace(ids[10:15], rng.normal(size=(5, 12)).astype(np.float32))
    assert window.diagram().info["path"] == "update"
    lists = window._updates._state.lists
    assert min(len(lists.rng), len(lists.splits), len(lists.loose)) > 1
    window.verify()
    return window


def refused(window, *slots):
    """Return what verify says; its edge is made of these slots."""
    with pytest.raises(StateCorruption) as caught:
        window.verify()
    if slots:
        named = {int(window._content.slots.ids[slot]) for slot in slots}
        assert set(caught.value.edge) == named
        for name in named:
            assert str(name) in str(caught.value)
    return caught.value


def slots_of(key):
    return int(key) >> 16 & 0xFFFF, int(key) & 0xFFFF


def edges_up_to_the_radius(state):
    return [
        (a, b) for b, a in combinations(state.live.tolist(), 2) if state.bits[a, b] <= state.limit
    ]


def test_a_wrong_distance_is_found(window):
    state = window._updates._state
    for a, b in edges_up_to_the_radius(state)[::60]:
        for high, low in ((a, b), (b, a)):
            state.bits[high, low] += 1
            refused(window, a, b)
            state.bits[high, low] -= 1
    window.verify()


def test_a_distance_to_a_free_slot_is_found(window):
    state = window._updates._state
    free = int(np.setdiff1d(np.arange(63), state.live)[0])
    state.bits[free, state.live[0]] = state.bits[state.live[0], free] = 0
    refused(window)
    state.bits[free, state.live[0]] = state.bits[state.live[0], free] = INFINITE
    window.verify()


@pytest.mark.parametrize("codes", ["first", "second"])
def test_a_wrong_code_is_found(window, codes):
    state = window._updates._state
    noted = getattr(state, codes)
    planted = 0
    for a, b in edges_up_to_the_radius(state)[::30]:
        h, g = int(state.first[a, b]), int(state.second[a, b])
        lune = lune_of(state.bits, state.live.tolist(), a, b)
        outside = np.setdiff1d(np.arange(N), lune)
        wrong = [int(v) for v in outside[:: N // 4]]  # no vertex of the lune
        wrong += [a, b, 2 * N + 3, *(code for code in (2 * N, 2 * N + 1, 2 * N + 2))]
        if codes == "first":
            wrong += [N + int(v) for v in outside[:: N // 4]]
            wrong = [code for code in wrong if code not in (h, 2 * N + 1, 2 * N + 2)]
        wrong = [code for code in wrong if code != (h, g)[codes == "second"]]
        for code in wrong:
            kept = noted[a, b]
            noted[a, b] = code
            refused(window, a, b)
            noted[a, b] = kept
            planted += 1
    window.verify()
    assert planted > 100


@pytest.mark.parametrize("name", ["rng", "splits", "loose"])
def test_an_edge_that_a_list_lacks_is_found(window, name):
    lists = window._updates._state.lists
    kept = getattr(lists, name)
    reps = lists.reps
    for at in (0, 1):
        setattr(lists, name, np.delete(kept, at))
        if name == "splits":
            starts = np.cumsum([0, 1 + reps[0], 1 + reps[1 + reps[0]]])
            lists.reps = np.delete(reps, np.arange(starts[at], starts[at + 1]))
        refused(window, *slots_of(kept[at]))
        setattr(lists, name, kept)
        lists.reps = reps
    window.verify()


@pytest.mark.parametrize("name", ["rng", "loose"])
def test_an_edge_that_a_list_has_too_many_is_found(window, name):
    state = window._updates._state
    lists = state.lists
    kept = getattr(lists, name)
    known = {*lists.rng.tolist(), *lists.splits.tolist(), *lists.loose.tolist()}
    for a, b in edges_up_to_the_radius(state)[::100]:
        key = int(edge_key(state.bits[a, b], a, b))
        if key in known:
            continue
        setattr(lists, name, np.sort(np.append(kept, np.uint64(key))))
        refused(window, a, b)
    setattr(lists, name, kept)
    window.verify()


@pytest.mark.parametrize("name", ["rng", "splits", "loose"])
def test_an_edge_that_a_list_has_twice_is_found(window, name):
    lists = window._updates._state.lists
    kept, reps = getattr(lists, name), lists.reps
    setattr(lists, name, np.insert(kept, 0, kept[0]))
    if name == "splits":
        lists.reps = np.concatenate([reps[: 1 + reps[0]], reps])
    refused(window, *slots_of(kept[0]))


def test_lists_out_of_order_are_found(window):
    lists = window._updates._state.lists
    lists.rng = lists.rng[::-1].copy()
    refused(window)


def test_wrong_vertices_of_components_are_found(window):
    state = window._updates._state
    lists = state.lists
    kept = lists.reps.copy()
    a, b = slots_of(lists.splits[0])
    for wrong in (a, b, kept[2]):  # an end of the edge, and a component twice
        lists.reps = kept.copy()
        lists.reps[1] = wrong
        refused(window, a, b)
    lists.reps = kept
    window.verify()


def test_a_wrong_enclosing_radius_is_found(window):
    state = window._updates._state
    for step in (-1, 1):
        state.r_enc = np.uint32(int(state.r_enc) + step)
        refused(window)
        state.r_enc = np.uint32(int(state.r_enc) - step)
    window.verify()


def test_wrong_farthest_points_are_found(window):
    state = window._updates._state
    state.farthest[state.live[3]] += 1
    refused(window)


def test_wrong_live_slots_are_found(window):
    state = window._updates._state
    kept = state.live
    free = np.setdiff1d(np.arange(63), kept)
    for wrong in (kept[1:], kept[:-1], np.sort(np.append(kept, free[0]))):
        state.live = wrong
        refused(window)
    state.live = kept
    window.verify()


def test_a_point_that_is_not_the_window_s_is_found(window):
    state = window._updates._state
    state.points[state.live[2], 0] += 1
    refused(window)


def test_codes_name_every_slot():
    assert certificates.MAX_SLOTS * 2 + certificates.N_CODES <= 1 << 16
    assert certificates.marked_code(certificates.MAX_SLOTS) == 2 * certificates.MAX_SLOTS + 3
