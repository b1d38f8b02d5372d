"""Results and diagrams of many windows, made for each window when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from .diagram import Diagram
from .engine import EngineResult, Float32Array, Int64Array, LoopEdges
from .many_bars import BarsOfMany

__all__ = ["DiagramOfMany", "ManyResults"]


class ManyResults(Sequence[EngineResult]):
    """What an engine returns for each of many windows.

    Parameters
    ----------
    bars : BarsOfMany
    told : callable
        Returns what is told of a window, beside the seconds.
    seconds : dict
        Of all windows together, by phase.

    Attributes
    ----------
    seconds : dict
        As given.
    """

    def __init__(
        self, bars: BarsOfMany, told: Callable[[int], dict[str, Any]], seconds: dict[str, float]
    ) -> None:
        self.seconds = seconds
        self._bars = bars
        self._told = told

    def __len__(self) -> int:
        return len(self._bars)

    @overload
    def __getitem__(self, index: int) -> EngineResult: ...
    @overload
    def __getitem__(self, index: slice) -> list[EngineResult]: ...
    def __getitem__(self, index: int | slice) -> EngineResult | list[EngineResult]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        window = range(len(self))[index]
        return EngineResult(*self._bars.of(window), self.info(window))

    def info(self, window: int) -> dict[str, Any]:
        """Return what is told of a window."""
        return {**self._told(window), "seconds": dict(self.seconds)}

    def diagrams(self, info: Mapping[str, Any]) -> Iterator[Diagram]:
        """Return a diagram of each window, its ``info`` beside what is told."""
        return (DiagramOfMany(self._bars, self.info, window, info) for window in range(len(self)))


class DiagramOfMany(Diagram):
    """A diagram of one of many windows, every attribute of which is read when it is asked for.

    It is a plain `Diagram` once it is pickled or copied deeply.
    """

    def __init__(
        self,
        many: BarsOfMany,
        told: Callable[[int], dict[str, Any]],
        window: int,
        info: Mapping[str, Any],
    ) -> None:
        self.error_bound = 0.0
        self._many = many
        self._window = window
        self._told = told
        self._shared = info

    @cached_property
    def _bars(self) -> dict[int, Float32Array]:  # type: ignore[override]
        return self._many.values(self._window)

    @cached_property
    def _order(self) -> dict[int, Int64Array]:  # type: ignore[override]
        return {}

    @cached_property
    def _loop_edges(self) -> LoopEdges | None:  # type: ignore[override]
        return self._many.loops(self._window)

    @cached_property
    def truncated(self) -> dict[int, npt.NDArray[np.bool_]]:  # type: ignore[override]
        """See `Diagram`."""
        return self._many.truncated(self._window)

    @cached_property
    def birth_edges(self) -> dict[int, Int64Array]:  # type: ignore[override]
        """See `Diagram`."""
        return self._many.birth_edges(self._window)

    @cached_property
    def death_edges(self) -> dict[int, Int64Array]:  # type: ignore[override]
        """See `Diagram`."""
        return self._many.death_edges(self._window)

    @cached_property
    def info(self) -> dict[str, Any]:  # type: ignore[override]
        """See `Diagram`."""
        given = {k: dict(v) if isinstance(v, dict) else v for k, v in self._shared.items()}
        return {**self._told(self._window), **given}

    def __reduce__(self) -> tuple[Any, ...]:
        return _plain, ({name: getattr(self, name) for name in _ATTRIBUTES},)


_ATTRIBUTES = (
    "_bars",
    "_order",
    "_loop_edges",
    "truncated",
    "birth_edges",
    "death_edges",
    "error_bound",
    "info",
)


def _plain(attributes: dict[str, Any]) -> Diagram:
    diagram = object.__new__(Diagram)
    diagram.__dict__.update(attributes)
    return diagram
