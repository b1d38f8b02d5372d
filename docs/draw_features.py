"""Draw the pictures of docs/features.md from computations with the package.

Usage: python docs/draw_features.py [FOLDER]

Prints the caption of each picture; the page holds the same captions.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from engine_drawing import BLUE, GREEN, GREY, INK, ORANGE, PALE, RED, Points, noisy_ring

from aura_tda_gpu import MultiScaleStream, vietoris_rips
from aura_tda_gpu.features import (
    BettiCurve,
    EulerCurve,
    FeatureVector,
    PersistenceEntropy,
    PersistenceImage,
    PersistenceLandscape,
    PersistenceLengths,
    PersistenceStatistics,
    Silhouette,
    pad,
)
from aura_tda_gpu.features.base import Vectorisation
from aura_tda_gpu.streaming.real_time_features import RealTimeFeatures

IMAGES = Path(__file__).with_name("img")
STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "savefig.dpi": 120,
}
RANGE = (0.0, 1.8)
SAMPLES = np.linspace(*RANGE, 200)
LAYERS = (BLUE, ORANGE, GREEN)
NAMES = ("two rings", "a cloud")


def main(folder: Path) -> None:
    """Write every picture and print its caption."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = (
        diagrams,
        betti_curve,
        euler_curve,
        landscape,
        silhouette,
        image,
        entropy,
        statistics,
        lengths,
        stream,
    )
    with mpl.rc_context(STYLE):
        for draw in pictures:
            figure, caption = draw()
            figure.savefig(folder / f"features_{draw.__name__}.png", metadata={"Software": None})
            plt.close(figure)
            print(caption)


def clouds() -> tuple[Points, Points]:
    """Return two rings, and as many points without a loop."""
    rng = np.random.default_rng(3)
    small = 0.55 * noisy_ring(40, 0.06, seed=1) + np.array([1.75, 0.2], np.float32)
    rings = np.concatenate([noisy_ring(60, 0.05, seed=2), small])
    return rings, rng.normal(0, 0.6, (100, 2)).astype(np.float32)


DIAGRAMS = tuple(vietoris_rips(cloud) for cloud in clouds())
VALUES, MASK = pad(DIAGRAMS)


def of_both(vectorisation: Vectorisation) -> Any:
    """Return the features of both clouds, shape (2, F)."""
    return vectorisation.transform(VALUES, MASK)


def bars(index: int) -> npt.NDArray[np.float32]:
    """Return the loops of a cloud, shape (n, 2)."""
    return DIAGRAMS[index][1]


def panels(label: str = "", height: float = 2.5) -> tuple[Any, Any]:
    """Return a figure with an axis for each cloud, which share their scales."""
    figure, axes = plt.subplots(
        1, 2, figsize=(9, height), sharex=True, sharey=True, layout="constrained"
    )
    for axis, name in zip(axes, NAMES, strict=True):
        axis.set_title(name)
        axis.spines[["top", "right"]].set_visible(False)
        if label:
            axis.set_xlabel(label)
    return figure, axes


def diagrams() -> tuple[Any, str]:
    """The clouds, and their bars."""
    figure, axes = plt.subplots(1, 4, figsize=(12, 2.9), layout="constrained")
    for index, cloud in enumerate(clouds()):
        axis = axes[2 * index]
        axis.scatter(*cloud.T, s=8, color=INK)
        axis.set_aspect("equal")
        axis.set_axis_off()
        axis.set_title(NAMES[index])
        axis = axes[2 * index + 1]
        axis.plot(RANGE, RANGE, color=PALE, lw=1, zorder=0)
        closed = DIAGRAMS[index][0][1:]
        axis.scatter(*closed.T, s=10, color=GREY, label="H0")
        axis.scatter(*bars(index).T, s=14, color=BLUE, label="H1")
        axis.set(xlim=(-0.05, RANGE[1]), ylim=(0, RANGE[1]), xlabel="birth", ylabel="death")
        axis.legend(loc="lower right")
        axis.spines[["top", "right"]].set_visible(False)
    return figure, (
        "Two clouds of 100 points and their diagrams, without the open bar: the rings are two blue "
        "points far above the diagonal."
    )


