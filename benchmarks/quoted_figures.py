"""Which passages of the documents quote which record; see `quotes`."""

from __future__ import annotations

from . import quoted_lookups as q
from .quotes import DASH, Quote

__all__ = ["NOT_HELD", "NOT_MEASURED", "QUOTES", "WITHOUT_RECORD"]

README = "README.md"
CLOUDS = {
    "noisy circle": ("noisy circle", "100x"),
    "6-D delay embedding": ("delay embedding 6-D", "30x"),
    "torus": ("torus", "15x"),
    "cube, 3-D": ("cube 3-D", "5x"),
    "2-sphere": ("sphere", "5x"),
    "gaussian, 10-D": ("gaussian 10-D", "5x"),
    "Lorenz attractor": ("lorenz", DASH),
}
REPLACED = {
    "Lorenz attractor": ("lorenz", 10, 100),
    "6-D delay embedding": ("delay embedding 6-D", 5, 100),
    "torus": ("torus", 5, 100),
    "2-sphere": ("sphere", 2, 40),
    "gaussian, 10-D": ("gaussian 10-D", 2, 40),
}
VECTORISED = (
    *("Betti curve", "landscape, 5 layers", "silhouette", "image, 20 x 20"),
    *("entropy", "5 lengths", "all six at once"),
)
PERFORMANCE = "docs/performance.md"
COVERS = {
    "torus knot with noise": "torus knot",
    "noisy circle": "noisy circle",
    "delay embedding, 6-D": "delay embedding 6-D",
    "torus": "torus",
    "cube, 3-D": "cube 3-D",
    "2-sphere": "sphere",
    "gaussian, 10-D": "gaussian 10-D",
    "Lorenz attractor": "lorenz",
}
SHARES = {"0 %": 0.0, "5 %": 0.05, "10 %": 0.1, "20 %": 0.2}
_STREAM = "one scale, window of 1000000 points, as fast as it goes"
H200 = "gpu_performance.nvidia-h200.linux-x86_64-16cores"
_ROWS: list[tuple[str, str, q.Figures]] = [
    ("first_start", "From {} s on the pulse runs around one loop: in {} % of the windows of 1 s",
     q.demo("the pulse is there from",
            "windows of 1 s with one loop that dominates, from then on")),
    ("first_start", "once per installation: {} on two cores for a diagram, {} more for a stream, "
     "{} for features that are followed by a processor or a tracker. Later processes load them in "
     "{}. `aura-tda doctor` compiles all of them beforehand, on several cores at once: {} on two.",
     q.first_use),
    ("update_performance", "without peers in between, it is {}, in {} (", q.by_itself),
    ("processor_performance", "(pushed plainly, the stream takes {}) |", q.pushed_plainly),
    ("first_start", "From {} to {} s the sensor is lost",
     q.demo("the sensor is lost from", "the sensor is lost until", decimals=1)),
    ("engine_performance", "(median of {}, fewer where a run is long; giotto-ph on all cores",
     q.repeated),
    ("update_performance", "median of {}, ten in a row", q.repeated),
    ("engine_performance", "| peak memory, n = 4096, above the imports | 600 MB | {} |",
     q.one("peak memory above the imports, n = 4096", "{:.0f} MB")),
    ("engine_performance", "| time, n = 4096 | " + DASH + " | {} |", q.largest),
    ("processor_performance", "| 3000 points/s | {} |",
     q.rounded("process_point one by one, four scales, features followed", 3)),
    ("processor_performance", "the same tracker in the same run | 90 % | {} |",
     q.one("process_batch of 1000 against push and the same tracker", "{:.0f} %")),
    ("processor_performance", "under that load, 99 % of the time | 10 ms | {} |", q.delay),
    ("processor_performance", "its consumer included | 10 µs each | {} |", q.subscribers),
    ("streaming_performance", "in 3-D, 512 landmarks | 400 000 points/s | {} |",
     q.rounded(f"{_STREAM}: rate", 4)),
    ("streaming_performance", "longest of 10 | 50 ms | {} |",
     q.one(f"{_STREAM}: push to update", "{:.0f} ms")),
    ("streaming_performance", "| its process at most | 600 MB | {} |",
     q.one(f"{_STREAM}: process at most", "{:.0f} MB")),
    ("streaming_performance", "stationary, median of 10 | 2 % | {} |",
     q.one(f"{_STREAM}: landmarks changed in a slide of scale_60000ms, median", "{:.2f} %")),
    ("update_performance", "against a rebuild | at most 1.10 | {} |",
     q.one("any number of points replaced, against the rebuild", "{:.2f}")),
    ("accuracy_metrics", "`aura-tda bench accuracy`) | 100 % | {} |", q.counted),
    ("accuracy_metrics", "is in the diagram of the stream | 97 % | {} |", q.in_diagram),
    ("accuracy_metrics", "without a test of significance | 97 % | {} |",
     q.one("loops followed without a test, of those due", "{:.1f} %")),
    ("accuracy_metrics", "loops no longer than those of noise | 97 % | {} |",
     q.one("loops followed as significant, of those due", "{:.1f} %")),
    ("accuracy_metrics", "features told on noise in 1000 ticks | 5 %; 1 | {}; {} |",
     lambda found: [
         f"{100 * found['figures']['false_positive_ticks']:.1f} %",
         f"{found['figures']['spurious_per_1000_ticks']:.2f}",
     ]),
    ("accuracy_metrics", "from tick to tick | 95 % | {} |",
     q.one("features that keep their persistence", "{:.1f} %")),
    ("accuracy_metrics", "(uncentred correlation) | 90 % | {} |",
     q.one("consistency of neighbouring scales", "{:.1f} %")),
    ("accuracy_metrics", "circles that cut each other | 1 | {} |",
     q.one("names that change, drifting", "{:.2f}")),
    ("accuracy_metrics", "a tick of the tracker at {} bars, a tenth of the points replaced, "
     "one core | 1 ms | {} |", q.tracker),
    ("throughput", "a torus knot or a Lorenz attractor: points taken | 50 000 points/s | {} |",
     q.taken),
    ("throughput", "knot, Lorenz | 50 ms | {}, {} (longest of 10 and 60 s: {}, {}) |", q.latencies),
    ("throughput", "played that fast: points taken; that p99 | 50 000 points/s; 50 ms | {}; {} |",
     q.played),
    ("features_performance", "against gudhi's loop | 20x | {}; float32 {} |", q.six),
    ("features_performance", "all eight for loops | 0.5 ms | {} |",
     q.one("features of a tick, loops: all eight, as it is, median", "{:.2f} ms")),
    ("features_performance", "and lengths as parts | 0.5 ms | {} |",
     q.one("features of a tick, loops: all eight; parts: Betti, entropy, statistics, lengths, "
           "as it is, median", "{:.2f} ms")),
    (H200, "one of 2048 points replaced, Lorenz; torus | 0.5; 1.5 ms | {}; {} |",
     q.some(("replace 1 of 2048, lorenz", "{:.2f} ms"), ("replace 1 of 2048, torus", "{:.1f} ms"))),
    (H200, "in one call, Lorenz; 10-D | 30 ms | {}; {} |",
     q.some(("256 windows of 512 in one call, lorenz", "{:.0f} ms"),
            ("256 windows of 512 in one call, gaussian 10-D", "{:.0f} ms"))),
    (H200, "longest push of the coarse scales | 1 000 000 points/s; 20 ms | {}; {} |", q.device),
    ("update_performance", "Oineus' incremental update takes {} ms at n = 64, ours {} ms",
     q.oineus),
    ("landmark_bounds", "the bound of the default was {} larger in", q.larger),
    ("outliers", "20 % of outliers the loop is {} times as long as the next one instead of {} "
     "times, and in a window of 10 000 rows with 256 landmarks {} times instead of {} (",
     q.stands_out),
]  # fmt: skip

