"""How the figures that documents quote follow from the records, as they are printed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from .quotes import DASH, Record, cell, figure, significant, times, worst

__all__ = [
    "KNOT",
    "LORENZ",
    "RECORDING",
    "batch",
    "bounds_of",
    "by_itself",
    "counted",
    "delay",
    "demo",
    "device",
    "first_use",
    "in_diagram",
    "larger",
    "largest",
    "latencies",
    "oineus",
    "one",
    "outliers_in_window",
    "outliers_of",
    "played",
    "pushed_plainly",
    "repeated",
    "replaced",
    "rounded",
    "six",
    "some",
    "stands_out",
    "subscribers",
    "taken",
    "ticks",
    "tracker",
    "vectorised",
]

Figures = Callable[[Record], Sequence[str]]
KNOT, LORENZ, RECORDING = (
    f"{source}, 50,000 points/s offered" for source in ("knot", "lorenz", "recording")
)
TORCH = ("torch", "torch float32")


def batch(cloud: str) -> Figures:
    def figures(found: Record) -> Sequence[str]:
        (row,) = (r for r in found["rows"] if (r["cloud"], r["n"]) == (cloud, 1024))
        medians, ours = row["medians"], row["medians"]["ours"]
        peers = [medians.get(peer) for peer in ("giotto-ph", "ripser.py", "gudhi")]
        told = [DASH if s is None else f"{1e3 * s:.0f} ms" for s in peers]
        ratio = DASH if peers[0] is None else times(peers[0] / ours)
        return [f"{1e3 * ours:.1f} ms", *told, ratio]

    return figures


def replaced(cloud: str) -> Figures:
    def figures(found: Record) -> Sequence[str]:
        (row,) = (r for r in found["replace_one"] if r["cloud"] == cloud)
        updated, rebuilt = (row["quartiles"][who][1] for who in ("updated", "rebuilt"))
        peer = row["quartiles"].get("giotto-ph")
        return [
            f"{1e3 * updated:.2f} ms",
            f"{1e3 * rebuilt:.1f} ms",
            f"{row['against_rebuild']:.1f}x",
            DASH if peer is None else f"{1e3 * peer[1]:.0f} ms",
            DASH if peer is None else f"{row['against_giotto_ph']:.0f}x",
        ]

    return figures


def vectorised(name: str) -> Figures:
    def figures(found: Record) -> Sequence[str]:
        (row,) = (r for r in found["batch"] if r["vectorisation"] == name)
        ms = row["milliseconds"]
        ways = ("numpy", "torch", "torch float32")
        told = [f"{_ms(ms[way])} ms, {_x(ms['gudhi'] / ms[way])}" for way in ways]
        return [f"{_ms(ms['gudhi'])} ms", *told]

    return figures


def _ms(value: float) -> str:
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def _x(value: float) -> str:
    return f"x{times(value)[:-1]}"


def ticks(found: Record) -> Sequence[str]:
    loops, parts, images = (
        {way: told["median_ms"] for way, told in row.items() if isinstance(told, dict)}
        for row in found["ticks"]
    )
    kept = "sums kept up to date"
    values = [loops["as it is"], parts["as it is"], loops[kept], parts[kept]]
    values += [images["as it is"], images["all afresh"]]
    head = [str(found["landmarks"]), f"{100 * found['share_of_bars_changed']:.1f}%"]
    return [*head, *(f"{value:.2f}" for value in values)]


def oineus(found: Record) -> Sequence[str]:
    rows = [row["medians"] for row in found["oineus"] if row["n"] == 64]
    theirs, ours = ([1e3 * row[who] for row in rows] for who in ("oineus", "updated"))
    return [f"{min(theirs):.0f} to {max(theirs):.0f}", f"{min(ours):.1f} to {max(ours):.1f}"]


def first_use(found: Record) -> Sequence[str]:
    """Return how long compiling takes: diagrams, streams, features; loading; and all at once."""
    medians = found["medians"]

    def compiled(name: str) -> str:
        return f"{medians[f'{name}, kernels compiled']:.0f} s"

    loaded = medians["first diagram, kernels from the cache"]
    more = map(compiled, ("first stream after it", "first features followed"))
    whole = compiled("aura-tda doctor, all at once")
    return [compiled("first diagram"), *more, f"{loaded:.1f} s", whole]


def by_itself(found: Record) -> Sequence[str]:
    """Return the ratio to the own rebuild with no peer in between, and the time of an update."""
    (row,) = found["replace_alone"]
    updated = statistics.median(row["samples"]["updated"])
    return [f"{row['against_rebuild']:.1f}x", f"{1e3 * updated:.2f} ms"]


def pushed_plainly(found: Record) -> Sequence[str]:
    """Return the rate of the plain stream."""
    return [f"{significant(found['medians']['processor, push'], 3)} points/s"]


def demo(*names: str, decimals: int = 0) -> Figures:
    """Return how findings of the demo are printed."""
    return lambda found: [
        f"{figure(found, f'demo, {name}')['value']:.{decimals}f}" for name in names
    ]


def repeated(found: Record) -> Sequence[str]:
    """Return how many times each contender was timed."""
    return [str(found["settings"]["repeat"])]


def largest(found: Record) -> Sequence[str]:
    ours = [row["medians"]["ours"] for row in found["rows"] if row["n"] == 4096]
    return [f"{min(ours):.2f}{DASH}{max(ours):.2f} s"]


def one(name: str, shape: str, factor: float = 1.0) -> Figures:
    """Return how a single figure is printed, in bold where its target is missed."""

    def figures(found: Record) -> Sequence[str]:
        told = figure(found, name)
        return [cell(shape.format(factor * told["value"]), told)]

    return figures


def rounded(name: str, digits: int, unit: str = " points/s") -> Figures:
    def figures(found: Record) -> Sequence[str]:
        told = figure(found, name)
        return [cell(f"{significant(told['value'], digits)}{unit}", told)]

    return figures


def latencies(found: Record) -> Sequence[str]:
    short = [f"p99 of scale_{ms}ms" for ms in (100, 1000)]
    long = [f"maximum of scale_{ms}ms" for ms in (10_000, 60_000)]
    told = []
    for names in (short, long):
        for source in (KNOT, LORENZ):
            value = worst(found, *(f"{name}, {source}" for name in names))
            met = all(figure(found, f"{name}, {source}")["met"] for name in names)
            told.append(cell(f"{value:.0f}", {"met": met}))
    knot, lorenz, long_knot, long_lorenz = told
    last = f"{long_lorenz} ms" if "*" not in long_lorenz else f"{long_lorenz[:-2]} ms**"
    return [knot, f"{lorenz} ms", long_knot, last]


def taken(found: Record) -> Sequence[str]:
    lost = sum(
        figure(found, f"points lost, and ticks left out, {source}")["value"]
        for source in (KNOT, LORENZ)
    )
    taken = min(figure(found, f"taken, {source}")["value"] for source in (KNOT, LORENZ))
    return [f"{significant(taken, 3)} points/s, {significant(lost, 3) if lost else 'none'} lost"]


def larger(found: Record) -> Sequence[str]:
    shares = [100 * row["larger_by"] for row in found["rows"]]
    return [f"{min(shares):.0f} to {max(shares):.0f} %"]


def bounds_of(stream: str) -> Figures:
    """Return how a row of the table of covers is printed."""

    def figures(found: Record) -> Sequence[str]:
        (row,) = (r for r in found["rows"] if r["stream"] == stream)
        cover, maxmin = (row["medians"][way] for way in ("cover", "maxmin"))
        return [
            *(significant(told["error_bound"], 3) for told in (cover, maxmin)),
            f"{100 * row['larger_by']:.0f} %",
            f"{100 * max(row['larger_by_seed']):.0f} %",
            *(f"{told['n_changed']:.0f}" for told in (cover, maxmin)),
        ]

    return figures


def outliers_of(share: float) -> Figures:
    """Return how a row of the table of clouds with outliers is printed."""

    def figures(found: Record) -> Sequence[str]:
        (row,) = (r for r in found["cloud"] if r["outliers"] == share)
        return [_median_and_least(told) for told in row["ratios"].values()]

    return figures


def outliers_in_window(share: float) -> Figures:
    """Return how a row of the table of windows with outliers is printed."""

    def figures(found: Record) -> Sequence[str]:
        (row,) = (r for r in found["window"] if r["outliers"] == share)
        printed = []
        for told in (row["euclidean"], row["dtm 0.1"]):
            certain = f"{100 * told['certain']:.0f} %"
            printed += [_median_and_least(told["ratio"]), f"{told['error_bound']:.2f}", certain]
        return printed

    return figures


def _median_and_least(told: Record) -> str:
    return f"{told['median']:.1f} ({told['least']:.1f})"


def stands_out(found: Record) -> Sequence[str]:
    clouds = ("loop against the next bar, 20% outliers", "the same in a window of 10000 rows")
    names = [f"{clouds[0]}, dtm 0.1", f"{clouds[0]}, euclidean"]
    names += [f"{clouds[1]}, 20% outliers, {way}" for way in ("dtm 0.1", "euclidean")]
    values = [figure(found, name)["value"] for name in names]
    return [times(value)[:-1] for value in values]


def counted(found: Record) -> Sequence[str]:
    return [
        f"{100 * found['figures']['certain']:.0f} % of "
        + f"{found['figures']['certain_bars']:,}".replace(",", " ")
    ]


def in_diagram(found: Record) -> Sequence[str]:
    share = 100 * found["figures"]["detection_in_diagram"]
    return [f"{share:.0f} % of " + f"{found['figures']['there']:,}".replace(",", " ")]


def tracker(found: Record) -> Sequence[str]:
    told = found["tracker"][0]
    return [f"{told['bars']:.0f}", f"{1e3 * told['cpu_s'][0]:.2f} ms"]


def six(found: Record) -> Sequence[str]:
    names = [f"512 diagrams of 200 bars, all six at once, {t}, against gudhi" for t in TORCH]
    first, second = (figure(found, name) for name in names)
    return [cell(f"{first['value']:.1f}x", first), cell(f"{second['value']:.1f}x", second)]


def subscribers(found: Record) -> Sequence[str]:
    return [f"{1e6 * found['delivery_s']['1000']:.1f} µs each"]


def delay(found: Record) -> Sequence[str]:
    return [f"{1e3 * found['loop_delay_s']['process_point, heartbeat']['0.99']:.1f} ms"]


def device(found: Record) -> Sequence[str]:
    """Return the rate of four scales on a GPU, and their longest push."""
    rate = figure(found, "4 scales")
    names = [row["name"] for row in found["targets"] if ", longest of " in row["name"]]
    longest = max((figure(found, name) for name in names), key=lambda told: float(told["value"]))
    return [
        cell(f"{significant(rate['value'], 3)} points/s", rate),
        cell(f"{longest['value']:.0f} ms", longest),
    ]


def some(*names: tuple[str, str]) -> Figures:
    """Return how several figures are printed, each in its shape."""
    return lambda found: [
        cell(shape.format(told["value"]), told)
        for name, shape in names
        for told in [figure(found, name)]
    ]


def played(found: Record) -> Sequence[str]:
    """Return what of the recording was taken, and the larger p99 of the fine scales."""
    taken = figure(found, f"taken, {RECORDING}")
    late = [figure(found, f"p99 of scale_{ms}ms, {RECORDING}") for ms in (100, 1000)]
    worst_one = max(late, key=lambda told: told["value"])
    return [
        cell(f"{significant(taken['value'], 3)} points/s", taken),
        cell(f"{worst_one['value']:.0f} ms", worst_one),
    ]
