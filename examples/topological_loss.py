"""A cloud of points becomes a loop: gradient descent on the persistence of its longest bar.

pip install 'aura-tda-gpu[torch,plot]'
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

if find_spec("torch") is None:
    sys.exit(str(__doc__).splitlines()[-1].strip() + "   # is needed by this example")

import torch

from aura_tda_gpu import vietoris_rips
from aura_tda_gpu.features.torch import RipsLayer

torch.manual_seed(0)
before = 0.4 * torch.randn(120, 2)
points = before.clone().requires_grad_()
rips = RipsLayer(homology_dimensions=(0, 1))
optimiser = torch.optim.Adam([points], lr=0.02)

for step in range(201):
    bars, _ = rips(points)
    is_loop = bars[:, 2] == 1
    loops = (bars[is_loop, 1] - bars[is_loop, 0]).sort(descending=True).values
    gaps = bars[(bars[:, 2] == 0) & bars[:, 1].isfinite(), 1]
    outside = (points.norm(dim=1) - 1).clamp(min=0)
    # one long loop, no others, no gaps in it, all of it in the unit disc
    loss = -loops[:1].sum() + loops[1:].sum() + gaps.square().sum() + outside.square().sum()
    if step % 25 == 0:
        print(f"step {step:3d}  loss {loss:7.3f}  longest loop {loops[:1].sum():.3f}")
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()

try:
    from matplotlib.figure import Figure
except ImportError:
    print("no picture: pip install 'aura-tda-gpu[plot]'")
else:
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    for axes, title, cloud in zip(
        figure.subplots(1, 2), ("before", "after"), (before, points.detach()), strict=True
    ):
        diagram = vietoris_rips(cloud)
        axes.scatter(*cloud.T, s=12, color="#1f77b4", linewidths=0)
        if len(diagram[1]):
            for walk in diagram.cycle(1, 0):
                axes.plot(*cloud[[*walk, walk[0]]].T, color="#d62728", linewidth=1)
            birth, death = diagram[1][0]
            title += f": the longest loop lives from {birth:.2f} to {death:.2f}"
        axes.set(title=title, aspect="equal", xlim=(-1.5, 1.5), ylim=(-1.5, 1.5))
    picture = Path("out/topological_loss.png")
    picture.parent.mkdir(exist_ok=True)
    figure.savefig(picture, dpi=120)
    print(f"picture: {picture}")
