"""Vectorisations of a batch against gudhi's loop, and the features of a tick of a stream.

No time is taken before the results agree to 1e-5. All figures are those of one run.
Usage: python -m benchmarks.features_performance [--repeat N] [--output FILE]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gudhi.representations as peer
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from aura_tda_gpu import MultiScaleStream, WindowUpdate
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
from aura_tda_gpu.streaming import running_features
from aura_tda_gpu.streaming.real_time_features import RealTimeFeatures

from . import record
from .suite import OTHER, record_path

try:
    import torch
except ImportError:  # the rows of torch are missing then
    torch = None  # type: ignore[assignment]

TARGET_RATIO, TARGET_TICK_MS = 20, 0.5
PACKAGES = ("aura-tda-gpu", "numpy", "numba", "torch", "gudhi", "scikit-learn")
RANGE, IMAGE = (0.0, 2.0), (0.0, 1.0, 0.0, 1.0)
SCALE_MS, LANDMARKS = 10_000, 512

PAIRS: dict[str, tuple[Vectorisation, Any]] = {
    "Betti curve": (BettiCurve(1, sample_range=RANGE), peer.BettiCurve(100, RANGE)),
    "landscape, 5 layers": (
        PersistenceLandscape(1, sample_range=RANGE),
        peer.Landscape(5, 100, RANGE),
    ),
    "silhouette": (
        Silhouette(1, sample_range=RANGE),
        peer.Silhouette(lambda bar: bar[1] - bar[0], 100, RANGE),
    ),
    "image, 20 x 20": (
        PersistenceImage(1, bandwidth=0.1, im_range=IMAGE),
        peer.PersistenceImage(0.1, lambda bar: bar[1], [20, 20], list(IMAGE)),
    ),
    "entropy": (PersistenceEntropy(1), peer.Entropy()),
    "5 lengths": (PersistenceLengths(1), peer.PersistenceLengths(5)),
}
# what a tick is measured with: all eight kinds
LOOPS: tuple[Vectorisation, ...] = (
    BettiCurve(1, sample_range=RANGE),
    PersistenceLandscape(1, n_layers=3, sample_range=RANGE),
    Silhouette(1, sample_range=RANGE),
    PersistenceImage(1, bandwidth=0.1, im_range=IMAGE),
    PersistenceEntropy(1),
    PersistenceStatistics(1),
    PersistenceLengths(1),
    EulerCurve(sample_range=RANGE),
)
PARTS: tuple[Vectorisation, ...] = (
    BettiCurve(0, sample_range=RANGE),
    PersistenceEntropy(0),
    PersistenceStatistics(0),
    PersistenceLengths(0),
)
TICKS = {
    "loops: all eight": FeatureVector(LOOPS),
    "loops: all eight; parts: Betti, entropy, statistics, lengths": FeatureVector((*LOOPS, *PARTS)),
    "loops and parts: an image of 60 x 60 each": FeatureVector(
        tuple(
            PersistenceImage(k, bandwidth=0.1, im_range=IMAGE, resolution=(60, 60)) for k in (0, 1)
        )
    ),
}


def diagrams(n: int, n_bars: int) -> list[npt.NDArray[np.float64]]:
    """Return random diagrams, shape (n_bars, 2)."""
    rng = np.random.default_rng(0)
    births = rng.uniform(0, 1, (n, n_bars))
    deaths = births + rng.exponential(0.2, (n, n_bars))
    return list(np.stack([births, deaths], axis=2))


def milliseconds(run: Callable[[], Any], repeat: int) -> float:
    """Return the median time of a run, after one that is not measured."""
    samples = []
    run()
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        samples.append(1e3 * (time.perf_counter() - start))
    return statistics.median(samples)


def batch_rows(n: int, n_bars: int, repeat: int) -> list[dict[str, Any]]:
    """Return the times of each vectorisation, and of all together."""
    given = diagrams(n, n_bars)
    values, mask = pad(given, dimension=1)
    forms: dict[str, tuple[Any, Any]] = {"numpy": (values, mask)}
    if torch is not None:
        tensors = torch.from_numpy(values), torch.from_numpy(mask)
        forms |= {"torch": tensors, "torch float32": (tensors[0].float(), tensors[1])}
    rows: list[dict[str, Any]] = []
    for name, (ours, theirs) in PAIRS.items():
        theirs.fit(given)
        expected = theirs.transform(given)
        error = {
            form: float(np.abs(np.asarray(ours.transform(*arrays)) - expected).max())
            for form, arrays in forms.items()
        }
        bound = 1e-5 * max(1.0, float(np.abs(expected).max()))
        for form, found in error.items():
            # in float32 a bar may start on the other side of a sample
            aside = 2 if name == "Betti curve" else bound
            assert found < (aside if form.endswith("32") else 1e-5), (name, form, found)
        times = {"gudhi": milliseconds(partial(theirs.transform, given), repeat)}
        for form, arrays in forms.items():
            times[form] = milliseconds(partial(ours.transform, *arrays), repeat)
        rows.append({"vectorisation": name, "milliseconds": times, "largest_difference": error})
    together = FeatureVector(tuple(ours for ours, _ in PAIRS.values()))
    at_once = {"gudhi": sum(row["milliseconds"]["gudhi"] for row in rows)}
    for form, arrays in forms.items():
        at_once[form] = milliseconds(partial(together.transform, *arrays), repeat)
    rows.append({"vectorisation": "all six at once", "milliseconds": at_once})
    for row in rows:
        gudhi = row["milliseconds"]["gudhi"]
        row["times_as_fast"] = {form: round(gudhi / row["milliseconds"][form], 1) for form in forms}
    return rows


def stream_updates(n_points: int, landmarks: int) -> list[WindowUpdate]:
    """Return the ticks of a noisy loop whose radius changes, its window full."""
    rng = np.random.default_rng(0)
    times = np.arange(n_points) * 60 / n_points
    angle = 2 * np.pi * 3.3 * times
    circle = np.column_stack([np.cos(angle), np.sin(angle)]) * (1 + 0.3 * np.sin(times))[:, None]
    stream = MultiScaleStream([SCALE_MS], max_landmarks=landmarks)
    updates = stream.push(circle + rng.normal(0, 0.1, circle.shape), times)
    return [update for update in updates if update.timestamp >= SCALE_MS / 1000]


def tick_row(
    name: str, features: FeatureVector, updates: Sequence[WindowUpdate], repeat: int
) -> Any:
    """Return the time of a tick: as it is, with sums always kept up to date, and afresh."""
    ways = {"as it is": (None, 64), "sums kept up to date": (0, 64), "all afresh": (None, 1)}
    found: dict[str, Any] = {}
    usual = running_features.FEW_NUMBERS
    expected = np.concatenate(
        [features.transform(*_float64(update)).astype(np.float32) for update in updates]
    )
    for way, (few, rebuild_every) in ways.items():
        running_features.FEW_NUMBERS = usual if few is None else few
        try:
            hook = RealTimeFeatures(features, [SCALE_MS], rebuild_every=rebuild_every)
            hook(updates)
            told = np.stack([update.features for update in updates if update.features is not None])
            np.testing.assert_allclose(told, expected, rtol=1e-5, atol=1e-5)
            samples = []
            for _ in range(repeat):
                for update in updates:
                    start = time.perf_counter()
                    hook([update])
                    samples.append(1e3 * (time.perf_counter() - start))
        finally:
            running_features.FEW_NUMBERS = usual
        found[way] = {
            "median_ms": statistics.median(samples),
            "p95_ms": float(np.percentile(samples, 95)),
        }
    return {"features": name, "n_features": features.n_features, "ticks": len(samples), **found}


def _float64(update: WindowUpdate) -> tuple[Any, Any]:
    values, mask = pad([update.diagram])
    return values.astype(np.float64), mask


def moved(updates: Sequence[WindowUpdate]) -> float:
    """Return how many bars come and go at a tick, as the mean share of all."""
    shares, before = [], None
    for update in updates:
        bars = running_features.TickBars(update.diagram, before)
        n_moved = bars.n_moved(None)
        if n_moved is not None:
            shares.append(n_moved / 2 / len(bars))
        before = bars
    return statistics.mean(shares)


def _arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--diagrams", type=int, default=512)
    parser.add_argument("--bars", type=int, default=200)
    parser.add_argument("--points", type=int, default=60_000)
    parser.add_argument("--landmarks", type=int, default=LANDMARKS)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--output", type=Path, help="where to write the JSON record")
    return parser.parse_args(argv)


def main() -> None:
    """Measure, print and write the record."""
    options = _arguments()
    machine = record.machine()
    with threadpool_limits(1):
        if torch is None:
            print("torch is not installed: its rows, and so the standard record, are left out")
        else:
            torch.set_num_threads(options.threads)
        measure(options, machine)


def _path(options: argparse.Namespace) -> Path:
    """Return where the record goes; without torch it does not replace one that has its rows."""
    if torch is None and options.output is None:
        return OTHER / "features_performance.json"
    return record_path("features_performance", options, _arguments)


def measure(options: argparse.Namespace, machine: dict[str, Any]) -> None:
    """Measure, print and write the record, with one thread for numpy."""
    rows = batch_rows(options.diagrams, options.bars, options.repeat)
    print(f"{options.diagrams} diagrams of {options.bars} bars, torch threads: {options.threads}")
    for row in rows:
        ms, ratio = row["milliseconds"], row["times_as_fast"]
        print(
            f"  {row['vectorisation']:20} gudhi {ms['gudhi']:7.1f} ms   "
            + "   ".join(f"{form} {ms[form]:5.1f} ms, x{ratio[form]}" for form in ratio)
        )
    updates = stream_updates(options.points, options.landmarks)
    share = moved(updates)
    print(f"{len(updates)} ticks of {updates[-1].n_vertices} landmarks, {share:.1%} of bars change")
    ticks = [tick_row(name, vector, updates, options.repeat) for name, vector in TICKS.items()]
    for tick in ticks:
        told = (f"{way} {tick[way]['median_ms']:.2f} ms" for way in list(tick)[3:])
        print(f"  {tick['features']} ({tick['n_features']}): {', '.join(told)}")
    figures = {
        "benchmark": "features_performance",
        "machine": machine,
        "versions": record.versions(PACKAGES),
        "commit": record.commit(),
        "settings": {k: v for k, v in vars(options).items() if k != "output"},
        "targets": {"times_as_fast_as_gudhi": TARGET_RATIO, "tick_ms": TARGET_TICK_MS},
        "batch": rows,
        "landmarks": int(updates[-1].n_vertices),
        "share_of_bars_changed": share,
        "ticks": ticks,
    }
    record.write(_path(options), figures)


if __name__ == "__main__":
    main()