QUOTES = (
    *(
        Quote(
            README,
            "engine_performance",
            f"| {name} | {{}} | {{}} | {{}} | {{}} | {{}} | {wanted} |",
            q.batch(cloud),
        )
        for name, (cloud, wanted) in CLOUDS.items()
    ),
    *(
        Quote(
            README,
            "update_performance",
            f"| {name} | {{}} | {{}} | {{}} (wanted {own}x) | {{}} | {{}} (wanted {peer}x) |",
            q.replaced(cloud),
        )
        for name, (cloud, own, peer) in REPLACED.items()
    ),
    *(Quote(README, benchmark, text, how) for benchmark, text, how in _ROWS),
    *(
        Quote(
            "docs/features.md",
            "features_performance",
            f"| {name} | {{}} | {{}} | {{}} | {{}} |",
            q.vectorised(name),
        )
        for name in VECTORISED
    ),
    Quote(
        "docs/features.md",
        "features_performance",
        "A tick of a window of {} landmarks, at which {} of the bars change, takes {} ms for all "
        "eight vectorisations of loops (1028 features), and {} ms with four of components beside "
        "them; keeping their sums up to date would take {} ms and {} ms. Where there is more to "
        "sum it pays: images of 60 x 60 of loops and components take {} ms, and afresh {} ms.",
        q.ticks,
    ),
    *(
        Quote(
            PERFORMANCE,
            "landmark_bounds",
            f"| {name} | {{}} | {{}} | {{}} | {{}} | {{}} | {{}} |\n",
            q.bounds_of(stream),
        )
        for name, stream in COVERS.items()
    ),
    *(
        Quote(
            PERFORMANCE,
            "outliers",
            f"| {name} | {{}} | {{}} | {{}} | {{}} | {{}} |\n",
            q.outliers_of(share),
        )
        for name, share in SHARES.items()
    ),
    *(
        Quote(
            PERFORMANCE,
            "outliers",
            f"| {name} | {{}} | {{}} | {{}} | {{}} | {{}} | {{}} |\n",
            q.outliers_in_window(share),
        )
        for name, share in SHARES.items()
    ),
    Quote("docs/config.md", "landmark_bounds", "landmarks: {} larger than that of", q.larger),
    Quote(
        "docs/engine.md",
        "outliers",
        "with 20 % of outliers a circle's loop is {} times as long as the next one instead of {} "
        "times.",
        lambda found: q.stands_out(found)[:2],
    ),
)

