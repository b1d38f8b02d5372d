"""The metric dtm: weights, births of vertices, and the diagrams of gudhi, bit for bit."""

from __future__ import annotations

import gudhi
import numpy as np
import pytest
from gudhi.dtm_rips_complex import DTMRipsComplex
from gudhi.point_cloud.dtm import DistanceToMeasure
from gudhi.weighted_rips_complex import WeightedRipsComplex
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from aura_tda_gpu.errors import ConfigError, InvalidInputError, SnapshotError, UnsupportedError
from aura_tda_gpu.persistence import ripser_plus_plus
from aura_tda_gpu.persistence.batch import vietoris_rips_batch
from aura_tda_gpu.persistence.distances import as_points
from aura_tda_gpu.persistence.rips import vietoris_rips
from aura_tda_gpu.persistence.snapshots import pack, unpack
from aura_tda_gpu.persistence.vineyard_updates import RipsWindow
from aura_tda_gpu.persistence.weighted import weigh
from aura_tda_gpu.persistence.weights import distances_to_measure, neighbours, sums_of_smallest
from tests.oracles.dtm import naive_filtration, naive_weights
from tests.oracles.peers import bars_of, gudhi_weighted_bars, pairs_of

MASSES = (0.001, 0.1, 0.35, 1.0)


def cloud(*shape, kind=np.float32):
    return np.random.default_rng(shape).normal(size=shape).astype(kind)


def circle_with_outliers(n):
    rng = np.random.default_rng(n)
    angle = rng.uniform(0, 2 * np.pi, n)
    points = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(size=(n, 2)) * 0.05
    points[::7] = rng.uniform(-1.5, 1.5, (len(points[::7]), 2))
    return points.astype(np.float32)


POINTS = {
    "n=0": np.zeros((0, 2), np.float32),
    "n=1": cloud(1, 2),
    "n=2": cloud(2, 2),
    "n=2 duplicate": np.ones((2, 2), np.float32),
    "n=3": cloud(3, 2),
    **{f"gaussian {dim}-D": cloud(40, dim) for dim in (1, 2, 3, 10)},
    "gaussian n=63": cloud(63, 3),
    "gaussian n=64": cloud(64, 4),
    "gaussian n=65": cloud(65, 3),
    "gaussian n=130": cloud(130, 3),
    "circle": circle_with_outliers(60),
    "circle n=130": circle_with_outliers(130),
    "grid": np.indices((6, 6)).reshape(2, -1).T.astype(np.float32),
    "grid of 0.1": np.indices((7, 5)).reshape(2, -1).T.astype(np.float32) * np.float32(0.1),
    "grid 3-D": np.indices((3, 3, 3)).reshape(3, -1).T.astype(np.float32),
    "lattice": np.random.default_rng(5).integers(0, 5, (45, 2)).astype(np.float32),
    "lattice n=130": np.random.default_rng(6).integers(0, 9, (130, 2)).astype(np.float32),
    "collinear": np.outer(np.random.default_rng(7).integers(0, 90, 30), [1, 2]).astype(np.float32),
    "copies": np.repeat(cloud(13, 2), 3, axis=0),
    "all the same": np.full((20, 3), 0.3, np.float32),
    "two places": np.repeat(cloud(2, 3), 10, axis=0),
}
SMALL = [name for name, points in POINTS.items() if len(points) <= 64]
CASES = [(name, "cpu") for name in POINTS] + [(name, "reference") for name in SMALL]


def filtration(name, mass):
    points = POINTS[name]
    k = neighbours(mass, len(points))
    return naive_filtration(points, naive_weights(points, points, k) if k else points[:, 0])


@pytest.mark.parametrize(
    ("mass", "n", "k"),
    [
        (0.1, 30, 3),
        (0.07, 100, 7),  # the product is 7.000000000000001
        (0.1, 31, 4),
        (0.1, 1, 1),
        (1e-9, 50, 1),
        (1.0, 50, 50),
        (0.999, 50, 50),
        (0.1, 1_000_000, 100_000),
        (0.29, 100, 29),
    ],
)
def test_the_share_of_points_is_rounded_up(mass, n, k):
    assert neighbours(mass, n) == k


@pytest.mark.parametrize("mass", MASSES)
@pytest.mark.parametrize("name", POINTS)
def test_weights_have_the_bits_of_plain_loops(name, mass):
    points = POINTS[name]
    found = distances_to_measure(points, points, mass)
    assert found.dtype == np.float32
    if len(points):
        truth = naive_weights(points, points, neighbours(mass, len(points)))
        assert found.tolist() == truth.tolist()


