"""A disc gets a hole that opens and closes again: one loop with one name, from birth to death."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aura_tda_gpu import FeatureTracker, MultiScaleStream

rng = np.random.default_rng(0)
times = np.arange(0, 40, 0.02)
hole = np.interp(times, [0, 8, 16, 24, 32, 40], [0, 0, 0.8, 0.8, 0, 0])
radius, angle = np.sqrt(rng.uniform(hole**2, 1)), rng.uniform(0, 2 * np.pi, len(times))
points = radius[:, np.newaxis] * np.column_stack([np.cos(angle), np.sin(angle)])

stream = MultiScaleStream([4000])
tracker = FeatureTracker()
lives: dict[str, list[tuple[float, float]]] = {}
noise: list[tuple[float, float]] = []
events = []
for update in tracker.follow(stream.push(points, times)):
    for event in update.events:
        if event.dimension == 1:
            events.append(event)
            bar = "[{birth:.2f}, {death:.2f})".format(**event.metadata)
            print(f"{event.timestamp:5.1f} s  {event.event_type:<14}  {event.feature_id}  {bar}")
    for (birth, death), name in zip(update.diagram[1], update.feature_ids[1], strict=True):
        place = noise if name is None else lives.setdefault(name, [])
        place.append((update.timestamp, float(death - birth)))

try:
    from matplotlib.figure import Figure
except ImportError:
    print("no picture: pip install 'aura-tda-gpu[plot]'")
else:
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.scatter(*np.transpose(noise), s=5, color="#bbbbbb", linewidths=0, label="other bars")
    for name, life in lives.items():
        axes.plot(*np.transpose(life), marker=".", linewidth=2, label=name)
    ideal = np.sqrt(3) * hole  # the side of the largest equilateral triangle in the hole
    axes.plot(
        times, ideal, color="#222222", linestyle="--", linewidth=1, label="√3 radius of the hole"
    )
    for event in events:
        if event.event_type != "feature_update":
            axes.axvline(event.timestamp, color="#999999", linewidth=0.8)
            axes.text(event.timestamp, 1.5, f" {event.event_type[8:]}", fontsize=9)
    axes.set(xlabel="event time, s", ylabel="persistence", ylim=(0, 1.7))
    axes.legend(loc="upper left", frameon=False)
    picture = Path("out/loop_opens_and_closes.png")
    picture.parent.mkdir(exist_ok=True)
    figure.savefig(picture, dpi=120)
    print(f"picture: {picture}")
