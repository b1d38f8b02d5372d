"""How long the longest bar of pure noise is: the table behind the p-values of a window.

Uniform and normal points in several dimensions are drawn afresh for every window, passed through
the windows of the package (all points; cover and farthest-point landmarks), and the heights that
no more than 5 % and 1 % of the windows exceed are taken by number of bars: of each null its own,
with a margin for the error of the count, then the largest. Data of dimension 10 may fill a plane,
so a dimension has no entry of its own. Then, in a plane alone, where loops of noise die latest for
their birth, the ratios of death over birth that bring windows with a loop that is too long by one
of the two to 5 % and 1 %.
Each cell has its own seed, so the table does not depend on the order or on the machine's speed.

    python -m benchmarks.calibrate_significance            # writes the table, half an hour
    python -m benchmarks.calibrate_significance --longest  # only death over birth, ten minutes
    python -m benchmarks.calibrate_significance --check    # fresh nulls against the table
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aura_tda_gpu import vietoris_rips
from aura_tda_gpu.persistence.calibration import TABLE, Calibration, calibration_for
from aura_tda_gpu.persistence.significance import MIN_BARS, corrected, p_values
from aura_tda_gpu.streaming.persistence_stream import BoundedPersistenceStream

SEED = 2023
SHAPES = ("cube", "gauss")
DIMS = {"exact": (2, 3, 5, 10), "cover": (2, 3, 10), "maxmin": (2, 3, 10)}
SIZES = {
    "exact": {32: 6000, 64: 6000, 128: 4000, 256: 2500, 512: 1500},  # windows of so many points
    "cover": {32: 100, 64: 100, 128: 80, 256: 50, 512: 25},  # streams of so many landmarks
    "maxmin": {32: 600, 64: 600, 128: 500, 256: 350, 512: 300},  # windows of so many landmarks
}
PLANE = {  # the same for death over birth; few points make few loops
    "exact": {
        8: 6000, 12: 6000, 16: 6000, 24: 6000, 32: 6000, 48: 5000, 64: 5000,
        96: 3000, 128: 3000, 192: 1500, 256: 1500, 384: 600, 512: 600,
    },
    "cover": SIZES["cover"],
    "maxmin": SIZES["maxmin"],
}  # fmt: skip
FEW = {"exact": (1, 2), "cover": (), "maxmin": ()}  # numbers of bars that have no middle
ROOM = 0.85  # of the level: with as many loops, windows of some sizes pass more often than others
LARGEST = {2: 512, 3: 256, 5: 128, 10: 128}  # vertices: these have about as many loops
# rows a vertex; a cover of more hardly changes, so that a loop of noise in it stays for long:
# a row of its own let 2 of them in 1000 ticks pass (run_length_study)
RATIOS = {"exact": (1,), "cover": (2, 4), "maxmin": (2, 4, 16)}
MOST_ROWS = 16384  # of a window
SLIDES = 10  # a window
WARM_UP = 12  # ticks of a stream that are not looked at
LEVELS = (0.05, 0.01)
NODES = {  # numbers of bars; a bin ends half way to the next in the logarithm
    "exact": (3, 4, 5, 6, 8, 11, 16, 23, 32, 45, 64, 90, 128, 181, 256),
    "cover": (8, 32, 128),
    "maxmin": (8, 32, 128),
}
FEWEST = 250  # windows of one null that a threshold is read from
ALIKE = 4  # overlapping windows of a cover are worth one: shares vary 2 to 6 times as much
GAP = 0.05  # at least, between the two thresholds
MARGIN = 1.645  # standard errors: the share is at most the level with a confidence of 95 %


class Cell(NamedTuple):
    """One null: what is drawn, and how a window sees it."""

    landmarks: str
    n_vertices: int
    ratio: int
    dim: int
    shape: str

    def rng(self, seed: int) -> np.random.Generator:
        names = list(SIZES).index(self.landmarks), SHAPES.index(self.shape)
        return np.random.default_rng([seed, *names, self.n_vertices, self.ratio, self.dim])


Windows = list[tuple[int, float, float]]


def draw(shape: str, n: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    """Return n points of noise, shape (n, dim)."""
    return rng.random((n, dim)) if shape == "cube" else rng.standard_normal((n, dim))


def cells(landmarks: str) -> list[Cell]:
    """Return the nulls of one kind of window."""
    sizes, ratios, dims = SIZES[landmarks], RATIOS[landmarks], DIMS[landmarks]
    every = [Cell(landmarks, *rest) for rest in itertools.product(sizes, ratios, dims, SHAPES)]
    return [
        cell
        for cell in every
        if cell.n_vertices <= LARGEST[cell.dim] and cell.n_vertices * cell.ratio <= MOST_ROWS
    ]


def loops(cell: Cell, repeats: int, seed: int = SEED) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of vertices and the loops, float32 (n_bars, 2), of each window."""
    rng = cell.rng(seed)
    if cell.landmarks == "exact":
        for _ in range(repeats):
            points = draw(cell.shape, cell.n_vertices, cell.dim, rng)
            yield len(points), vietoris_rips(points, homology_dimensions=(1,), threads=1)[1]
    elif cell.landmarks == "cover":
        for _ in range(repeats):
            ticks = follow(cell, WARM_UP + SLIDES, SLIDES, rng)
            yield from itertools.islice(ticks, WARM_UP, None)
    else:  # farthest points remember nothing: each window is a new one
        yield from follow(cell, repeats, 1, rng)