@pytest.mark.parametrize("n", [7, 5000, 40_000])
def test_weights_of_other_places_by_blocks(n):
    points, places = cloud(n, 3), 2 * cloud(9, 3)
    found = distances_to_measure(places, points, 0.02)
    k = neighbours(0.02, n)
    assert found.tolist() == naive_weights(places, points, k).tolist()
    truth = DistanceToMeasure(k, q=2).fit(points.astype(float)).transform(places.astype(float))
    assert np.allclose(found, truth, rtol=1e-6)


@pytest.mark.parametrize("k", [1, 7, 300, 1000])
def test_sums_run_from_the_smallest_on_in_float64(rng, k):
    values = 10.0 ** rng.uniform(-8, 8, (6, 1000))
    expected = []
    for row in values.tolist():
        total = 0.0
        for value in sorted(row)[:k]:
            total += value
        expected.append(total)
    assert sums_of_smallest(values.copy(), k, np.empty_like(values)).tolist() == expected


def test_the_order_of_points_does_not_change_a_bit(rng):
    points = cloud(300, 5)
    found = distances_to_measure(points, points, 0.2)
    order = rng.permutation(300)
    assert distances_to_measure(points, points[order], 0.2).tolist() == found.tolist()
    assert distances_to_measure(points[order], points, 0.2).tolist() == found[order].tolist()


@settings(max_examples=50)
@given(
    arrays.arrays(np.float32, (12, 2), elements=st.floats(-8, 8, width=32)),
    arrays.arrays(np.float32, (12, 2), elements=st.floats(-1, 1, width=32)),
    st.sampled_from(MASSES),
)
def test_a_weight_moves_no_more_than_places_and_points(points, moves, mass):
    farthest = float(np.sqrt((moves.astype(float) ** 2).sum(axis=1).max()))
    slack = 1e-5
    before = distances_to_measure(points, points, mass)
    moved = (points + moves).astype(np.float32)
    assert abs(distances_to_measure(moved, points, mass) - before).max() <= farthest + slack
    assert abs(distances_to_measure(points, moved, mass) - before).max() <= farthest + slack
    assert abs(distances_to_measure(moved, moved, mass) - before).max() <= 2 * farthest + slack


@pytest.mark.parametrize("mass", MASSES)
@pytest.mark.parametrize(("name", "backend"), CASES)
def test_bars_equal_those_of_gudhi(name, backend, mass):
    found = vietoris_rips(POINTS[name], metric="dtm", dtm_mass=mass, backend=backend)
    assert [bars_of(found, 0), bars_of(found, 1)] == gudhi_weighted_bars(*filtration(name, mass))
    assert not any(found.truncated[k].any() for k in (0, 1))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8])
@pytest.mark.parametrize(("name", "backend"), CASES)
def test_bars_below_a_threshold_equal_those_of_gudhi(name, backend, share):
    D, births = filtration(name, 0.2)
    values = np.sort(np.concatenate([births, D[np.triu_indices(len(D), 1)]]))
    threshold = float(values[int(share * len(values))]) if len(values) else 0.0
    found = vietoris_rips(
        POINTS[name], metric="dtm", dtm_mass=0.2, backend=backend, max_edge_length=threshold
    )
    assert [bars_of(found, 0), bars_of(found, 1)] == gudhi_weighted_bars(D, births, 1, threshold)
    is_open = np.isinf(found[0][:, 1])
    whole = (births <= threshold).any()  # the oldest component is essential, all others are cut
    assert (is_open & ~found.truncated[0]).sum() == whole
    assert found.truncated[1].tolist() == np.isinf(found[1][:, 1]).tolist()


@pytest.mark.parametrize("threshold", [np.inf, 1.5, 0.7])
@pytest.mark.parametrize("name", SMALL)
def test_pairs_equal_those_of_the_reference(name, threshold):
    found, truth = (
        vietoris_rips(POINTS[name], metric="dtm", backend=backend, max_edge_length=threshold)
        for backend in ("cpu", "reference")
    )
    assert pairs_of(found, 0) == pairs_of(truth, 0)
    assert pairs_of(found, 1) == pairs_of(truth, 1)
    assert found.info["r_enc"] == truth.info["r_enc"]