# settings, targets and definitions: nothing that was measured
NOT_MEASURED: dict[str, tuple[str, ...]] = {
    README: (
        "windows of 1, 4 and 16 seconds",
        "A window of 16 s",
        "the tick at 20 s",
        "where it would take more than 12 s",
        "data of 1000 points/s",
        "with a loop of p at most 5 %; features told",
        "50 000 points/s offered",
        "scales 0.1 and 1 s",
        "tick 111 times in a second",
        "at 1000 points/s a tick",
        "at 50 000 points/s with",
        "60 000 ms unless you say otherwise",
    ),
    "docs/config.md": ("MB (1024 x 1024 bytes)", "more than 256 times their extent"),
    "docs/engine.md": ("c \N{MINUS SIGN} 1 times",),
    "docs/features.md": ("a window of 2 s", "from 12 to 20 s"),
    "docs/output.md": (
        "the window of 1000 ms",
        "half and 99 % of the ticks",
        "float32 from 2^24 seconds on",
    ),
    "docs/processor.md": (),
    "docs/tracking.md": (),
    "docs/watch.md": ("half and 99 % of the last 512 ticks",),
}
# measured once, without a record: this list only becomes shorter
WITHOUT_RECORD: dict[str, tuple[str, ...]] = {}
# pages that are no quotations of records, and why
NOT_HELD = {
    "docs/benchmarks.md": "how to measure: settings",
    "docs/features_models.md": "an example prints its figures, and says so",
    "docs/gpu.md": "what a device told: its tables are those of a record",
    PERFORMANCE: "a log of single experiments; its tables from records are held",
    "docs/scoreboard.md": "drawn from the records",
    "docs/significance.md": "what two studies print, by the command beside them",
}
