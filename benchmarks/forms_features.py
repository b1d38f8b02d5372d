"""Samples and figures of the record about vectorisations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import record
from .figures import Figure

__all__ = ["features_performance"]

PEER = "gudhi"
AS_IT_IS = "as it is"
TOGETHER = "all six at once"  # the target is about these, in torch


def features_performance(
    found: Mapping[str, Any],
) -> tuple[dict[str, record.Samples], list[Figure]]:
    """Read batches against gudhi's loop, and the features of a tick."""
    told = found.get("wanted") or found["targets"]
    samples: dict[str, record.Samples] = {}
    figures = []
    settings = found["settings"]
    for row in found["batch"]:
        who = f"{settings['diagrams']} diagrams of {settings['bars']} bars, {row['vectorisation']}"
        for form, ms in row["milliseconds"].items():
            samples[f"{who}, {form}"] = record.sampled([ms], "ms")
        for form in row["times_as_fast"]:  # these are rounded
            ratio = row["milliseconds"][PEER] / row["milliseconds"][form]
            has_target = row["vectorisation"] == TOGETHER and form.startswith("torch")
            wanted = told["times_as_fast_as_gudhi"] if has_target else None
            title = f"{who}, {form}, against {PEER}"
            figures.append(Figure(title, ratio, "times", wanted, at_least=True))
    for row in found["ticks"]:
        who = f"features of a tick, {row['features']}"
        for way, values in row.items():
            if isinstance(values, Mapping):
                name = f"{who}, {way}"
                samples[name] = record.sampled([values["median_ms"]], "ms")
                wanted = told["tick_ms"] if way == AS_IT_IS else None
                figures.append(Figure(f"{name}, median", values["median_ms"], "ms", wanted))
    return samples, figures