@pytest.mark.parametrize(("name", "backend"), CASES)
def test_names_say_births_and_deaths(name, backend):
    D, births = filtration(name, 0.1)
    found = vietoris_rips(POINTS[name], metric="dtm", backend=backend)
    assert (found.birth_edges[0][:, 0] == found.birth_edges[0][:, 1]).all()
    assert births[found.birth_edges[0][:, 0]].tolist() == found[0][:, 0].tolist()
    assert D[tuple(found.birth_edges[1].T)].tolist() == found[1][:, 0].tolist()
    for k in (0, 1):
        closed = np.isfinite(found[k][:, 1])
        deaths = found.death_edges[k]
        assert D[tuple(deaths[closed].T)].tolist() == found[k][closed, 1].tolist()
        assert (deaths[~closed] == -1).all()
    if len(D):
        assert found.birth_edges[0][0].tolist() == 2 * [int(np.argmin(births))]
    for i in range(len(found[1])):
        (walk,) = found.cycle(1, i)[:1]
        sides = D[walk, [*walk[1:], walk[0]]]
        assert sides.max() <= found[1][i, 0]


@pytest.mark.parametrize("name", ["circle", "gaussian 10-D", "copies", "grid"])
@pytest.mark.parametrize("mass", [0.05, 0.3])
def test_bars_are_near_those_that_gudhi_makes_of_the_points(name, mass):
    points = POINTS[name].astype(float)
    k = neighbours(mass, len(points))
    found = vietoris_rips(POINTS[name], metric="dtm", dtm_mass=mass)
    weights = distances_to_measure(POINTS[name], POINTS[name], mass).astype(float)
    distances = np.sqrt(((points[:, None] - points) ** 2).sum(axis=2))
    for peer in (
        DTMRipsComplex(points=points, k=k, q=2),
        WeightedRipsComplex(distance_matrix=distances, weights=weights),
    ):
        tree = peer.create_simplex_tree(max_dimension=2)
        tree.compute_persistence()
        for dimension in (0, 1):
            theirs = tree.persistence_intervals_in_dimension(dimension).reshape(-1, 2)
            mine = found[dimension].astype(float)
            assert gudhi.bottleneck_distance(theirs, mine) <= 1e-6 * found.info["r_enc"]


def test_the_elder_rule_on_a_line():
    # weights are half of the distance to the nearest point times the root of two
    found = vietoris_rips([[0.0], [1.0], [3.0], [3.5]], metric="dtm", dtm_mass=0.5)
    births = (2 * np.array([1, 1, 0.5, 0.5]) / np.sqrt(2)).astype(np.float32)
    across = np.float32(2 + (np.float32(1 / np.sqrt(2)) + np.float32(0.5 / np.sqrt(2))))
    assert found[0].tolist() == [
        [births[2], np.inf],
        [births[0], across],
        [births[1], births[0] + np.float32(1)],
        [births[3], births[2] + np.float32(0.5)],
    ]
    assert found.birth_edges[0].tolist() == [[2, 2], [0, 0], [1, 1], [3, 3]]
    assert found.death_edges[0].tolist() == [[-1, -1], [1, 2], [0, 1], [2, 3]]


@pytest.mark.parametrize(("name", "backend"), CASES)
def test_without_weights_it_is_the_euclidean_metric(name, backend):
    found = vietoris_rips(POINTS[name], metric="dtm", dtm_mass=1e-6, backend=backend)
    plain = vietoris_rips(POINTS[name], backend=backend)
    assert pairs_of(found, 1) == pairs_of(plain, 1)
    assert [bars_of(found, k) for k in (0, 1)] == [bars_of(plain, k) for k in (0, 1)]


def test_a_vertex_born_beyond_the_threshold_never_enters(backend):
    points = np.concatenate([cloud(30, 2) / 10, [[50.0, 50.0]]]).astype(np.float32)
    births = 2 * distances_to_measure(points, points, 0.1)
    cut = vietoris_rips(points, metric="dtm", backend=backend, max_edge_length=10)
    assert births[30] > 10
    assert 30 not in cut.birth_edges[0]
    assert bars_of(cut, 0) == bars_of(vietoris_rips(points, metric="dtm", backend=backend), 0)[:-1]
    least = float(births.min())
    one = vietoris_rips(points, metric="dtm", backend=backend, max_edge_length=least)
    assert one[0].tolist() == [[least, np.inf]]
    assert one.truncated[0].tolist() == [False]
    below = np.nextafter(np.float32(least), np.float32(0))
    none = vietoris_rips(points, metric="dtm", backend=backend, max_edge_length=float(below))
    assert len(none) == 0


@pytest.mark.parametrize("n", [1, 2, 20])
def test_equal_points_have_no_weight(backend, n):
    found = vietoris_rips(np.full((n, 3), 7.0), metric="dtm", backend=backend)
    assert found[0].tolist() == [[0.0, np.inf]]
    assert found[1].shape == (0, 2)
    assert found.birth_edges[0].tolist() == [[0, 0]]


