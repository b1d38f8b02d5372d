"""The recording of the demo: every tick against the batch engine."""

from __future__ import annotations

import csv

import gudhi
import numpy as np

from aura_tda_gpu import MultiScaleStream, vietoris_rips
from aura_tda_gpu.cli.demo.run import recording_path


def embedded():
    with open(recording_path(), encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    times = np.array([float(row["timer"]) / 1000 for row in rows])
    values = np.array([float(row["hr"]) for row in rows])
    return np.column_stack([values[:-14], values[7:-7], values[14:]]), times[14:]


def test_each_tick_of_the_demo_is_that_of_a_batch():
    points, times = embedded()
    stream = MultiScaleStream(scales=[1000, 4000], max_landmarks=256)
    exact = certified = 0
    for update in stream.push(points, times):
        start = update.timestamp - int(update.window_id[6:-2]) / 1000
        inside = (times >= start - 1e-12) & (times < update.timestamp - 1e-12)
        assert update.n_points == inside.sum()
        batch = vietoris_rips(points[inside] - points[0])
        for k in (0, 1):
            if update.error_bound == 0:
                found, wanted = (np.sort(d[k], axis=0) for d in (update.diagram, batch))
                assert np.array_equal(found, wanted)
            else:
                distance = gudhi.bottleneck_distance(update.diagram[k], batch[k])
                assert distance <= update.error_bound
        exact, certified = exact + (update.error_bound == 0), certified + (update.error_bound > 0)
    assert exact > 1000
    assert certified > 200
