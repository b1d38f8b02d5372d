"""A point runs around a circle and then comes to rest: watch its loop come and go."""

from __future__ import annotations

import numpy as np

from aura_tda_gpu import MultiScaleStream

rng = np.random.default_rng(0)
times = np.arange(0, 10, 0.01)
radius = np.where(times < 6, 1.0, 0.0)
circle = radius[:, np.newaxis] * np.stack([np.cos(6 * times), np.sin(6 * times)], axis=1)
points = circle + 0.05 * rng.normal(size=circle.shape)

stream = MultiScaleStream(scales=[2000], slide_intervals_ms=[500])
for update in stream.push(points, times):
    loops = update.diagram[1]
    longest = float(loops[0, 1] - loops[0, 0]) if len(loops) else 0.0
    print(f"{update.timestamp:5.1f} s  {update.n_points:4d} points  longest loop {longest:.2f}")