def betti_curve() -> tuple[Any, str]:
    """The number of loops."""
    curves = of_both(BettiCurve(1, resolution=200, sample_range=RANGE))
    figure, axes = panels("t")
    for index, axis in enumerate(axes):
        for height, bar in enumerate(bars(index)[bars(index)[:, 0].argsort()]):
            axis.plot(bar, [-0.4 - 0.15 * height] * 2, color=GREY, lw=1)
        axis.step(SAMPLES, curves[index], where="post", color=BLUE)
        axis.set_ylabel("loops")
        axis.set_yticks(range(0, 7, 2))
    return figure, "Betti curve of H1: how many bars, drawn in grey below, there are at t."


def euler_curve() -> tuple[Any, str]:
    """The alternating sum."""
    parts = of_both(BettiCurve(0, resolution=200, sample_range=RANGE))
    loops = of_both(BettiCurve(1, resolution=200, sample_range=RANGE))
    curves = of_both(EulerCurve(resolution=200, sample_range=RANGE))
    figure, axes = panels("t")
    for index, axis in enumerate(axes):
        axis.plot(SAMPLES, parts[index], color=GREY, lw=1, label="components")
        axis.plot(SAMPLES, -loops[index], color=ORANGE, lw=1, label="loops, negative")
        axis.step(SAMPLES, curves[index], where="post", color=BLUE, label="Euler curve")
        axis.axhline(0, color=PALE, lw=0.8, zorder=0)
        axis.set_ylim(-7, 20)
        axis.legend()
    return figure, (
        "Euler curve: components less loops, of the 100 components at t = 0 the last 20; other "
        "dimensions were not computed."
    )


def tents(axis: Any, index: int) -> None:
    """Draw the tents of the loops, times the square root of 2."""
    for birth, death in bars(index):
        tent = np.minimum(SAMPLES - birth, death - SAMPLES)
        axis.plot(SAMPLES, math.sqrt(2) * np.maximum(tent, 0), color=PALE, lw=1)


def landscape() -> tuple[Any, str]:
    """The upper envelopes of the tents."""
    layers = of_both(PersistenceLandscape(1, n_layers=3, resolution=200, sample_range=RANGE))
    figure, axes = panels("t")
    for index, axis in enumerate(axes):
        tents(axis, index)
        for k, layer in enumerate(layers[index].reshape(3, 200)):
            axis.plot(SAMPLES, layer, color=LAYERS[k], label=f"layer {k + 1}")
        axis.legend()
    return figure, (
        "Persistence landscape of H1: the highest, second and third highest of the tents over the "
        "bars, drawn in grey."
    )


def silhouette() -> tuple[Any, str]:
    """The weighted mean of the tents."""
    figure, axes = panels("t")
    for index, axis in enumerate(axes):
        tents(axis, index)
    for power, colour in zip((0, 1, 2), LAYERS, strict=True):
        curves = of_both(Silhouette(1, power=power, resolution=200, sample_range=RANGE))
        for index, axis in enumerate(axes):
            axis.plot(SAMPLES, curves[index], color=colour, label=f"power {power}")
            axis.legend()
    return figure, (
        "Silhouette of H1: the mean of the same tents, each with the weight persistence to a power."
    )


def image() -> tuple[Any, str]:
    """Gaussians on the plane of birth and persistence."""
    extent = (0.0, 1.0, 0.0, 1.75)
    vectorisation = PersistenceImage(1, bandwidth=0.08, resolution=(40, 70), im_range=extent)
    pictures = of_both(vectorisation).reshape(2, 70, 40)
    figure, axes = panels("birth", height=3.4)
    for index, axis in enumerate(axes):
        axis.imshow(
            pictures[index],
            origin="lower",
            extent=extent,
            aspect="auto",
            cmap="Blues",
            vmin=0,
            vmax=pictures.max(),
        )
        births, deaths = bars(index).T
        axis.scatter(births, deaths - births, s=8, color=RED)
        axis.set_ylabel("persistence")
    return figure, (
        "Persistence image of H1: a Gaussian at each bar, drawn as a red point, with its "
        "persistence as weight."
    )


