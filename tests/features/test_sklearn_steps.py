"""Windows, embeddings, diagrams and vectors as steps of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aura_tda_gpu import vietoris_rips, vietoris_rips_batch
from aura_tda_gpu.errors import ConfigError, InvalidInputError
from aura_tda_gpu.features import BettiCurve, FeatureVector, PersistenceEntropy, pad
from aura_tda_gpu.features.sklearn import (
    PersistenceVectoriser,
    SlidingWindow,
    TakensEmbedding,
    VietorisRipsTransformer,
)


def circle(rng, n, radius=1.0):
    angle = rng.uniform(0, 2 * np.pi, n)
    return radius * np.column_stack([np.cos(angle), np.sin(angle)])


@pytest.mark.parametrize(("n", "size", "stride"), [(20, 5, 1), (20, 5, 3), (21, 6, 4), (5, 5, 2)])
def test_windows_end_with_the_last_row(rng, n, size, stride):
    X, y = rng.normal(size=(n, 3)), np.arange(n)
    ends = [end for end in range(size, n + 1) if (n - end) % stride == 0]
    windows, targets = SlidingWindow(size, stride).fit(X).transform_resample(X, y)
    np.testing.assert_array_equal(windows, [X[end - size : end] for end in ends])
    assert targets.tolist() == [end - 1 for end in ends]


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ({"size": 0}, "size must be a whole number from 1 on, not 0"),
        ({"size": 2.5}, "size must be a whole number from 1 on, not 2.5"),
        ({"stride": True}, "stride must be a whole number from 1 on, not True"),
    ],
)
def test_a_bad_window(bad, complaint):
    with pytest.raises(ConfigError, match=complaint):
        SlidingWindow(**bad).fit(np.zeros((20, 1)))


def test_a_series_shorter_than_its_window():
    X = np.zeros((3, 1))
    with pytest.raises(InvalidInputError, match="a window has 4 rows, and X only 3"):
        SlidingWindow(4).fit(X).transform(X)
    with pytest.raises(InvalidInputError, match="a window has 4 rows, and y only 3"):
        SlidingWindow(4).resample([0, 1, 2])
    with pytest.raises(NotFittedError):
        SlidingWindow(4).transform(X)


@pytest.mark.parametrize(("delay", "dimension", "stride"), [(1, 2, 1), (3, 4, 1), (2, 3, 4)])
@pytest.mark.parametrize("last", [True, False])
def test_delays(rng, delay, dimension, stride, last):
    series = rng.normal(size=(4, 30))
    span = (dimension - 1) * delay
    starts = np.arange(0, 30 - span)
    starts = starts[::-1][::stride][::-1] if last else starts[::stride]
    wanted = [[x[s : s + span + 1 : delay] for s in starts] for x in series]
    step = TakensEmbedding(delay, dimension, stride, ensure_last_value=last)
    np.testing.assert_array_equal(step.fit_transform(series), wanted)
    assert (step.transform(series)[:, -1, -1] == series[:, -1]).all() or not last


def test_variables_side_by_side_or_apart(rng):
    series = rng.normal(size=(2, 3, 20))
    each = np.stack([TakensEmbedding(2, 2).transform(series[:, k]) for k in range(3)], axis=1)
    apart = TakensEmbedding(2, 2, flatten=False).transform(series)
    np.testing.assert_array_equal(apart, each)
    together = TakensEmbedding(2, 2).transform(series)
    np.testing.assert_array_equal(together, np.concatenate([*np.moveaxis(each, 1, 0)], axis=-1))


def test_series_of_different_lengths(rng):
    series = [rng.normal(size=n) for n in (10, 14)]
    clouds = TakensEmbedding(1, 3).fit(series).transform(series)
    assert [cloud.shape for cloud in clouds] == [(8, 3), (12, 3)]
    np.testing.assert_array_equal(clouds[1], TakensEmbedding(1, 3).transform(series[1][None])[0])
    assert VietorisRipsTransformer().fit_transform(clouds).shape[0] == 2


def test_a_series_too_short_or_not_finite():
    with pytest.raises(InvalidInputError, match=r"has 3 samples .* reaches over 5"):
        TakensEmbedding(2, 3).transform(np.zeros((1, 3)))
    with pytest.raises(InvalidInputError, match="NaN"):
        TakensEmbedding().transform([[0.0, np.nan, 1.0]])
    with pytest.raises(InvalidInputError, match=r"X\[1\]"):
        TakensEmbedding().transform([[0.0, 1.0], [0.0, np.inf, 1.0]])
    with pytest.raises(ConfigError, match="time_delay"):
        TakensEmbedding(0).transform([[0.0, 1.0]])


def test_diagrams_are_those_of_the_engine(rng):
    clouds = [circle(rng, 30), rng.normal(size=(12, 2)), circle(rng, 20, 3.0)]
    found = VietorisRipsTransformer().fit_transform(clouds)
    for rows, cloud in zip(found, clouds, strict=True):
        diagram = vietoris_rips(cloud)
        for k in (0, 1):
            bars = rows[(rows[:, 2] == k) & (rows[:, 0] < rows[:, 1])]
            wanted = diagram[k][np.isfinite(diagram[k][:, 1])]
            np.testing.assert_array_equal(bars[:, :2], wanted)
            assert bars.dtype == np.float64
    most = [max(len(vietoris_rips(cloud)[k]) for cloud in clouds) for k in (0, 1)]
    assert found.shape == (3, most[0] - 1 + most[1], 3)


def test_what_stays_open(rng):
    cloud = np.array([[[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]]])  # two components at 2
    kept = {"homology_dimensions": (0,), "max_edge_length": 2.0}
    assert VietorisRipsTransformer(**kept).fit_transform(cloud)[0].tolist() == [
        [0, 2, 0],
        [0, 1, 0],
    ]
    whole = VietorisRipsTransformer(**kept, reduced_homology=False, infinity_values=9.0)
    assert whole.fit_transform(cloud)[0].tolist() == [[0, 9, 0], [0, 9, 0], [0, 1, 0]]
    endless = VietorisRipsTransformer((0,), reduced_homology=False).fit_transform(cloud)
    assert endless[0].tolist() == [[0, np.inf, 0], [0, 4, 0], [0, 1, 0]]


def test_clouds_without_a_bar():
    found = VietorisRipsTransformer().fit_transform(np.zeros((2, 4, 2), np.float32))
    assert found.tolist() == 2 * [[[0, 0, 0], [0, 0, 1]]]
    assert found.dtype == np.float32


def test_threads_change_nothing(rng):
    clouds = rng.normal(size=(5, 20, 2))
    one = VietorisRipsTransformer().fit_transform(clouds)
    np.testing.assert_array_equal(VietorisRipsTransformer(n_jobs=-1).fit_transform(clouds), one)
    np.testing.assert_array_equal(VietorisRipsTransformer(n_jobs=2).fit_transform(clouds), one)


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ({"metric": "hamming"}, "unknown metric 'hamming'"),
        ({"homology_dimensions": ()}, "homology_dimensions"),
        ({"n_jobs": 0}, "n_jobs must be None or a whole number"),
        ({"infinity_values": -1.0}, "infinity_values must be a number from 0 on"),
        ({"max_edge_length": "far"}, "max_edge_length"),
    ],
)
def test_bad_settings_of_rips(bad, complaint):
    with pytest.raises(ConfigError, match=complaint):
        VietorisRipsTransformer(**bad).fit(np.zeros((1, 3, 2)))


def test_bad_clouds():
    step = VietorisRipsTransformer().fit(np.zeros((1, 3, 2)))
    with pytest.raises(InvalidInputError, match=r"pass one cloud as X\[None\]"):
        step.transform(np.zeros((3, 2)))
    with pytest.raises(InvalidInputError, match="one point cloud at least"):
        step.transform([])
    with pytest.raises(InvalidInputError, match=r"X\[1\]: .*not finite, nan, in row 0"):
        step.transform(np.array([[[0.0]], [[np.nan]]]))
    with pytest.raises(NotFittedError):
        VietorisRipsTransformer().transform(np.zeros((1, 3, 2)))


def test_vectors_are_those_of_the_vectorisations(rng):
    diagrams = vietoris_rips_batch([circle(rng, 30), circle(rng, 25, 2.0)])
    parts = FeatureVector((BettiCurve(1, resolution=7), PersistenceEntropy(0)))
    step = PersistenceVectoriser(parts).fit(diagrams)
    wanted = parts.fit(*pad(diagrams)).transform(*pad(diagrams))
    np.testing.assert_array_equal(step.transform(diagrams), wanted)
    assert step.get_feature_names_out().tolist() == parts.get_feature_names_out().tolist()
    arrays = VietorisRipsTransformer().fit_transform([circle(rng, 30), circle(rng, 25, 2.0)])
    np.testing.assert_allclose(
        PersistenceVectoriser("statistics").fit_transform(np.pad(arrays, [(0, 0), (0, 5), (0, 0)])),
        PersistenceVectoriser("statistics").fit_transform(arrays),
        rtol=1e-12,
    )


def test_padding_of_either_kind_is_nothing(rng):
    rows = np.array([[[0.0, 1.0, 1.0], [0.5, 2.0, 1.0]]])
    zeros = np.concatenate([rows, [[[0.0, 0.0, 1.0]]]], axis=1)
    nans = np.concatenate([rows, np.full((1, 2, 3), np.nan)], axis=1)
    names = ["statistics", "landscape", "image", "silhouette", "betti_curve", "euler_curve"]
    wanted = PersistenceVectoriser(names).fit_transform(rows)
    assert np.isfinite(wanted).all()
    np.testing.assert_array_equal(PersistenceVectoriser(names).fit_transform(zeros), wanted)
    np.testing.assert_array_equal(PersistenceVectoriser(names).fit_transform(nans), wanted)


def test_diagrams_of_different_lengths(rng):
    diagrams = vietoris_rips_batch([circle(rng, 30), circle(rng, 25, 2.0)])
    tables = [np.concatenate([np.insert(d[k], 2, k, axis=1) for k in (0, 1)]) for d in diagrams]
    longer = [np.concatenate([tables[0], np.full((3, 3), np.nan, np.float32)]), tables[1]]
    wanted = PersistenceVectoriser().fit_transform(diagrams)
    for given in (tables, longer, tuple(tables), (d for d in diagrams)):
        found = PersistenceVectoriser().fit(tables).transform(given)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    ragged = np.empty(2, object)
    ragged[:] = tables
    found = PersistenceVectoriser().fit_transform(ragged)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    with pytest.raises(InvalidInputError, match=r"diagram 1 must have shape \(n, 3\)"):
        PersistenceVectoriser().fit([tables[0], tables[1][:, :2]])


def test_diagrams_without_a_bar_are_zeros():
    empty = np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
    open_only = np.array([[[0.0, np.inf, 0.0], [0.5, np.inf, 1.0]]])
    step = PersistenceVectoriser().fit(np.array([[[0.0, 1.0, 0.0], [0.5, 2.0, 1.0]]]))
    assert not step.transform(empty).any()
    assert not step.transform(open_only).any()
    assert step.homology_dimensions_ == (0, 1)
    assert not PersistenceVectoriser().fit_transform(empty).any()
    with pytest.raises(InvalidInputError, match="cannot be fitted"):
        PersistenceVectoriser("landscape").fit(empty)


@pytest.mark.parametrize(
    ("X", "complaint"),
    [
        (np.zeros((2, 3)), r"must be of shape \(n_samples, n_bars, 3\)"),
        (np.zeros((0, 1, 3)), "a sample at least"),
        ([[["a", "b", "c"]]], "cannot be read"),
        ([[[2.0, 1.0, 1.0]]], "bar 0 of diagram 0 is no bar"),
        ([[[np.nan, 1.0, 1.0]]], "bar 0 of diagram 0 is no bar"),
    ],
)
def test_bad_diagrams(X, complaint):
    with pytest.raises(InvalidInputError, match=complaint):
        PersistenceVectoriser().fit(X)


def test_a_bad_vectorisation():
    X = np.array([[[0.0, 1.0, 0.0]]])
    for bad in ("landscap", ["entropy", 3]):
        with pytest.raises(ConfigError, match="vectorisations must be"):
            PersistenceVectoriser(bad).fit(X)
    with pytest.raises(NotFittedError):
        PersistenceVectoriser().transform(X)


def signals(rng, n=24):
    """Return noisy sines, and whether each has a second tone."""
    t = np.linspace(0, 12, 80)
    y = np.arange(n) % 2
    second = 0.8 * y[:, np.newaxis] * np.sin(2.7 * t)
    return np.sin(2 * t) + second + rng.normal(scale=0.05, size=(n, 80)), y


def test_a_pipeline_from_series_to_classes(rng):
    X, y = signals(rng)
    steps = make_pipeline(
        TakensEmbedding(time_delay=8, dimension=2),
        VietorisRipsTransformer(),
        PersistenceVectoriser("lengths"),
        StandardScaler(),
        LogisticRegression(),
    )
    grid = {"persistencevectoriser__vectorisations": ["lengths", "entropy"]}
    search = GridSearchCV(steps, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.9
    assert search.best_params_ == {"persistencevectoriser__vectorisations": "lengths"}
    assert clone(steps).get_params()["takensembedding__time_delay"] == 8


def test_a_pipeline_makes_tables(rng):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    X, _ = signals(rng, 4)
    steps = make_pipeline(TakensEmbedding(8), VietorisRipsTransformer(), PersistenceVectoriser())
    table = steps.set_output(transform="pandas").fit_transform(X)
    assert isinstance(table, pandas.DataFrame)
    assert table.columns.tolist() == steps[-1].get_feature_names_out().tolist()
    np.testing.assert_array_equal(
        table, clone(steps).set_output(transform="default").fit_transform(X)
    )
