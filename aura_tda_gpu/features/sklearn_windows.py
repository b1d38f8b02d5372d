"""From time series to windows and to point clouds, as steps of scikit-learn."""

from __future__ import annotations

from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from ..errors import ConfigError, InvalidInputError

__all__ = [
    "ManyAxes",
    "SlidingWindow",
    "TakensEmbedding",
    "checked_array",
    "checked_number",
    "validated",
]

_Array: TypeAlias = npt.NDArray[Any]
_FLOATS = (np.float64, np.float32)


class ManyAxes(TransformerMixin):
    """A transformer whose arrays have more than two axes, and are never made tables."""

    def set_output(self, *, transform: Any = None) -> Any:
        """Return the transformer as it is.

        So a pipeline can be told to make tables: its last step does.
        """
        return self


class SlidingWindow(ManyAxes, BaseEstimator):
    """Cut a series into windows of equal length.

    The last window ends with the last row; rows before the first whole window are left out. So the
    number of samples changes: in a ``Pipeline`` this is a first step without ``y``, and with one
    `transform_resample` gives both.

    Parameters
    ----------
    size : int
        Rows of a window.
    stride : int
        Rows from one window to the next.

    Attributes
    ----------
    n_features_in_ : int
        Columns.

    Examples
    --------
    >>> import numpy as np
    >>> windows = SlidingWindow(size=3, stride=2)
    >>> windows.fit_transform(np.arange(6.0)[:, np.newaxis])[..., 0].tolist()
    [[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]]
    """

    def __init__(self, size: int = 10, stride: int = 1) -> None:
        self.size = size
        self.stride = stride

    def fit(self, X: Any, y: Any = None) -> SlidingWindow:
        """Check the settings; there is nothing to learn.

        Raises
        ------
        ConfigError
            If ``size`` or ``stride`` is no whole number from 1 on.
        InvalidInputError
            If ``X`` is no table of finite numbers.
        """
        checked_number("size", self.size)
        checked_number("stride", self.stride)
        validated(self, X)
        return self

    def transform(self, X: Any) -> _Array:
        """Return the windows, shape (n_windows, size, n_features), in time order.

        Parameters
        ----------
        X : array_like, shape (n_rows, n_features)
            One series, a row for each instant.

        Raises
        ------
        InvalidInputError
            As `fit`, or if there are fewer rows than ``size``.
        """
        check_is_fitted(self)
        X = validated(self, X, reset=False)
        if len(X) < self.size:
            raise InvalidInputError(f"a window has {self.size} rows, and X only {len(X)}")
        windows = sliding_window_view(X, self.size, axis=0)[self._rest(len(X)) :: self.stride]
        return np.ascontiguousarray(np.moveaxis(windows, -1, 1))

    def resample(self, y: Any) -> _Array:
        """Return what belongs to the last row of each window, shape (n_windows, ...).

        Parameters
        ----------
        y : array_like, shape (n_rows, ...)
            One value for each row of the series.
        """
        y = np.array(y)
        if len(y) < self.size:
            raise InvalidInputError(f"a window has {self.size} rows, and y only {len(y)}")
        chosen: _Array = y[self._rest(len(y)) + self.size - 1 :: self.stride]
        return chosen

    def transform_resample(self, X: Any, y: Any) -> tuple[_Array, _Array]:
        """Return `transform` of ``X`` and `resample` of ``y``."""
        return self.transform(X), self.resample(y)

    def _rest(self, n_rows: int) -> int:
        """Return how many rows come before the first window."""
        return (n_rows - self.size) % self.stride

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")