def entropy() -> tuple[Any, str]:
    """The shares of the bars."""
    plain = of_both(PersistenceEntropy(1))[:, 0]
    normal = of_both(PersistenceEntropy(1, normalise=True))[:, 0]
    figure, axes = panels("share of the total persistence", height=1.7)
    for index, axis in enumerate(axes):
        persistences = -np.sort(-np.diff(bars(index))[:, 0])
        start = 0.0
        for k, share in enumerate(persistences / persistences.sum()):
            colour = (BLUE, PALE)[k % 2]
            axis.barh(0, share, left=start, color=colour, edgecolor="white", lw=0.5)
            start += share
        axis.set_yticks([])
        name = axis.get_title(loc="left")
        axis.set_title(f"{name}: entropy {plain[index]:.2f}, normalised {normal[index]:.2f}")
    return figure, (
        "Entropy of H1: low where few bars have most of the persistence, and highest where all "
        "have the same."
    )


def statistics() -> tuple[Any, str]:
    """Quantiles of births, deaths and persistences."""
    vectorisation = PersistenceStatistics(1)
    features = of_both(vectorisation)
    names = list(vectorisation.get_feature_names_out())
    rng = np.random.default_rng(0)
    figure, axes = panels()
    for index, axis in enumerate(axes):
        births, deaths = bars(index).T
        given = {"birth": births, "death": deaths, "persistence": deaths - births}
        for place, (kind, x) in enumerate(given.items()):
            axis.scatter(place + rng.uniform(0.15, 0.3, len(x)), x, s=6, color=GREY)
            told = {
                name.rpartition("_")[2]: features[index, i]
                for i, name in enumerate(names)
                if f"_{kind}_" in name
            }
            axis.vlines(place, told["q0"], told["q100"], color=BLUE, lw=1)
            axis.vlines(place, told["q25"], told["q75"], color=BLUE, lw=5)
            axis.scatter(place, told["q50"], color="white", s=12, zorder=3)
            axis.scatter(place, told["mean"], color=ORANGE, marker="D", s=16, zorder=4)
        axis.set_xticks(range(3), given)
        name = axis.get_title(loc="left")
        axis.set_title(f"{name}: {features[index, 0]:.0f} bars")
    return figure, (
        "Statistics of H1: least, greatest and quartiles in blue, the median white, the mean "
        "orange, and the bars in grey."
    )


def lengths() -> tuple[Any, str]:
    """The longest bars."""
    features = of_both(PersistenceLengths(1, n_longest=8))
    figure, axes = panels("rank")
    for index, axis in enumerate(axes):
        axis.bar(range(1, 9), features[index], color=BLUE)
        axis.set_ylabel("persistence")
    return figure, "Lengths of H1: the persistences of the eight longest bars."


def stream() -> tuple[Any, str]:
    """The features of a stream over time."""
    rng = np.random.default_rng(0)
    t = np.arange(0, 30, 0.01)
    points = np.column_stack([np.cos(6.4 * t), np.sin(6.4 * t)])
    rests = (t >= 12) & (t < 20)
    points = np.where(rests[:, None], 0.0, points) + rng.normal(0, 0.1, points.shape)
    hook = RealTimeFeatures(
        FeatureVector(
            (
                PersistenceLengths(1, n_longest=1),
                PersistenceEntropy(1, normalise=True),
                Silhouette(1, power=2, resolution=60, sample_range=RANGE),
            )
        ),
        [2000],
    )
    updates = MultiScaleStream([2000]).push(points, t)
    hook(updates)
    times = [update.timestamp for update in updates]
    table = np.stack([update.features for update in updates if update.features is not None])
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(9, 3.8), sharex=True, layout="constrained", height_ratios=(1, 1.2)
    )
    above.plot(times, table[:, 0], color=BLUE, label="h1_length_1")
    above.plot(times, table[:, 1], color=ORANGE, label="h1_entropy")
    above.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    above.spines[["top", "right"]].set_visible(False)
    extent = (times[0], times[-1], *RANGE)
    below.imshow(table[:, 2:].T, origin="lower", aspect="auto", cmap="Blues", extent=extent)
    below.set(xlabel="time [s]", ylabel="h1_silhouette: t")
    return figure, (
        "Features at every tick of a window of 2 s: points run round a circle, rest at its centre "
        "from 12 to 20 s, and run again."
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)
