"""Settings of Vietoris-Rips persistence, checked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from ..errors import ConfigError, UnsupportedError
from . import backends, ripser_plus_plus
from .distances import check_metric
from .weights import check_mass

__all__ = ["RipsOptions", "check_options"]

MAX_DIMENSION = 63


@dataclass(frozen=True, slots=True)
class RipsOptions:
    """Settings that `check_options` has looked at."""

    metric: str
    homology_dimensions: tuple[int, ...]
    max_edge_length: float
    backend: str
    threads: int
    dtm_mass: float | None = None


def check_options(
    metric: object = "euclidean",
    homology_dimensions: object = (0, 1),
    max_edge_length: object = math.inf,
    backend: object = "auto",
    threads: object = None,
    dtm_mass: object = None,
) -> RipsOptions:
    """Check the settings of `vietoris_rips`, whose names and defaults these are.

    Returns
    -------
    RipsOptions
        Dimensions ascending without repeats, ``max_edge_length`` rounded to float32 as the
        distances are, ``threads`` a number, ``dtm_mass`` None for any other metric.

    Raises
    ------
    ConfigError
        If a setting has an unknown name or a value outside its range.
    UnsupportedError
        If the backend takes no such metric.
    """
    name = check_metric(metric)
    mass = check_mass(dtm_mass, name)
    if mass is not None and backend == ripser_plus_plus.NAME:
        raise UnsupportedError(ripser_plus_plus.NO_BIRTHS)
    return RipsOptions(
        metric=name,
        homology_dimensions=_dimensions(homology_dimensions),
        max_edge_length=_edge_length(max_edge_length),
        backend=backends.check_backend(backend),
        threads=_threads(threads),
        dtm_mass=mass,
    )


def _dimensions(given: object) -> tuple[int, ...]:
    """Return homology dimensions ascending, without repeats."""
    values = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else ()
    if not values:
        raise ConfigError(
            f"homology_dimensions must be a tuple of integers such as (0, 1), not {given!r}"
        )
    for value in values:
        number = isinstance(value, Integral) and not isinstance(value, bool)
        if not number or not 0 <= value <= MAX_DIMENSION:
            raise ConfigError(
                f"homology_dimensions must be integers from 0 to {MAX_DIMENSION}, not {value!r}"
            )
    return tuple(sorted({int(value) for value in values}))


def _edge_length(given: object) -> float:
    """Return the threshold rounded to float32."""
    refusal = ConfigError(f"max_edge_length must be a number from 0 on, not {given!r}")
    if isinstance(given, bool) or not isinstance(given, Real):
        raise refusal
    try:
        length = float(given)
    except OverflowError:
        raise refusal from None
    if not length >= 0:
        raise refusal
    with np.errstate(over="ignore"):
        return float(np.float32(length)) + 0.0


def _threads(given: object) -> int:
    """Return the number of engine threads."""
    if given is None:
        return backends.usable_cores()
    if isinstance(given, bool) or not isinstance(given, Integral) or given < 1:
        raise ConfigError(f"threads must be a positive integer or None, not {given!r}")
    return int(given)