def test_no_points(backend):
    found = vietoris_rips(np.zeros((0, 3)), metric="dtm", backend=backend)
    assert len(found) == 0
    assert found.info["dtm_neighbours"] == 0


@pytest.mark.parametrize("dimensions", [(0,), (1,), (0, 1)])
def test_only_the_dimensions_asked_for(backend, dimensions):
    points = POINTS["circle"]
    found = vietoris_rips(points, metric="dtm", homology_dimensions=dimensions, backend=backend)
    whole = gudhi_weighted_bars(*filtration("circle", 0.1))
    assert found.dimensions == dimensions
    assert [bars_of(found, k) for k in dimensions] == [whole[k] for k in dimensions]


def test_dimension_two_of_the_reference():
    points = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)
    points += cloud(6, 3) / 20
    found = vietoris_rips(points, metric="dtm", dtm_mass=0.3, homology_dimensions=(0, 1, 2))
    weights = naive_weights(points, points, 2)
    truth = gudhi_weighted_bars(*naive_filtration(points, weights), top=2)
    assert [bars_of(found, k) for k in (0, 1, 2)] == truth
    assert len(truth[2]) == 1


@pytest.mark.parametrize("n", [3, 700, 1100])
def test_weighing_in_blocks(n):
    points = cloud(n, 2)
    weights = distances_to_measure(points, points, 0.1)
    D, _ = naive_filtration(points[:40], weights[:40])
    matrix = np.sqrt(((points[:, None].astype(float) - points) ** 2).sum(axis=2)).astype(np.float32)
    weigh(matrix, weights)
    assert (matrix == matrix.T).all()
    assert not np.diagonal(matrix).any()
    assert np.allclose(matrix[:40, :40], D, rtol=1e-6)
    assert (matrix + 2 * weights.max() * np.eye(n, dtype=np.float32) >= 2 * weights).all()


def test_an_edge_is_never_before_its_ends():
    rng = np.random.default_rng(0)
    weights = np.float32(10) ** rng.uniform(-3, 3, 200).astype(np.float32)
    matrix = np.zeros((200, 200), np.float32)  # as if all were in one place
    weigh(matrix, weights)
    expected = np.maximum.outer(2 * weights, 2 * weights)
    np.fill_diagonal(expected, 0)
    assert (matrix >= expected * np.float32(0.5)).all()
    assert (matrix >= expected).all()
    assert (matrix == expected).any()


def test_what_the_diagram_says_of_it():
    told = vietoris_rips(cloud(41, 2), metric="dtm", dtm_mass=0.2).info
    assert (told["metric"], told["dtm_mass"], told["dtm_neighbours"]) == ("dtm", 0.2, 9)
    assert vietoris_rips(cloud(41, 2), metric="dtm").info["dtm_mass"] == 0.1
    assert "dtm_mass" not in vietoris_rips(cloud(41, 2)).info
    assert set(told["seconds"]) >= {"weights", "distance", "sweep"}


@pytest.mark.parametrize("mass", [0, -0.1, 1.01, np.nan, np.inf, "0.1", True, [0.1]])
def test_a_mass_out_of_range_is_named(mass):
    with pytest.raises(ConfigError, match="dtm_mass must be a number above 0 and at most 1, not"):
        vietoris_rips(cloud(5, 2), metric="dtm", dtm_mass=mass)
    with pytest.raises(ConfigError, match="dtm_mass must be"):
        RipsWindow(5, 2, "dtm", dtm_mass=mass)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "precomputed"])
def test_a_mass_of_another_metric_is_refused(metric):
    with pytest.raises(ConfigError, match=f"dtm_mass is 0.2, and metric '{metric}' takes none"):
        vietoris_rips(np.zeros((3, 3)), metric=metric, dtm_mass=0.2)
    with pytest.raises(ConfigError, match="takes none: only 'dtm'"):
        vietoris_rips_batch([np.zeros((3, 3))], metric=metric, dtm_mass=0.2)


def test_other_bad_input_is_that_of_the_euclidean_metric():
    with pytest.raises(InvalidInputError, match="row 1") as caught:
        vietoris_rips([[0.0], [np.nan]], metric="dtm")
    assert caught.value.row == 1
    with pytest.raises(InvalidInputError, match="at least one coordinate"):
        vietoris_rips(np.zeros((3, 0)), metric="dtm")


