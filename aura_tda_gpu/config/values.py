"""Kinds of values that settings have, and their units."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, JsonValue

__all__ = [
    "MAX_MS",
    "MS",
    "SET",
    "BackendName",
    "Dimensions",
    "InputPolicy",
    "LandmarkStrategyName",
    "MetricName",
    "Scales",
    "SubscriberPolicy",
]

BackendName: TypeAlias = Literal["auto", "cpu", "cuda", "reference"]
MetricName: TypeAlias = Literal["euclidean", "manhattan", "chebyshev", "cosine", "dtm"]
LandmarkStrategyName: TypeAlias = Literal["cover", "maxmin"]
InputPolicy: TypeAlias = Literal["block", "drop_oldest"]
SubscriberPolicy: TypeAlias = Literal["drop_oldest", "coalesce", "block"]

MS: dict[str, JsonValue] = {"unit": "milliseconds"}
SET: dict[str, JsonValue] = {"minItems": 1, "uniqueItems": True}
# int64 nanoseconds hold 292 years; one century leaves room for sums of times
MAX_MS = 100 * 365 * 24 * 3600 * 1000


def _set_of_values(values: tuple[int, ...]) -> tuple[int, ...]:
    if not values:
        raise ValueError("needs at least one value")
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"{repeated[0]} is repeated")
    return values


_Milliseconds: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=MAX_MS)]
_Dimension: TypeAlias = Annotated[int, Field(strict=True, ge=0)]
Scales: TypeAlias = Annotated[tuple[_Milliseconds, ...], AfterValidator(_set_of_values)]
Dimensions: TypeAlias = Annotated[tuple[_Dimension, ...], AfterValidator(_set_of_values)]