class TakensEmbedding(ManyAxes, BaseEstimator):
    """Turn each time series into the point cloud of its delays.

    Parameters
    ----------
    time_delay : int
        Samples between two coordinates.
    dimension : int
        Coordinates that a point takes of each variable, the oldest first.
    stride : int
        Samples from one point to the next.
    flatten : bool
        With several variables: whether the points hold the coordinates of all of them, those of a
        variable side by side, or each variable makes a cloud of its own.
    ensure_last_value : bool
        Whether the last sample is in the last point, rather than the first one in the first.

    Notes
    -----
    Nothing is learned: `transform` works without `fit`.

    References
    ----------
    Takens, "Detecting strange attractors in turbulence" (1981), section 2.

    Examples
    --------
    >>> TakensEmbedding(time_delay=2, dimension=2).transform([[0.0, 1.0, 2.0, 3.0]]).tolist()
    [[[0.0, 2.0], [1.0, 3.0]]]
    """

    def __init__(
        self,
        time_delay: int = 1,
        dimension: int = 2,
        stride: int = 1,
        flatten: bool = True,
        ensure_last_value: bool = True,
    ) -> None:
        self.time_delay = time_delay
        self.dimension = dimension
        self.stride = stride
        self.flatten = flatten
        self.ensure_last_value = ensure_last_value

    def fit(self, X: Any, y: Any = None) -> TakensEmbedding:
        """Check the settings and the series; there is nothing to learn.

        Raises
        ------
        ConfigError
            If a setting is no whole number from 1 on.
        InvalidInputError
            As `transform`.
        """
        self._check()
        self._series(X, reset=True)
        return self

    def transform(self, X: Any) -> Any:
        """Return the point clouds.

        Parameters
        ----------
        X : array_like, shape (n_series, n_samples) or (n_series, n_variables, n_samples)
            Time is the last axis. Or a list of arrays, each one series of its own length.

        Returns
        -------
        ndarray, shape (n_series, n_points, dimension)
            With variables: (n_series, n_points, n_variables * dimension), or (n_series,
            n_variables, n_points, dimension) without ``flatten``. A list of such clouds for series
            of different lengths.

        Raises
        ------
        InvalidInputError
            If ``X`` holds no finite numbers, or a series is too short to make a point.
        """
        self._check()
        series = self._series(X, reset=False)
        if isinstance(series, list):
            return [self._clouds(each[np.newaxis])[0] for each in series]
        return self._clouds(series)

    def _check(self) -> None:
        for name in ("time_delay", "dimension", "stride"):
            checked_number(name, getattr(self, name))

    def _series(self, X: Any, reset: bool) -> Any:
        """Return the series as one array, or as a list where their lengths differ."""
        if isinstance(X, list | tuple) and len({np.shape(x) for x in X}) > 1:
            return [checked_array(x, f"X[{i}]", ensure_2d=False) for i, x in enumerate(X)]
        if not hasattr(X, "shape"):
            X = np.asarray(X)
        if len(X.shape) == 3:
            return checked_array(X, "X")
        return validated(self, X, reset=reset)

    def _clouds(self, series: _Array) -> _Array:
        """Return the clouds of series of one length, time being the last axis."""
        span = (self.dimension - 1) * self.time_delay
        n_windows = series.shape[-1] - span
        if n_windows < 1:
            n = series.shape[-1]
            raise InvalidInputError(
                f"a series has {n} samples (n_features = {n}), and a point of dimension "
                f"{self.dimension} and delay {self.time_delay} reaches over {span + 1}"
            )
        start = (n_windows - 1) % self.stride if self.ensure_last_value else 0
        windows = sliding_window_view(series, span + 1, axis=-1)
        points = windows[..., start :: self.stride, :: self.time_delay]
        if points.ndim == 4 and self.flatten:
            points = np.moveaxis(points, 1, 2)
            points = points.reshape(*points.shape[:2], -1)
        return np.ascontiguousarray(points)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = True
        return tags


def checked_number(name: str, value: object, least: int = 1) -> int:
    """Return a setting that counts something.

    Raises
    ------
    ConfigError
        If it is no whole number, or less than ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ConfigError(f"{name} must be a whole number from {least} on, not {value!r}")
    return int(value)


def validated(estimator: BaseEstimator, X: Any, *, reset: bool = True) -> _Array:
    """Return a table of finite numbers that fits the estimator, as scikit-learn checks it.

    Raises
    ------
    InvalidInputError
        If it is none; says what scikit-learn says.
    """
    try:
        table: _Array = validate_data(estimator, X, reset=reset, dtype=_FLOATS)
    except ValueError as error:
        raise InvalidInputError(str(error)) from error
    return table


def checked_array(X: Any, name: str, **options: Any) -> _Array:
    """Return an array of finite numbers of any number of axes.

    Raises
    ------
    InvalidInputError
        If it is none.
    """
    try:
        array: _Array = check_array(X, dtype=_FLOATS, allow_nd=True, input_name=name, **options)
    except ValueError as error:
        raise InvalidInputError(f"{name}: {error}") from error
    return array
