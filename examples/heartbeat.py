"""The loops of a heartbeat over three time scales, without the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aura_tda_gpu import Config, MultiScaleStream

here = Path(__file__).parent
recording = np.loadtxt(here / "data/ppg_heartpy_data2.csv", delimiter=",", skiprows=1)
seconds, signal = recording[:, 0] / 1000, recording[:, 1]

# a point is the signal now, 7 and 14 samples (60 and 120 ms) earlier
lag = 7
points = np.stack([signal[2 * lag :], signal[lag:-lag], signal[: -2 * lag]], axis=1)
times = seconds[2 * lag :]

stream = MultiScaleStream(Config.load(here.parent / "configs/heartbeat.yaml"))
latest: dict[str, float] = {}
for start in range(0, len(points), 100):
    for update in stream.push(points[start : start + 100], times[start : start + 100]):
        loops = update.diagram[1]
        latest[update.window_id] = float(loops[0, 1] - loops[0, 0]) if len(loops) else 0.0
        if update.window_id == "scale_4000ms" and round(10 * update.timestamp) % 40 == 0:
            row = "  ".join(f"{name[6:]:>7} {length:6.1f}" for name, length in latest.items())
            print(f"{update.timestamp:6.1f} s   longest loop of each window: {row}")