def follow(
    cell: Cell, ticks: int, slides: int, rng: np.random.Generator
) -> Iterator[tuple[int, np.ndarray]]:
    """Let a window slide over noise."""
    batch = cell.n_vertices * cell.ratio // slides
    window = BoundedPersistenceStream(
        1000,
        cell.dim,
        slide_interval_ms=1000 / slides,
        max_points=batch * slides + 1,
        max_landmarks=cell.n_vertices,
        landmarks=cell.landmarks,
        homology_dimensions=(1,),
        parallel_workers=1,
    )
    slide_ns = window.scale.slide_ns
    for tick in range(ticks):
        times = (tick * slide_ns + np.arange(batch) * (slide_ns // batch)) / 1e9
        window.add_points(draw(cell.shape, batch, cell.dim, rng), times)
        update = window.tick((tick + 1) * slide_ns)
        yield update.n_vertices, update.diagram[1]


def heights(cell: Cell, repeats: int, seed: int = SEED) -> np.ndarray:
    """Return the number of bars and the height of the longest above the median, (windows, 2)."""
    rows = []
    for _, bars in loops(cell, repeats, seed):
        if len(bars) >= MIN_BARS:
            x = np.log(np.log(bars[:, 1].astype(float) / bars[:, 0]))
            rows.append((len(x), x.max() - np.median(x)))
    return np.array(rows, float).reshape(-1, 2)


def repeats_of(cell: Cell, share: float) -> int:
    """Return how often a cell is drawn."""
    return max(2, round(SIZES[cell.landmarks][cell.n_vertices] * share))


def quantile(z: np.ndarray, level: float, alike: int = 1) -> float:
    """Return what no more than a share of all windows is above; so many are worth one."""
    error = np.sqrt(level * (1 - level) * alike / len(z))
    above = max(0, int(len(z) * (level - MARGIN * error)))
    return float(np.sort(z)[::-1][above])


def thresholds(nulls: dict[tuple[int, str], np.ndarray], landmarks: str) -> dict[str, list[float]]:
    """Return a row of the table: of each null its own thresholds, then the largest.

    Parameters
    ----------
    nulls : dict
        By dimension and shape, the windows as `heights` returns them. Numbers of bars that noise
        in a plane does not reach are left out: its loops are the longest.
    landmarks : str
        Kind of the windows.
    """
    nodes = NODES[landmarks]
    alike = ALIKE if landmarks == "cover" else 1
    edges = np.sqrt(np.array(nodes[:-1]) * np.array(nodes[1:]))
    row: dict[str, list[float]] = {"n_bars": [], "at_5": [], "at_1": [], "windows": []}
    for place, node in enumerate(nodes):
        bins = {
            null: windows[np.searchsorted(edges, windows[:, 0]) == place, 1]
            for null, windows in nulls.items()
        }
        bins = {null: z for null, z in bins.items() if len(z) >= FEWEST}
        if any(dim == 2 for dim, _ in bins):
            at_5, at_1 = (max(quantile(z, level, alike) for z in bins.values()) for level in LEVELS)
            row["n_bars"].append(node)
            row["at_5"].append(round(at_5, 3))
            row["at_1"].append(round(max(at_1, at_5 + GAP), 3))
            row["windows"].append(sum(map(len, bins.values())))
    return row


def table_row(landmarks: str, ratio: int, share: float, keep: Path | None) -> dict[str, Any]:
    """Measure one row of the table."""
    found: dict[tuple[int, str], list[np.ndarray]] = {}
    for cell in cells(landmarks):
        if cell.ratio == ratio:
            windows = _kept_heights(cell, share, keep)
            found.setdefault((cell.dim, cell.shape), []).append(windows)
            at = np.quantile(windows[:, 1], [0.95, 0.99]).round(2)
            print(*cell, f"{len(windows)} windows, 5 % and 1 % above", *at, flush=True)
    nulls = {null: np.concatenate(windows) for null, windows in found.items()}
    return {"landmarks": landmarks, "points_per_vertex": ratio, **thresholds(nulls, landmarks)}


def longest(cell: Cell, law: Calibration, repeats: int) -> Windows:
    """Return number of bars, longest ``log log(death / birth)`` and smallest p-value by heights."""
    found = []
    for _, bars in loops(cell, repeats):
        if len(bars):
            p = corrected(p_values(bars, calibration=law))
            x = np.log(np.log(bars[:, 1].astype(float) / bars[:, 0])).max()
            found.append((len(bars), float(x), float(p.min()) if len(bars) >= MIN_BARS else 1.0))
    return found


def longest_columns(row: dict[str, Any], share: float) -> dict[str, Any]:
    """Return a row of the table with what is known of death over birth in a plane."""
    landmarks, ratio = row["landmarks"], int(row["points_per_vertex"])
    known = [i for i, n in enumerate(row["n_bars"]) if n >= MIN_BARS]
    columns = {key: [row[key][i] for i in known] for key in ("n_bars", "at_5", "at_1", "windows")}
    law = Calibration(
        landmarks, ratio, *(tuple(columns[key]) for key in ("n_bars", "at_5", "at_1"))
    )
    few = FEW[landmarks]
    nodes = [*few, *columns["n_bars"]]
    edges = np.sqrt(np.array(nodes[:-1]) * np.array(nodes[1:]))
    told: dict[str, list[float]] = {"longest_5": [], "longest_1": [], "windows_in_a_plane": []}
    tables = [_in_a_plane(landmarks, ratio, shape, law, share) for shape in SHAPES]
    for place in range(len(nodes)):
        bins = [table[np.searchsorted(edges, table[:, 0]) == place] for table in tables]
        bins = [windows for windows in bins if len(windows) >= FEWEST]
        at_5, at_1 = (
            max(_topped_up(windows, level, landmarks) for windows in bins) for level in LEVELS
        )
        told["longest_5"].append(round(float(np.exp(np.exp(at_5))), 3))
        told["longest_1"].append(round(float(np.exp(np.exp(max(at_1, at_5 + GAP)))), 3))
        told["windows_in_a_plane"].append(sum(map(len, bins)))
    heights = {key: columns[key][:1] * len(few) + columns[key] for key in ("at_5", "at_1")}
    heights["windows"] = [0] * len(few) + columns["windows"]
    names = {"landmarks": landmarks, "points_per_vertex": ratio, "n_bars": nodes}
    return {**names, **heights, **told}


def _in_a_plane(
    landmarks: str, ratio: int, shape: str, law: Calibration, share: float
) -> np.ndarray:
    """Return what `longest` tells of the windows of all sizes, (windows, 3)."""
    found: Windows = []
    for n_vertices, repeats in PLANE[landmarks].items():
        if n_vertices * ratio <= MOST_ROWS:
            cell = Cell(landmarks, n_vertices, ratio, 2, shape)
            found += longest(cell, law, max(2, round(share * repeats)))
            print(*cell, f"{len(found)} windows up to here", flush=True)
    return np.array(found)


def _topped_up(windows: np.ndarray, level: float, landmarks: str) -> float:
    """Return what the longest loop is above, or heights above theirs, in no more than a share."""
    alike = ALIKE if landmarks == "cover" else 1
    heights = 2 * windows[:, 2] <= level
    at = quantile(np.where(heights, np.inf, windows[:, 1]), ROOM * level, alike)
    return at if np.isfinite(at) else float(windows[:, 1].max())


def _kept_heights(cell: Cell, share: float, keep: Path | None) -> np.ndarray:
    """Return the windows of a cell, from a file if there is one."""
    if keep is None:
        return heights(cell, repeats_of(cell, share))
    path = keep / ("-".join(map(str, cell)) + f"-{share}.npy")
    if not path.exists():
        np.save(path, heights(cell, repeats_of(cell, share)))
    return np.load(path)


def check(args: argparse.Namespace) -> None:
    """Print how often fresh noise has a significant bar."""
    print(f"{'windows':<34}{'count':>7}" + "".join(f"{level:>10}" for level in (*LEVELS, 0.001)))
    for landmarks in args.landmarks:
        for cell in cells(landmarks):
            least = []
            for n_vertices, bars in loops(cell, repeats_of(cell, args.share), SEED + 1):
                law = calibration_for(
                    landmarks=landmarks,
                    n_vertices=n_vertices,
                    n_points=cell.n_vertices * cell.ratio,
                )
                p = corrected(p_values(bars, calibration=law))
                least.append(np.nanmin(p, initial=1.0))
            rates = [np.mean(np.array(least) <= level) for level in (*LEVELS, 0.001)]
            name = "{0} {1} x {2}, {4} {3}-D".format(*cell)
            print(f"{name:<34}{len(least):>7}" + "".join(f"{r:>10.4f}" for r in rates), flush=True)


def main() -> None:
    """Measure the table, or check it."""
    args = _arguments()
    if args.check:
        check(args)
        return
    old = json.loads(args.output.read_text())["rows"] if args.output.exists() else []
    rows = [row for row in old if row["landmarks"] in args.landmarks] if args.longest else []
    for landmarks in args.landmarks if not args.longest else []:
        rows += [table_row(landmarks, ratio, args.share, args.keep) for ratio in RATIOS[landmarks]]
    rows = [longest_columns(row, args.share) for row in rows]
    rows += [row for row in old if row["landmarks"] not in args.landmarks]
    settings = {
        "shapes": SHAPES,
        "dims": DIMS,
        "vertices_and_repeats": SIZES,
        "vertices_and_repeats_in_a_plane": PLANE,
        "room": ROOM,
        "points_per_vertex": RATIOS,
        "most_vertices_by_dim": LARGEST,
        "most_rows": MOST_ROWS,
        "share": args.share,
        "slides": SLIDES,
        "warm_up": WARM_UP,
        "levels": LEVELS,
        "numbers_of_bars": NODES,
        "fewest": FEWEST,
        "margin": MARGIN,
        "alike": ALIKE,
    }
    made_by = "python -m benchmarks.calibrate_significance"
    args.output.write_text(_text({"made_by": made_by, "seed": SEED, "settings": settings}, rows))


def _text(head: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Return JSON with a line for each list of numbers."""
    order = list(SIZES)
    rows.sort(key=lambda row: (order.index(row["landmarks"]), row["points_per_vertex"]))
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    told = [
        ",\n".join(f"   {json.dumps(key)}: {json.dumps(value)}" for key, value in row.items())
        for row in rows
    ]
    body = ",\n".join(f"  {{\n{text}\n  }}" for text in told)
    lines.append(f' "rows": [\n{body}\n ]')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--landmarks", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--share", type=float, default=1.0, help="of the windows of the settings")
    parser.add_argument("--longest", action="store_true", help="only death over birth")
    parser.add_argument("--check", action="store_true", help="fresh noise against the table")
    parser.add_argument("--keep", type=Path, help="folder of what a stopped run has measured")
    parser.add_argument("--output", type=Path, default=TABLE)
    return parser.parse_args()


if __name__ == "__main__":
    main()
