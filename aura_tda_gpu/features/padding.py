"""Diagrams of different lengths as one padded array and its mask."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import InvalidInputError
from ..persistence.diagram import Diagram
from .checks import at_least
from .namespace import Array, Namespace, namespace_of

__all__ = ["checked", "pad"]


def pad(
    diagrams: Iterable[Any],
    *,
    dimension: int | None = None,
    length: int | None = None,
) -> tuple[Array, Array]:
    """Return diagrams as one array, and which of its rows are bars.

    Parameters
    ----------
    diagrams : iterable
        Each a `Diagram`; a mapping of dimension to array of shape (n, 2); an array of shape
        (n, 3): birth, death, dimension; or one of shape (n, 2). All arrays are of one library
        (numpy, CuPy, torch), one floating type and one device, and so is the result. Gradients
        pass through.
    dimension : int, optional
        Only the bars of this dimension; the one of arrays of shape (n, 2), which need it.
    length : int, optional
        Rows a diagram; those of the longest when left out, at least one.

    Returns
    -------
    values : array of F, shape (B, N, 3)
        Birth, death, dimension; 0 where there is no bar.
    mask : array of bool, shape (B, N)
        True where there is a bar; the bars of a diagram are in front, in their order.

    Raises
    ------
    ConfigError
        If ``dimension`` or ``length`` is no integer from 0 on.
    InvalidInputError
        If something is no diagram, a diagram is longer than ``length``, or arrays differ in
        library, type or device; names the first diagram.
    NotComputedError
        If a `Diagram` was computed without ``dimension``.
    """
    for what, number in (("dimension", dimension), ("length", length)):
        if number is not None:
            at_least(0, number, what)
    is_single = isinstance(diagrams, Diagram | Mapping) or getattr(diagrams, "ndim", 3) == 2
    if is_single or not isinstance(diagrams, Iterable):
        raise InvalidInputError(
            f"diagrams must be a sequence of diagrams, not one {type(diagrams).__name__}: "
            "pass a single diagram as [diagram]"
        )
    found = [_table(diagram, dimension, i) for i, diagram in enumerate(diagrams)]
    kind = next((table for table in found if table is not None), np.empty((0, 3), np.float32))
    tables = [kind[:0] if table is None else table for table in found]
    if not tables:
        return np.zeros((0, length or 1, 3), np.float32), np.zeros((0, length or 1), np.bool_)
    counts = np.array([len(table) for table in tables])
    longest = max(1, int(counts.max())) if length is None else length
    if counts.max() > longest:
        i = int(counts.argmax())
        raise InvalidInputError(f"diagram {i} has {counts[i]} bars, more than length={length}", i)
    first = tables[0]
    for i, table in enumerate(tables):
        if type(table) is not type(first) or table.dtype != first.dtype or _away(table, first):
            raise InvalidInputError(
                f"diagram {i} is {_kind(table)}, but diagram 0 is {_kind(first)}", i
            )
    ns = namespace_of(first)
    rows = ns.concat(tables, axis=0)
    held = np.arange(longest) < counts[:, None]
    if ns.xp is np:
        values = np.zeros((*held.shape, 3), rows.dtype)
        values[held] = rows
        return values, held
    places = np.flatnonzero(held)
    if hasattr(first, "requires_grad"):
        mask = ns.xp.as_tensor(held, device=rows.device)
        blank = rows.new_zeros((held.size, 3))
        index = ns.xp.as_tensor(places, device=rows.device)
        return blank.index_copy(0, index, rows).reshape(*held.shape, 3), mask
    values = ns.xp.zeros((held.size, 3), rows.dtype)
    values[ns.xp.asarray(places)] = rows
    return values.reshape(*held.shape, 3), ns.xp.asarray(held)


def checked(
    values: Array, mask: Array | None, *, check_values: bool = True
) -> tuple[Namespace, Array]:
    """Return the namespace of a padded array and its mask.

    Raises
    ------
    InvalidInputError
        If shape, type or device do not fit, or a bar is no bar or so far out that the square of
        a sum is no number of its type; names it.
    """
    ns = namespace_of(values)
    if values.ndim != 3 or values.shape[2] != 3:
        raise InvalidInputError(
            f"values must have shape (B, N, 3): birth, death, dimension; not {tuple(values.shape)}"
        )
    if values.dtype not in (ns.xp.float32, ns.xp.float64):
        raise InvalidInputError(f"values must be float32 or float64, not {values.dtype}")
    if mask is None:
        mask = values[:, :, 0] == values[:, :, 0]
        if check_values and not bool(mask.all()):
            raise _no_bar(ns, values, ~mask)
    elif type(mask) is not type(values) and namespace_of(mask, "mask") is not ns:
        raise InvalidInputError(f"mask is {_kind(mask)}, but values are {_kind(values)}")
    elif str(mask.dtype).rpartition(".")[2] != "bool":
        raise InvalidInputError(f"mask must be bool, not {mask.dtype}")
    elif tuple(mask.shape) != tuple(values.shape[:2]):
        raise InvalidInputError(
            f"mask must have shape {tuple(values.shape[:2])}, not {tuple(mask.shape)}"
        )
    elif _away(mask, values):
        raise InvalidInputError(f"mask is on {mask.device}, but values are on {values.device}")
    if check_values:
        told = ns.detached(values)
        births, deaths = told[:, :, 0], told[:, :, 1]
        far = _far_out(ns, values)
        good = (abs(births) <= far) & (deaths >= births) & (abs(told[:, :, 2]) < math.inf)
        good &= (deaths <= far) | (deaths == math.inf)
        wrong = mask & ~good
        if bool(wrong.any()):
            raise _no_bar(ns, told, wrong)
    return ns, mask


def _far_out(ns: Namespace, values: Array) -> float:
    """Return the largest number whose sums and squares are numbers of the type of an array."""
    return math.sqrt(float(ns.xp.finfo(values.dtype).max)) / 1024


def _no_bar(ns: Namespace, values: Array, wrong: Array) -> InvalidInputError:
    row, bar = (int(places[0]) for places in ns.xp.where(wrong))
    birth, death, dimension = (float(x) for x in ns.detached(values)[row, bar])
    far = _far_out(ns, values)
    if math.isfinite(birth) and death >= birth and math.isfinite(dimension):
        return InvalidInputError(
            f"bar {bar} of diagram {row} is too far out: birth {birth:g}, death {death:g}, and "
            f"{far:.3g} is the most in {values.dtype}; the death of an open bar is inf",
            row,
        )
    return InvalidInputError(
        f"bar {bar} of diagram {row} is no bar: birth {birth:g}, death {death:g}, "
        f"dimension {dimension:g}; where there is none, the mask must be False",
        row,
    )


def _table(diagram: Any, dimension: int | None, i: int) -> Array | None:
    """Return the bars of one diagram, shape (n, 3); None for a mapping without an array."""
    if isinstance(diagram, Diagram):
        wanted = diagram.dimensions if dimension is None else (dimension,)
        diagram = {k: diagram[k] for k in wanted}
    if isinstance(diagram, Mapping):
        wanted = tuple(diagram) if dimension is None else (dimension,)
        parts = [_with_dimension(diagram[k], k, i) for k in wanted if k in diagram]
        if not parts:
            return None
        return namespace_of(parts[0]).concat(parts, axis=0)
    namespace_of(diagram, f"diagram {i}")
    if diagram.ndim == 2 and diagram.shape[1] == 2 and dimension is not None:
        return _with_dimension(diagram, dimension, i)
    if diagram.ndim != 2 or diagram.shape[1] != 3:
        raise InvalidInputError(
            f"diagram {i} must have shape (n, 3), or (n, 2) with dimension=, "
            f"not {tuple(diagram.shape)}",
            i,
        )
    return diagram if dimension is None else diagram[diagram[:, 2] == dimension]


def _with_dimension(bars: Array, dimension: int, i: int) -> Array:
    ns = namespace_of(bars, f"diagram {i}")
    if bars.ndim != 2 or bars.shape[1] != 2:
        raise InvalidInputError(
            f"bars of diagram {i} must have shape (n, 2), not {tuple(bars.shape)}", i
        )
    return ns.concat([bars, ns.xp.full_like(bars[:, :1], dimension)])


def _away(one: Array, other: Array) -> bool:
    """Say whether two arrays are on different devices."""
    return bool(getattr(one, "device", None) != getattr(other, "device", None))


def _kind(array: Array) -> str:
    where = getattr(array, "device", "cpu")
    return f"{type(array).__module__.partition('.')[0]} {array.dtype} on {where}"
