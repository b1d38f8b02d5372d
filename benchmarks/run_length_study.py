"""How many ticks a bar must be significant before it is reported.

Windows overlap, so a loop that noise makes stays for some ticks. Streams of pure noise tell how
often a rule reports one; a noisy circle that closes after half of it was known tells how long a
rule takes. A bar is followed by the points that give its birth and its death, else to the nearest
bar of the next tick.

    python -m benchmarks.run_length_study
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from aura_tda_gpu.persistence.significance import (
    RunLength,
    calibration_for,
    corrected,
    p_values,
)
from aura_tda_gpu.streaming.persistence_stream import BoundedPersistenceStream
from aura_tda_gpu.streaming.window_update import WindowUpdate

from .calibrate_significance import SHAPES, draw

SEED = 7
ALPHA = 0.05
WARM_UP = 2  # windows
RUNS = (1, 2, 3, 4, 5, 6, 8, 10)


Name = tuple[int, ...]


class View(NamedTuple):
    """How a window sees its points."""

    landmarks: str
    n_points: int
    max_landmarks: int
    overlap: int = 10  # ticks a window

    def __str__(self) -> str:
        of = "" if self.landmarks == "exact" else f"{self.max_landmarks} of "
        return f"{self.landmarks} {of}{self.n_points}, {self.overlap} ticks"

    def rng(self, *more: int) -> np.random.Generator:
        return np.random.default_rng([SEED, len(self.landmarks), *self[1:], *more])


VIEWS = (
    View("exact", 50, 50),
    View("exact", 100, 100),
    View("exact", 200, 200),
    View("exact", 100, 100, 4),
    View("exact", 100, 100, 20),
    View("cover", 250, 64),
    View("cover", 1000, 64),
    View("cover", 2000, 128),
)


class Track(NamedTuple):
    """One bar from the tick at which it is significant for the first time to its last one."""

    first: int  # tick
    p: list[float]  # corrected p-value of each tick


def updates(view: View, batches: Iterator[np.ndarray]) -> Iterator[WindowUpdate]:
    """Let a window slide."""
    window: BoundedPersistenceStream | None = None
    for tick, rows in enumerate(batches):
        if window is None:
            window = BoundedPersistenceStream(
                1000,
                rows.shape[1],
                slide_interval_ms=1000 / view.overlap,
                max_points=view.n_points + 1,
                max_landmarks=view.max_landmarks,
                landmarks="cover",
                homology_dimensions=(1,),
                parallel_workers=1,
            )
            slide_ns = window.scale.slide_ns
        times = (tick * slide_ns + np.arange(len(rows)) * (slide_ns // len(rows))) / 1e9
        window.add_points(rows, times)
        yield window.tick((tick + 1) * slide_ns)


def tick_p_values(update: WindowUpdate, view: View) -> np.ndarray:
    """Return corrected p-values of the loops of a tick."""
    law = calibration_for(
        landmarks=view.landmarks, n_vertices=update.n_vertices, n_points=update.n_points
    )
    return corrected(p_values(update.diagram[1], calibration=law), "holm")


def tracks(view: View, batches: Iterator[np.ndarray]) -> list[Track]:
    """Follow every bar that is significant at ALPHA once."""
    done: list[Track] = []
    alive: dict[Name, tuple[Track, np.ndarray]] = {}
    for tick, update in enumerate(updates(view, batches)):
        if tick < WARM_UP * view.overlap:
            continue
        bars = update.diagram[1].astype(float)
        p = tick_p_values(update, view)
        free = {name: i for i, name in enumerate(names_of(update))}
        followed: dict[Name, tuple[Track, np.ndarray]] = {}
        lost = []
        for name, (track, bar) in alive.items():
            if name in free:
                i = free.pop(name)
                track.p.append(p[i])
                followed[name] = track, bars[i]
            else:
                lost.append((track, bar))
        for track, bar in lost:
            gaps = {name: np.abs(bars[i] - bar).max() for name, i in free.items()}
            name = min(gaps, key=gaps.__getitem__, default=())
            if gaps and gaps[name] <= (bar[1] - bar[0]) / 2:
                i = free.pop(name)
                track.p.append(p[i])
                followed[name] = track, bars[i]
            else:
                done.append(track)
        for name, i in free.items():
            if p[i] <= ALPHA:
                followed[name] = Track(tick, [p[i]]), bars[i]
        alive = followed
    return done + [track for track, _ in alive.values()]


def names_of(update: WindowUpdate) -> list[Name]:
    """Name each loop by the points of its birth edge and of its death edge."""
    edges = np.hstack([update.diagram.birth_edges[1], update.diagram.death_edges[1]])
    ids = np.sort(update.vertex_ids[edges].reshape(-1, 2, 2), axis=2)
    return [tuple(name) for name in ids.reshape(-1, 4).tolist()]


def noise(view: View, shape: str, dim: int, ticks: int, rng: np.random.Generator) -> Any:
    """Yield a batch of pure noise a tick."""
    for _ in range(WARM_UP * view.overlap + ticks):
        yield draw(shape, view.n_points // view.overlap, dim, rng)


def closing(view: View, spread: float, dim: int, rng: np.random.Generator) -> Any:
    """Yield half a noisy circle for two windows, then all of it for four."""
    for tick in range((WARM_UP + 4) * view.overlap):
        half = 1 if tick < WARM_UP * view.overlap else 2
        angle = rng.uniform(0, half * np.pi, view.n_points // view.overlap)
        points = spread * rng.standard_normal((len(angle), dim))
        points[:, 0] += np.cos(angle)
        points[:, 1] += np.sin(angle)
        yield points


def reports(track: Track, required: int) -> int | None:
    """Return after how many of its ticks a bar is reported."""
    rule, run = RunLength(required, ALPHA), np.zeros(1, np.int64)
    for count, p in enumerate(track.p, 1):
        run = rule.after(run, np.array([p]))
        if rule.confirms(run)[0]:
            return count
    return None


def main() -> None:
    """Print both tables."""
    args = _arguments()
    views = [v for v in VIEWS if v.landmarks in args.landmarks and v.overlap in args.overlaps]
    if args.streams:
        _pure_noise(views, args)
    if args.circles:
        _circles(views, args)


def _pure_noise(views: list[View], args: argparse.Namespace) -> None:
    print("pure noise: ticks with p <= 5 %, features reported in 1000 ticks, by what is required")
    print(f"{'window':<30}{'noise':<12}{'':>7}" + "".join(f"{r:>7}" for r in RUNS))
    for view in views:
        for dim in args.dims:
            for number, shape in enumerate(SHAPES):
                rng = view.rng(dim, number)
                found = [
                    track
                    for _ in range(args.streams)
                    for track in tracks(view, noise(view, shape, dim, args.ticks, rng))
                ]
                ticks = args.streams * args.ticks
                share = sum(p <= ALPHA for track in found for p in track.p) / ticks
                counts = [sum(reports(t, r) is not None for t in found) / ticks for r in RUNS]
                print(
                    f"{view!s:<30}{f'{shape} {dim}-D':<12}{share:>7.1%}"
                    + "".join(f"{1000 * count:>7.2f}" for count in counts),
                    flush=True,
                )


def _circles(views: list[View], args: argparse.Namespace) -> None:
    print("circle that closes: ticks until it is reported, median and 90 %; share not reported")
    print(f"{'window':<30}{'noise':<10}" + "".join(f"{r:>13}" for r in RUNS))
    for view in views:
        for dim in args.dims:
            for spread in (0.1, 0.2):
                rng = view.rng(dim, round(10 * spread))
                runs = [tracks(view, closing(view, spread, dim, rng)) for _ in range(args.circles)]
                told = [_told([_delay(run, r, view) for run in runs]) for r in RUNS]
                print(
                    f"{view!s:<30}{f'{spread} {dim}-D':<10}" + "".join(f"{t:>13}" for t in told),
                    flush=True,
                )


def _told(delays: list[float]) -> str:
    late = np.quantile(delays, 0.9, method="higher")
    return f"{np.median(delays):.0f} {late:.0f} {np.mean(np.isinf(delays)):.0%}"


def _delay(found: list[Track], required: int, view: View) -> float:
    """Return the tick of the first report, counted from the change."""
    ticks = [(track.first, reports(track, required)) for track in found]
    ends = [first + count - WARM_UP * view.overlap for first, count in ticks if count is not None]
    return min(ends, default=np.inf)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    kinds = ["exact", "cover"]
    parser.add_argument("--landmarks", nargs="+", choices=kinds, default=kinds)
    overlaps = sorted({view.overlap for view in VIEWS})
    parser.add_argument("--overlaps", type=int, nargs="+", choices=overlaps, default=overlaps)
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 10])
    parser.add_argument("--streams", type=int, default=4, help="of each noise")
    parser.add_argument("--ticks", type=int, default=1000, help="of each stream")
    parser.add_argument("--circles", type=int, default=20)
    return parser.parse_args()


if __name__ == "__main__":
    main()
