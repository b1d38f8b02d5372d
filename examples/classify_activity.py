"""Which activity is it? A watch's sensors, by plain statistics, by topology, and by both.

BasicMotions: 80 recordings of ten seconds by the accelerometer and the gyroscope of a smart watch,
20 each of standing, walking, running and badminton, from the UEA archive of time series
(https://www.timeseriesclassification.com/description.php?Dataset=BasicMotions). It comes with aeon;
its two files are read from there, and nothing of aeon is imported.

    pip install 'aura-tda-gpu[sklearn]' && pip install --no-deps aeon
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

if find_spec("sklearn") is None or find_spec("aeon") is None:
    sys.exit(str(__doc__).splitlines()[-1].strip() + "   # is needed by this example")

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

from aura_tda_gpu.features.sklearn import (
    PersistenceVectoriser,
    TakensEmbedding,
    VietorisRipsTransformer,
)

ACCELEROMETER, GYROSCOPE = slice(0, 3), slice(3, 6)


def recordings():
    """Return all recordings (80, 6 axes, 100 samples at 10 Hz) and their activities."""
    folder = Path(find_spec("aeon").submodule_search_locations[0]) / "datasets/data/BasicMotions"
    X, y = [], []
    for part in ("TRAIN", "TEST"):
        for line in (folder / f"BasicMotions_{part}.ts").read_text().splitlines():
            if line and line[0] not in "#@":
                *axes, activity = line.split(":")
                X.append([np.array(axis.split(","), float) for axis in axes])
                y.append(activity)
    return np.array(X), np.array(y)


def turned_and_uncalibrated(X):
    """Turn each watch at random on its wrist, and forget the gain of its two sensors."""
    turns = np.linalg.qr(np.random.default_rng(0).normal(size=(len(X), 3, 3)))[0]
    turns *= np.sign(np.linalg.det(turns))[:, np.newaxis, np.newaxis]
    sensors = [turns @ X[:, sensor] for sensor in (ACCELEROMETER, GYROSCOPE)]
    gains = [np.sqrt((s**2).sum(axis=1).mean(axis=1))[:, np.newaxis, np.newaxis] for s in sensors]
    return np.concatenate([s / gain for s, gain in zip(sensors, gains, strict=True)], axis=1)


def statistics(X):
    """Return mean, deviation and quantiles of each axis, and of the length of each vector."""
    lengths = [np.linalg.norm(X[:, sensor], axis=1) for sensor in (ACCELEROMETER, GYROSCOPE)]
    X = np.concatenate([X, np.stack(lengths, axis=1)], axis=1)
    quantiles = np.quantile(X, [0, 0.25, 0.5, 0.75, 1], axis=-1)
    return np.concatenate([X.mean(axis=-1), X.std(axis=-1), *quantiles], axis=1)


def topology_of(sensor):
    """Return the steps from one sensor to the topology of its delay embedding."""
    return make_pipeline(
        FunctionTransformer(lambda X: X[:, sensor]),
        TakensEmbedding(time_delay=2, dimension=3),  # 0.2 s apart: points of nine coordinates
        VietorisRipsTransformer(n_jobs=-1),
        PersistenceVectoriser(("lengths", "entropy", "statistics")),
    )


plain = FunctionTransformer(statistics)
topology = make_union(topology_of(ACCELEROMETER), topology_of(GYROSCOPE))
features = {"statistics": plain, "topology": topology, "both": make_union(plain, topology)}

X, y = recordings()
# no step in front of the classifier learns from the recordings, so features are made once
folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=0)
classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
print("accuracy, mean and deviation of 5 x 5 folds of 80 recordings, 4 activities (chance: 25 %)")
for setting, given in (("as recorded", X), ("turned, gain unknown", turned_and_uncalibrated(X))):
    for name, step in features.items():
        table = step.fit_transform(given)
        with threadpool_limits(1):  # tables this small are slower on several threads
            scores = 100 * cross_val_score(classifier, table, y, cv=folds)
        print(
            f"{setting:<20}  {name:<10}  {table.shape[1]:4d} features  "
            f"{scores.mean():5.1f} % +- {scores.std():4.1f}"
        )
