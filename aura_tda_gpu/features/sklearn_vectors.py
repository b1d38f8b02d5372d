"""Feature vectors of persistence diagrams, as a step of scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..errors import ConfigError, InvalidInputError
from .base import Vectorisation
from .feature_vector import FeatureVector
from .padding import pad
from .vectorisations import (
    BettiCurve,
    EulerCurve,
    PersistenceEntropy,
    PersistenceImage,
    PersistenceLandscape,
    PersistenceLengths,
    PersistenceStatistics,
    Silhouette,
)

__all__ = ["PersistenceVectoriser"]

_Array: TypeAlias = npt.NDArray[Any]
_BY_NAME: dict[str, type[Vectorisation]] = {
    "betti_curve": BettiCurve,
    "entropy": PersistenceEntropy,
    "image": PersistenceImage,
    "landscape": PersistenceLandscape,
    "lengths": PersistenceLengths,
    "silhouette": Silhouette,
    "statistics": PersistenceStatistics,
}


class PersistenceVectoriser(TransformerMixin, BaseEstimator):
    """Turn persistence diagrams into feature vectors.

    Parameters
    ----------
    vectorisations : str, Vectorisation, FeatureVector, or iterable of str and Vectorisation
        Whose features come one after the other. A name stands for one vectorisation with its
        defaults for each homology dimension that `fit` sees: ``"betti_curve"``, ``"entropy"``,
        ``"image"``, ``"landscape"``, ``"lengths"``, ``"silhouette"``, ``"statistics"``; and
        ``"euler_curve"`` for one over all dimensions.

    Attributes
    ----------
    vectorisation_ : FeatureVector
        All of them, fitted.
    homology_dimensions_ : tuple of int
        Those of the diagrams in `fit`, ascending.

    Notes
    -----
    Diagrams are arrays as `VietorisRipsTransformer` and giotto-tda make them, `Diagram` objects, or
    arrays (n_bars, 3) of different lengths in a list.
    Rows of length zero, and rows that are nan throughout, are padding. Open bars are left out or
    otherwise dealt with as the vectorisation says.

    Examples
    --------
    >>> diagrams = [[[0.0, 1.0, 0.0], [1.0, 3.0, 1.0]], [[0.0, 2.0, 0.0], [0.0, 0.0, 1.0]]]
    >>> vectoriser = PersistenceVectoriser("lengths").fit(diagrams)
    >>> vectoriser.transform(diagrams).tolist()[0][:2]
    [1.0, 0.0]
    >>> vectoriser.get_feature_names_out()[0]
    'h0_length_1'
    """

    def __init__(self, vectorisations: Any = ("lengths", "entropy", "statistics")) -> None:
        self.vectorisations = vectorisations

    def fit(self, X: Any, y: Any = None) -> PersistenceVectoriser:
        """Set all ranges that were left open.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_bars, 3), or an iterable of Diagram or of such tables
            Birth, death, homology dimension.
        y : object, optional
            Not used.

        Raises
        ------
        ConfigError
            If ``vectorisations`` holds an unknown name or something else.
        InvalidInputError
            If ``X`` is of another shape, a row is no bar, or a range is to be fitted and no bar
            counts.
        """
        values, mask = _padded(X)
        dimensions = values[..., 2][mask if mask.any() else ~np.isnan(values[..., 2])]
        self.homology_dimensions_ = tuple(int(k) for k in np.unique(dimensions))
        parts = tuple(_parts(self.vectorisations, self.homology_dimensions_))
        self.vectorisation_ = FeatureVector(parts).fit(values, mask)
        return self

    def transform(self, X: Any) -> _Array:
        """Return the feature vectors.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_bars, 3), or an iterable of Diagram or of such tables
            As in `fit`; of any number of bars.

        Returns
        -------
        ndarray, shape (n_samples, n_features)
            float32 where the diagrams are, else float64.

        Raises
        ------
        NotFittedError
            Without `fit` before.
        InvalidInputError
            If ``X`` is of another shape, or a row is no bar.
        """
        check_is_fitted(self)
        found: _Array = self.vectorisation_.transform(*_padded(X))
        return found

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the name of each feature, shape (n_features,); the argument is not used."""
        check_is_fitted(self)
        return self.vectorisation_.get_feature_names_out()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _parts(given: Any, dimensions: tuple[int, ...]) -> Iterable[Vectorisation]:
    """Yield the vectorisations that are meant.

    Raises
    ------
    ConfigError
        If something else is.
    """
    if isinstance(given, FeatureVector):
        yield from given.parts
    elif isinstance(given, Vectorisation):
        yield given
    elif given == "euler_curve":
        yield EulerCurve()
    elif isinstance(given, str) and given in _BY_NAME:
        yield from (_BY_NAME[given](k) for k in dimensions)
    elif isinstance(given, Iterable) and not isinstance(given, str):
        for each in given:
            yield from _parts(each, dimensions)
    else:
        known = ", ".join(sorted([*_BY_NAME, "euler_curve"]))
        raise ConfigError(
            f"vectorisations must be objects or names of vectorisations ({known}), not {given!r}"
        )


def _padded(X: Any) -> tuple[_Array, npt.NDArray[np.bool_]]:
    """Return diagrams as one array, and which rows are bars."""
    is_array = hasattr(X, "shape") and np.asarray(X).dtype != object
    if isinstance(X, Iterable) and not is_array:
        X = list(X)
    if isinstance(X, list) and X and hasattr(X[0], "dimensions"):
        return pad(X)
    counted: Any = True
    try:
        if isinstance(X, list) and len({np.shape(each) for each in X}) > 1:
            tables = [np.asarray(each) for each in X]
            wide = np.result_type(np.float32, *tables)
            values, counted = pad([table.astype(wide) for table in tables])
        else:
            values = np.asarray(X)
        if values.dtype != np.float32:
            values = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"X cannot be read as an array of diagrams: {error}") from error
    if values.ndim != 3 or values.shape[2] != 3 or not len(values):
        raise InvalidInputError(
            "X must be of shape (n_samples, n_bars, 3) with a sample at least: birth, death, "
            f"homology dimension; not {values.shape}"
        )
    is_padding = (values[..., 0] == values[..., 1]) | np.isnan(values).all(axis=2)
    return values, counted & ~is_padding
