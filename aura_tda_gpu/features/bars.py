"""The bars that count, as arrays."""

from __future__ import annotations

from typing import NamedTuple

from .namespace import Array, Namespace

__all__ = ["BarRows", "at_least_a_row"]


class BarRows(NamedTuple):
    """The bars that count, of some diagrams: arrays of shape (B, N).

    Births and deaths are finite in other rows, dimensions are anything.
    """

    births: Array
    deaths: Array
    counted: Array
    dimensions: Array


def at_least_a_row(ns: Namespace, values: Array, mask: Array) -> tuple[Array, Array]:
    """Return the same, with an empty row where there is none: the formulas look at a first one."""
    if mask.shape[1]:
        return values, mask
    values = ns.zeros((len(mask), 1, 3), values)
    return values, values[:, :, 0] > 0
