"""Samples and figures of the records about accuracy: features, landmarks, outliers."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from . import record
from .figures import Figure

__all__ = ["accuracy", "landmark_bounds", "outliers"]

# what the figures call it, what it is, unit, factor, its target
_ACCURACY = (
    ("certain", "certain bars that the full diagram has, too", "%", 100, "certain"),
    ("detection_in_diagram", "loops whose bar is in the diagram", "%", 100, "detection"),
    ("detection_untested", "loops followed without a test, of those due", "%", 100, "detection"),
    ("detection_by_tracker", "loops followed as significant, of those due", "%", 100, "detection"),
    ("false_positive_ticks", "ticks of noise with a significant bar", "%", 100, None),
    ("spurious_per_1000_ticks", "features told on noise", "in 1000 ticks", 1, None),
    ("stability", "features that keep their persistence", "%", 100, "stability"),
    ("consistency", "consistency of neighbouring scales", "%", 100, "consistency"),
    ("switches_per_1000_ticks", "names that change, drifting", "in 1000 ticks", 1, None),
    ("tracker_tick_s", "a tick of the tracker, one core", "ms", 1000, None),
)

Found = tuple[dict[str, record.Samples], list[Figure]]


def accuracy(found: Mapping[str, Any]) -> Found:
    """Read the shares of all streams together; they do not depend on the machine, times do."""
    wanted = found.get("wanted") or found["targets"]
    samples, figures = {}, []
    for key, what, unit, factor, at_least in _ACCURACY:
        value, low = found["figures"][key], at_least is None
        limit = factor * wanted[at_least or key]
        if value is None or value != value:
            figures.append(Figure(what, None, unit, limit, not low, "nothing to count"))
            continue
        better = "lower" if low else "higher"
        samples[f"accuracy, {what}"] = record.sampled([factor * value], unit, better=better)
        figures.append(Figure(what, factor * value, unit, limit, not low))
    for told in found["tracker"]:
        name = f"tracker, {told['bars']:g} bars, {told['pace']}, median tick of one core"
        samples[name] = record.seconds([told["cpu_s"][0]])
    return samples, figures


def landmark_bounds(found: Mapping[str, Any]) -> Found:
    """Read how much larger the bound of a cover is, a value for each seed."""
    samples, figures = {}, []
    for row in found["rows"]:
        who = f"error bound of a cover against maxmin, {row['stream']}"
        values = [100 * share for share in row["larger_by_seed"]]
        samples[who] = record.sampled(values, "% larger")
        figures.append(Figure(who, 100 * row["larger_by"], "% larger"))
        for way, told in row["medians"].items():
            name = f"last window of a stream, {row['stream']}, {way}"
            samples[name] = record.seconds([told["seconds"]])
    return samples, figures


def outliers(found: Mapping[str, Any]) -> Found:
    """Read how far a loop stands out."""
    samples: dict[str, record.Samples] = {}
    figures: list[Figure] = []
    size = found["settings"]["window"]
    for row in found["cloud"]:
        for way, told in row["ratios"].items():
            who = f"loop against the next bar, {row['outliers']:.0%} outliers, {way}"
            _stands_out(who, told, samples, figures)
    for row in found["window"]:
        for way in (key for key in row if key != "outliers"):
            who = f"the same in a window of {size} rows, {row['outliers']:.0%} outliers, {way}"
            _stands_out(who, row[way]["ratio"], samples, figures)
    return samples, figures


def _stands_out(
    who: str,
    told: Mapping[str, Any],
    samples: dict[str, record.Samples],
    figures: list[Figure],
) -> None:
    """Add a ratio; where most diagrams have one bar only there is none."""
    median, least = told["median"], told["least"]
    if median is None or not isfinite(median):
        figures.append(Figure(who, None, "times", note="no other bar"))
        return
    samples[who] = record.sampled([median], "times", better="higher")
    note = f"least {least:.1f}" if least is not None and isfinite(least) else ""
    figures.append(Figure(who, median, "times", note=note))
