"""A figure with what was wanted of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Figure", "as_rows", "table"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Attributes
    ----------
    name : str
        What was measured, of what.
    value : float or None
        None where it could not be measured; ``note`` says why.
    unit : str
    wanted : float or None
        The target, where there is one.
    at_least : bool
        Whether the target is a lower limit.
    note : str
    """

    name: str
    value: float | None
    unit: str
    wanted: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target or a value."""
        if self.value is None or self.wanted is None:
            return None
        return self.value >= self.wanted if self.at_least else self.value <= self.wanted

    @property
    def verdict(self) -> str:
        """The target and whether it is met, in words."""
        if self.wanted is None:
            return ""
        wanted = f"{'>=' if self.at_least else '<='} {self.wanted:g} {self.unit}"
        return wanted + {True: ", met", False: ", NOT met", None: ", not measured"}[self.met]


def as_rows(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    """Return figures ready for JSON, each with its verdict."""
    return [{**asdict(figure), "met": figure.met} for figure in figures]


def table(figures: Iterable[Figure]) -> str:
    """Return one line for each figure."""
    lines = []
    for figure in figures:
        value = "-" if figure.value is None else f"{figure.value:.4g} {figure.unit}"
        line = f"{figure.name:<58}{value:>22}  {figure.verdict}"
        lines.append(f"{line}  ({figure.note})" if figure.note else line)
    return "\n".join(line.rstrip() for line in lines)
