"""What all vectorisations have in common: which bars count, the range, names, batches."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, InvalidInputError, LifecycleError
from .bars import BarRows
from .batches import WIDTH, joined, room, step_of, vectors_of
from .checks import at_least, is_number, tuple_of
from .namespace import Array, Namespace
from .padding import checked

__all__ = ["Infinite", "Range", "Vectorisation"]

Infinite: TypeAlias = Literal["clip", "drop", "keep"]
Range: TypeAlias = tuple[float, float]
_Self = TypeVar("_Self", bound="Vectorisation")


@dataclass(frozen=True)
class Vectorisation(ABC):
    """Turns padded diagrams into feature vectors of one length.

    Objects do not change: `fit` returns another one whose range is set.

    Parameters
    ----------
    dimension : int or None
        Homology dimension of the bars that count; None counts all bars together.
    infinite : str
        What becomes of open bars: ``"drop"`` leaves them out, ``"clip"`` lets them end at
        ``limit``, and ``"keep"`` evaluates the formula for a death at infinity, where that
        is finite.
    limit : float, optional
        Where open bars end under ``"clip"``; one that is born later has length zero. Fitted, or
        the end of the range, when left out.

    Raises
    ------
    ConfigError
        If a value is out of range, or ``"keep"`` has no finite meaning.
    """

    dimension: int | None = None
    _: KW_ONLY
    infinite: Infinite = "drop"
    limit: float | None = None

    keeps: ClassVar[bool] = False
    side_by_side: ClassVar[int] = 1  # intermediate arrays of the largest size, in float64
    short_name: ClassVar[str]

    def __post_init__(self) -> None:
        for name in ("sample_range", "im_range", "resolution", "quantiles"):
            if hasattr(self, name):  # a list becomes a tuple, so that settings can be compared
                object.__setattr__(self, name, tuple_of(getattr(self, name)))
        if self.infinite not in get_args(Infinite):
            known = ", ".join(get_args(Infinite))
            raise ConfigError(f"infinite must be one of {known}, not {self.infinite!r}")
        if self.infinite == "keep" and not self.keeps:
            raise ConfigError(
                f"infinite='keep' has no finite value in {type(self).__name__}: clip or drop"
            )
        if self.dimension is not None:
            at_least(0, self.dimension, "dimension")
        if self.limit is not None and not is_number(self.limit):
            raise ConfigError(f"limit must be finite, not {self.limit!r}")

    @property
    def is_fitted(self) -> bool:
        """Whether `transform` can be called: what it needs is given or fitted."""
        return self.infinite != "clip" or self.end is not None

    @property
    def end(self) -> float | None:
        """Where open bars end under ``"clip"``, if it is known."""
        return self.limit

    @property
    def n_features(self) -> int:
        """Length of the feature vectors."""
        return len(self._columns())

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Return the name of each feature, for example ``"h1_betti_curve_7"``.

        Parameters
        ----------
        input_features : object, optional
            Not used; there for scikit-learn.

        Returns
        -------
        ndarray of object, shape (F,)
        """
        group = "" if self.dimension is None else f"h{self.dimension}_"
        names = [f"{group}{self.short_name}{column}" for column in self._columns()]
        return np.array(names, dtype=object)

    def fit(
        self: _Self, values: Array, mask: Array | None = None, *, check_values: bool = True
    ) -> _Self:
        """Return this vectorisation with all that was left open set from diagrams.

        Parameters
        ----------
        values : array of float32 or float64, shape (B, N, 3)
            Birth, death, dimension of each bar, as `pad` returns.
        mask : array of bool, shape (B, N), optional
            Which rows are bars; all of them when left out.
        check_values : bool
            As in `transform`.

        Raises
        ------
        InvalidInputError
            As `transform`; or if a range is to be fitted, and no bar counts.
        """
        ns, mask = checked(values, mask, check_values=check_values)
        missing = self._to_fit()
        if not missing:
            return self
        bars = self.rows(ns, ns.detached(values), mask, end=math.inf)
        if not bool(bars.counted.any()):
            which = "" if self.dimension is None else f" of dimension {self.dimension}"
            finite = " finite" if self.infinite == "drop" else ""
            raise InvalidInputError(
                f"{type(self).__name__} cannot be fitted: there is no{finite} bar{which}; "
                "give its range"
            )
        births = bars.births[bars.counted]
        deaths = bars.deaths[bars.counted]
        last = self._last_of(ns, bars) if self.end is None else self.end
        deaths = ns.xp.where(deaths == math.inf, ns.at_least(births, last), deaths)
        found = self._fitted(births, deaths)
        return replace(self, **{name: found[name] for name in missing})

    def transform(
        self, values: Array, mask: Array | None = None, *, check_values: bool = True
    ) -> Array:
        """Return the feature vectors of diagrams.

        Parameters
        ----------
        values : array of float32 or float64, shape (B, N, 3)
            Birth, death, dimension of each bar, as `pad` returns: of numpy, CuPy or torch.
        mask : array of bool, shape (B, N), optional
            Which rows are bars; all of them when left out. Other rows may hold anything, nan too.
        check_values : bool
            False leaves the numbers unread, and with them out the only wait for a GPU.

        Returns
        -------
        array of the same library, type and device, shape (B, F)
            Never nan.

        Raises
        ------
        InvalidInputError
            If shape, type or device do not fit, or a row is no bar; names it.
        LifecycleError
            If something is neither given nor fitted.
        """
        ns, mask = checked(values, mask, check_values=check_values)
        self.refuse_unfitted()
        return vectors_of(ns, [self], values, mask)

    __call__ = transform

    def fit_transform(self, values: Array, mask: Array | None = None) -> Array:
        """Return ``fit(values, mask).transform(values, mask)``; what was fitted is lost."""
        return self.fit(values, mask).transform(values, mask)

    def refuse_unfitted(self) -> None:
        """Raise if something is neither given nor fitted.

        Raises
        ------
        LifecycleError
            If so.
        """
        if not self.is_fitted:
            raise LifecycleError(
                f"{type(self).__name__} is not fitted: call fit(), or give {self._to_fit()[0]}"
            )

    def rows(self, ns: Namespace, values: Array, mask: Array, end: float | None = None) -> BarRows:
        """Return the bars that count, with open ones dealt with."""
        return self.without_open(self.all_rows(ns, values, mask), end)

    def all_rows(self, ns: Namespace, values: Array, mask: Array) -> BarRows:
        """Return the bars of the dimension, open ones among them."""
        counted, dimensions = mask, values[:, :, 2]
        if self.dimension is not None:
            counted, dimensions = counted & (dimensions == self.dimension), int(self.dimension)
        births, deaths = (ns.xp.where(counted, values[:, :, i], 0.0) for i in (0, 1))
        return BarRows(ns, births, deaths, counted, dimensions)

    def without_open(self, bars: BarRows, end: float | None = None) -> BarRows:
        """Return bars with open ones left out, ended or kept."""
        if self.infinite == "keep":
            return bars
        ns, births, counted = bars.ns, bars.births, bars.counted
        is_open = bars.deaths == math.inf
        if self.infinite == "drop":
            counted = ~is_open if counted is None else counted & ~is_open
            deaths = ns.xp.where(is_open, births, bars.deaths)
            return BarRows(ns, births, deaths, counted, bars.dimensions, bars)
        ends = ns.at_least(births, self._where_clipped(end))
        deaths = ns.xp.where(is_open, ends, bars.deaths)
        return BarRows(ns, births, deaths, counted, bars.dimensions)

    def _where_clipped(self, end: float | None) -> float:
        end = self.end if end is None else end
        if end is None:
            raise LifecycleError(f"{type(self).__name__} is not fitted: limit is not known")
        return float(end)

    @property
    def counting(self) -> tuple[object, ...]:
        """What `rows` depends on: vectorisations that agree in it can share them."""
        return (self.dimension, self.infinite, self.end if self.infinite == "clip" else None)

    def of_rows(self, ns: Namespace, bars: BarRows, like: Array) -> Array:
        """Return the feature vectors of bars that `rows` returned, in the type of ``like``."""
        if bars.births.shape[0] == 1:
            return ns.cast(self._vectors(ns, bars, like), like)
        return joined(ns, [[self.pieces(ns, bars, like)]], like)

    def pieces(self, ns: Namespace, bars: BarRows, like: Array) -> list[Array]:
        """Return the feature vectors of some diagrams after the other, of any floating type."""
        n, n_bars = bars.births.shape
        most = room(ns, like)
        if ns.is_on_host(like) and like.dtype == ns.xp.float64:
            most //= self.side_by_side
        step = step_of(n, most // self.numbers(n_bars))
        if n <= step:
            return [self._vectors(ns, bars, like)]
        return [self._vectors(ns, bars.part(slice(i, i + step)), like) for i in range(0, n, step)]

    def _last_of(self, ns: Namespace, bars: BarRows) -> float:
        """Return the largest birth or finite death."""
        births = bars.births[bars.counted]
        finite = bars.counted & (bars.deaths < math.inf)
        last = float(births.max())
        return max(last, float(bars.deaths[finite].max())) if bool(finite.any()) else last

    def _to_fit(self) -> list[str]:
        """Return the names of the fields that are needed and not given."""
        return ["limit"] if self.infinite == "clip" and self.end is None else []

    def _fitted(self, births: Array, deaths: Array) -> dict[str, Any]:
        """Return all that can be fitted, from the bars that count: open ones end with the last."""
        return {"limit": float(deaths.max())}

    def numbers(self, n_bars: int) -> int:
        """Return how many numbers the largest intermediate array holds for a diagram."""
        return WIDTH * n_bars

    @abstractmethod
    def _columns(self) -> list[str]:
        """Return what distinguishes the features of this class, with a leading underscore."""

    @abstractmethod
    def _vectors(self, ns: Namespace, bars: BarRows, like: Array) -> Array:
        """Return the feature vectors of some diagrams, shape (b, F)."""