def test_ripser_plus_plus_takes_no_births():
    with pytest.raises(UnsupportedError, match="'ripser\\+\\+' takes no metric 'dtm'"):
        vietoris_rips(cloud(5, 2), metric="dtm", backend="ripser++")
    engine = object.__new__(ripser_plus_plus.RipserPlusPlusEngine)
    D, births = filtration("n=3", 0.1)
    with pytest.raises(UnsupportedError, match="takes no metric 'dtm'"):
        engine.compute(D, dimensions=(0,), threshold=np.inf, threads=1, births=births)


def test_far_away_points_keep_their_weights():
    points = cloud(50, 2).astype(float)
    near = vietoris_rips(points, metric="dtm")
    far = vietoris_rips(points + 2.0**30, metric="dtm")
    moved = as_points(points + 2.0**30)
    assert bars_of(far, 1) == bars_of(vietoris_rips(moved, metric="dtm"), 1)
    assert gudhi.bottleneck_distance(near[1].astype(float), far[1].astype(float)) < 1e-5


@pytest.mark.parametrize("threads", [1, 2])
def test_many_clouds_at_once(threads):
    clouds = [cloud(n, 2, kind=float) for n in (40, 40, 3, 0, 1, 25)]
    found = vietoris_rips_batch(clouds, metric="dtm", dtm_mass=0.15, threads=threads)
    for mine, points in zip(found, clouds, strict=True):
        truth = vietoris_rips(points, metric="dtm", dtm_mass=0.15)
        assert [pairs_of(mine, k) for k in (0, 1)] == [pairs_of(truth, k) for k in (0, 1)]
        assert mine.info["dtm_neighbours"] == truth.info["dtm_neighbours"]


def windows_own(window):
    return vietoris_rips(window.points, metric="dtm", dtm_mass=0.2)


@pytest.mark.parametrize("updates", ["auto", "never"])
def test_a_window_is_rebuilt_at_each_change(rng, updates):
    window = RipsWindow(40, 2, "dtm", dtm_mass=0.2, updates=updates)
    ids = window.insert(cloud(35, 2))
    for i in range(6):
        found, truth = window.diagram(), windows_own(window)
        assert [pairs_of(found, k) for k in (0, 1)] == [pairs_of(truth, k) for k in (0, 1)]
        assert (found.info["path"], found.info["n_rechecked"]) == ("rebuild", 0)
        assert found.info["dtm_neighbours"] == 7
        window.replace(ids[i : i + 1], rng.normal(size=(1, 2)))
    window.verify()
    assert window._updates.state_nbytes == 0


def test_a_window_cannot_always_update():
    with pytest.raises(UnsupportedError, match=r"updates='always' with metric 'dtm': one point"):
        RipsWindow(40, 2, "dtm", updates="always")


def test_components_are_named_by_the_points_that_open_them(rng):
    window = RipsWindow(20, 1, "dtm", dtm_mass=0.5)
    window.insert([[0.0], [1.0], [3.0], [3.5]])
    changes = window.changes()
    assert changes.after_edges[0].tolist() == [
        [2, 2, -1, -1],
        [0, 0, 1, 2],
        [1, 1, 0, 1],
        [3, 3, 2, 3],
    ]
    window.replace([], [[100.0]])  # far away: another weight for each of the others
    changes = window.changes()
    assert len(changes.continued[0]) + len(changes.born[0]) == 5
    assert [2, 2, -1, -1] in changes.after_edges[0].tolist()


def test_a_window_comes_back_with_its_mass(rng):
    window = RipsWindow(30, 2, "dtm", dtm_mass=0.2)
    window.insert(cloud(25, 2))
    window.diagram()
    data = window.snapshot()
    again = RipsWindow.restore(data)
    assert again.snapshot() == data
    assert again.diagram().info["dtm_mass"] == 0.2
    for k in (0, 1):
        assert pairs_of(again.diagram(), k) == pairs_of(window.diagram(), k)


def test_a_window_written_before_there_were_weights_comes_back():
    window = RipsWindow(30, 2)
    window.insert(cloud(25, 2))
    meta, stored = unpack(window.snapshot(), "RipsWindow", 2)
    assert meta.pop("dtm_mass") is None
    again = RipsWindow.restore(pack("RipsWindow", 1, meta, stored))
    assert bars_of(again.diagram(), 1) == bars_of(window.diagram(), 1)
    with pytest.raises(SnapshotError, match=r"version 0 of a RipsWindow, .* reads 1 to 2$"):
        RipsWindow.restore(pack("RipsWindow", 0, meta, stored))
