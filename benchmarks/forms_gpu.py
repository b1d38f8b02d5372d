"""Samples and figures of a GPU's record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import record
from .figures import Figure

__all__ = ["gpu_performance"]


def gpu_performance(found: Mapping[str, Any]) -> tuple[dict[str, record.Samples], list[Figure]]:
    """Read stages, replacements, batches, streams and peers; a part may be missing."""
    samples: dict[str, record.Samples] = {}
    for row in found.get("stages", []):
        who = f"rebuild, {row['shape']}, n = {row['n']}"
        for stage, ms in row["median_ms"].items():
            samples[f"{who}, {stage}"] = record.sampled([ms], "ms")
    for row in found.get("replacements", []):
        who = f"{row['m']} of {row['n']} points replaced, {row['shape']}"
        samples[f"{who}, updated"] = record.sampled(row["samples_ms"], "ms")
        samples[f"{who}, rebuilt"] = record.sampled([row["rebuilt_ms"]], "ms")
    for row in found.get("batch", []):
        who = f"{row['windows']} windows of {row['n']} in one call, {row['shape']}"
        samples[who] = record.sampled(row["samples_ms"], "ms")
    for row in found.get("sizes", []):
        for backend, ms in row["samples_ms"].items():
            who = f"{row['job']}, {row['shape']}, n = {row['n']}, {backend}"
            samples[f"whole calls: {who}"] = record.sampled(ms, "ms")
    for part in ("window", "stream"):
        told = found.get(part)
        if told and told.get("points_per_s"):
            samples[f"{part}: rate"] = record.sampled(
                [told["points_per_s"]], "points/s", better="higher"
            )
    for row in found.get("peers") or []:
        for who, values in row["samples_s"].items():
            name = f"peers, {row['shape']}, n = {row['n']}, {who}"
            samples[name] = record.seconds(values)
    names = ("name", "value", "unit", "wanted", "at_least", "note")
    figures = [Figure(**{name: row[name] for name in names}) for row in found["targets"]]
    for part, why in (found.get("failed") or {}).items():
        figures.append(Figure(f"{part}: the whole part", None, "", note=f"not measured: {why}"))
    return samples, figures
