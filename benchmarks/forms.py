"""Which samples and figures the parts of each benchmark's record hold, under one set of names.

A benchmark writes what it found in the shape that suits it; `record.write` completes it here.
Records of before ``schema_version`` 2 hold the same parts, so they are read the same way.
``python -m benchmarks.forms FILE ...`` rewrites such records in place.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from . import record
from .figures import Figure, as_rows
from .forms_accuracy import accuracy, landmark_bounds, outliers
from .forms_features import features_performance
from .forms_gpu import gpu_performance

__all__ = ["completed", "read"]

Record: TypeAlias = Mapping[str, Any]
Found: TypeAlias = tuple[dict[str, record.Samples], list[Figure]]

OURS = "ours"
_REQUIRED = json.loads(record.SCHEMA.read_text())["$defs"]["version2"]["required"]
GIOTTO = "giotto-ph"
# times as fast as giotto-ph with all cores, n = 1024: records of before told it in words only
ENGINE_TARGETS = {
    "noisy circle": 100,
    "delay embedding 6-D": 30,
    "torus": 15,
    "cube 3-D": 5,
    "sphere": 5,
    "gaussian 10-D": 5,
}


def completed(found: Record) -> dict[str, Any]:
    """Return a record in the form of `record.SCHEMA`.

    Raises
    ------
    ValueError
        If it is no record, or of a benchmark that is not known here and has no samples of its own.
    """
    if not isinstance(found, Mapping):
        raise ValueError("no record of a benchmark (it is no JSON object)")
    is_whole = found.get("schema_version") == record.SCHEMA_VERSION
    lacking = [key for key in (_REQUIRED if is_whole else ("benchmark",)) if key not in found]
    if lacking:
        raise ValueError(f"no record of a benchmark (it lacks {', '.join(lacking)})")
    if is_whole:
        return dict(found)
    name = found["benchmark"]
    if name not in FORMS:
        raise ValueError(f"no form is known for records of {name!r}")
    samples, figures = FORMS[name](found)
    device = found.get("device")
    wanted = {} if isinstance(found.get("targets", []), list) else {"wanted": found["targets"]}
    head = {
        "schema_version": record.SCHEMA_VERSION,
        "benchmark": name,
        "machine": found["machine"],
        "cores": found["machine"]["cores"],
        "device": device,
        "driver": None if device is None else device.get("driver"),
        "versions": found["versions"],
        "commit": found["commit"],
        "settings": {k: v for k, v in found["settings"].items() if not isinstance(v, Path)},
        "samples": samples,
        "medians": record.medians(samples),
        "targets": as_rows(figures),
    }
    rest = {key: value for key, value in found.items() if key not in head}
    return {**head, **wanted, **_finite(rest)}


def read(path: Path) -> dict[str, Any]:
    """Return the record of a file, completed.

    Raises
    ------
    OSError, ValueError
        If there is none; names the file.
    """
    try:
        return completed(json.loads(path.read_text()))
    except OSError as error:
        raise OSError(f"{path}: {error.strerror or error}") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not JSON ({error})") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: no record of a benchmark (it lacks {error})") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def engine_performance(found: Record) -> Found:
    """Read the batch engine's rows: every contender's seconds, and ours against giotto-ph."""
    samples, figures = {}, []
    for row in found["rows"]:
        who = f"batch, {row['cloud']}, n = {row['n']}"
        for contender, values in row["samples"].items():
            samples[f"{who}, {contender}"] = record.seconds(values)
        ratio = row["ratios"].get(GIOTTO)
        if row["n"] == 1024 and row["cloud"] in ENGINE_TARGETS:
            wanted = float(ENGINE_TARGETS[row["cloud"]])
            note = "" if ratio is not None else _why_not(row, GIOTTO)
            title = f"{who}, against {GIOTTO} on all cores"
            figures.append(Figure(title, ratio, "times", wanted, True, note))
    for part in ("updates", "replaced"):
        for row in found.get(part, []):
            who = f"{row['m']} of {row['n']} points replaced, always in place, {row['cloud']}"
            for contender, values in row["samples"].items():
                name = f"{who}, {contender}"
                samples.setdefault(name, record.seconds(values))
    for row in found.get("dimension", []):
        name = f"batch, gaussian {row['dim']}-D, n = {row['n']}, ours, from points"
        samples[name] = record.seconds(row["samples"]["ours"])
    for row in found.get("threads", []):
        name = f"batch, {row['cloud']}, n = {row['n']}, {row['threads']} threads"
        samples[name] = record.seconds(row["samples"]["ours"])
    oineus(found.get("oineus", []), samples, figures)
    largest = found["peak_memory_mb"].get("4096")
    if largest:
        figures.append(
            Figure("peak memory above the imports, n = 4096", max(largest.values()), "MB", 600)
        )
    return samples, figures


def _why_not(row: Record, peer: str) -> str:
    notes = [note for note in row["notes"] if note.startswith(peer)]
    return notes[0] if notes else f"{peer} was not there"


def update_performance(found: Record) -> Found:
    """Read replacements of one point and of many, and those beside Oineus."""
    told = found.get("wanted") or found["targets"]
    samples, figures = {}, []
    for row in found["replace_one"]:
        who = f"one of {row['n']} points replaced, {row['cloud']}"
        for contender, values in row["samples"].items():
            samples[f"{who}, {contender}"] = record.seconds(values)
        wanted = (
            told["replace_one"].get(row["cloud"], (None, None)) if row["n"] == 1024 else 2 * (None,)
        )
        ratios = (row["against_giotto_ph"], row["against_rebuild"])
        for other, ratio, least in zip((GIOTTO, "the own rebuild"), ratios, wanted, strict=True):
            note = "; ".join(row["notes"]) if ratio is None else ""
            figures.append(Figure(f"{who}, against {other}", ratio, "times", least, True, note))
    for row in found.get("replace_alone", []):
        who = f"one of {row['n']} points replaced, {row['cloud']} by itself"
        for contender, values in row["samples"].items():
            samples[f"{who}, {contender}"] = record.seconds(values)
        figures.append(Figure(f"{who}, against the own rebuild", row["against_rebuild"], "times"))
    n = found["settings"]["n"]
    for row in found["replace_many"]:
        who = f"{row['m']} of {n} points replaced, way left to the window, {row['cloud']}"
        for contender, values in row["samples"].items():
            samples[f"{who}, {contender}"] = record.seconds(values)
    if found["replace_many"]:
        worst = max(row["ratio"] for row in found["replace_many"])
        limit = told["replace_many_at_most"]
        figures.append(
            Figure(
                "any number of points replaced, against the rebuild", worst, "times as long", limit
            )
        )
    oineus(found["oineus"], samples, figures)
    return samples, figures


def oineus(
    rows: Sequence[Record], samples: dict[str, record.Samples], figures: list[Figure]
) -> None:
    """Add updates beside those of Oineus."""
    for row in rows:
        who = f"one of {row['n']} points replaced, {row['cloud']}, beside Oineus"
        for contender, values in row.get("samples", {}).items():
            samples[f"{who}, {contender}"] = record.seconds(values)
        title = f"{who}: its update against ours"
        figures.append(
            Figure(title, row.get("ratio"), "times", None, True, note=row.get("note", ""))
        )


def streaming_performance(found: Record) -> Found:
    """Read closed-loop streams: rate, latency of a push, memory."""
    told = found.get("wanted") or found["targets"]
    full = found["settings"]["points"] == 1_000_000
    samples, figures = {}, []
    for name, case in found["cases"].items():
        wanted = told.get(name, {}) if full else {}
        who = f"{name}, window of {found['settings']['points']} points, as fast as it goes"
        samples[f"{who}: rate"] = record.sampled(
            [case["points_per_s"]], "points/s", better="higher"
        )
        figures.append(
            Figure(
                f"{who}: rate", case["points_per_s"], "points/s", wanted.get("points_per_s"), True
            )
        )
        for scale, row in case["scales"].items():
            for key, what in (("push_s", "push"), ("update_s", "tick")):
                if row[key] is None:
                    continue
                samples[f"{who}: median {what} of {scale}"] = record.seconds(
                    [row[key.replace("_s", "_median_s")]]
                )
            if row["changed_share_median"] is not None:
                figures.append(
                    Figure(
                        f"{who}: landmarks changed in a slide of {scale}, median",
                        100 * row["changed_share_median"],
                        "%",
                        100 * told["changed_share"] if full and name == "one scale" else None,
                    )
                )
        latency = max((row["push_s"] or 0.0) for row in case["scales"].values())
        limit = wanted.get("latency_s")
        figures.append(
            Figure(
                f"{who}: push to update",
                1e3 * latency,
                "ms",
                None if limit is None else 1e3 * limit,
            )
        )
        figures.append(
            Figure(f"{who}: process at most", case["peak_mb"], "MB", wanted.get("peak_mb"))
        )
    return samples, figures


def processor_performance(found: Record) -> Found:
    """Read rates, the delay of the loop, and deliveries."""
    wanted = found["wanted"]
    samples = {
        f"processor, {who}": record.sampled(values, "points/s", better="higher")
        for who, values in found["samples_points_per_s"].items()
    }
    delays = [told["0.99"] for told in found["loop_delay_s"].values()]
    figures = [
        Figure(
            "process_point one by one, four scales, features followed",
            found["medians_points_per_s"]["process_point"],
            "points/s",
            wanted["point_rate"],
            True,
        ),
        Figure(
            "process_batch of 1000 against push and the same tracker",
            100 * found["process_batch_against_push_with_hooks"],
            "%",
            100 * wanted["batch_ratio"],
            True,
        ),
        Figure("event loop late, p99", 1e3 * max(delays), "ms", wanted["delay_p99_ms"]),
        Figure(
            f"an update to each of {max(map(int, found['delivery_s']))} subscribers",
            1e6 * found["delivery_s"][max(found["delivery_s"], key=int)],
            "us each",
            wanted["delivery_us"],
        ),
    ]
    return samples, figures


FORMS: dict[str, Callable[[Record], Found]] = {
    "accuracy_metrics": accuracy,
    "engine_performance": engine_performance,
    "features_performance": features_performance,
    "gpu_performance": gpu_performance,
    "landmark_bounds": landmark_bounds,
    "outliers": outliers,
    "processor_performance": processor_performance,
    "streaming_performance": streaming_performance,
    "update_performance": update_performance,
}


def _finite(value: Any) -> Any:
    """Return a value with None for what JSON has no number for."""
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def main(paths: list[str]) -> None:
    """Rewrite records in the present form."""
    for name in paths:
        path = Path(name)
        path.write_text(json.dumps(completed(json.loads(path.read_text())), indent=1) + "\n")
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
