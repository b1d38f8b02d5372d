"""Persistence diagrams of point clouds, as a step of scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..errors import ConfigError, InvalidInputError
from ..persistence.backends import usable_cores
from ..persistence.batch import vietoris_rips_batch
from ..persistence.diagram import Diagram
from ..persistence.engine import Float32Array
from ..persistence.rips import check_options
from .sklearn_windows import ManyAxes

__all__ = ["VietorisRipsTransformer"]


class VietorisRipsTransformer(ManyAxes, BaseEstimator):
    """Turn point clouds into persistence diagrams of their Vietoris-Rips filtrations.

    Parameters
    ----------
    homology_dimensions : iterable of int
        As in `vietoris_rips`, as are ``metric``, ``max_edge_length`` and ``backend``.
    metric : str
        A name; ``"precomputed"`` takes matrices for clouds.
    max_edge_length : float
        Longest edge of the filtration, inclusive.
    infinity_values : float, optional
        The death of bars that stay open; ``max_edge_length`` when left out.
    reduced_homology : bool
        Whether the one bar of dimension 0 that every cloud has and never dies is left out.
    backend : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"reference"`` or ``"ripser++"``.
    n_jobs : int, optional
        Threads, as scikit-learn counts: 1 when left out, -1 for all usable cores. A GPU takes
        clouds of one size together.

    Attributes
    ----------
    infinity_values_ : float
        The death of bars that stay open.

    Notes
    -----
    The arrays are those of giotto-tda's ``VietorisRipsPersistence``: (n_samples, n_bars, 3) with
    birth, death and homology dimension; every sample has as many rows of a dimension as the one
    with the most, at least one; rows without a bar have birth and death 0, and no bar of the
    engine is of length zero. Deaths may be ``inf`` where nothing sets them: give a
    ``max_edge_length`` or ``infinity_values``, or leave that to `PersistenceVectoriser`.

    Examples
    --------
    >>> square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    >>> VietorisRipsTransformer(homology_dimensions=(1,)).fit_transform([square]).tolist()
    [[[1.0, 1.4142135381698608, 1.0]]]
    """

    def __init__(
        self,
        homology_dimensions: Sequence[int] = (0, 1),
        *,
        metric: str = "euclidean",
        max_edge_length: float = math.inf,
        infinity_values: float | None = None,
        reduced_homology: bool = True,
        backend: str = "auto",
        n_jobs: int | None = None,
    ) -> None:
        self.homology_dimensions = homology_dimensions
        self.metric = metric
        self.max_edge_length = max_edge_length
        self.infinity_values = infinity_values
        self.reduced_homology = reduced_homology
        self.backend = backend
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> VietorisRipsTransformer:
        """Check the settings; nothing is learned of the clouds.

        Raises
        ------
        ConfigError
            If a setting has an unknown name or a value outside its range.
        InvalidInputError
            If ``X`` is no collection of clouds.
        """
        options = check_options(
            self.metric,
            self.homology_dimensions,
            self.max_edge_length,
            self.backend,
            _threads(self.n_jobs),
        )
        _clouds(X)
        value = self.infinity_values
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, Real) or not value >= 0
        ):
            raise ConfigError(f"infinity_values must be a number from 0 on or None, not {value!r}")
        self.infinity_values_ = options.max_edge_length if value is None else float(value)
        return self

    def transform(self, X: Any) -> npt.NDArray[Any]:
        """Return the diagrams.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_points, dim), or a list of arrays (n_points, dim)
            Clouds, of different sizes in a list.

        Returns
        -------
        ndarray, shape (n_samples, n_bars, 3)
            Birth, death, dimension; by dimension, then longest first. Of float32 if all clouds
            are, else float64; the values are those of float32.

        Raises
        ------
        NotFittedError
            Without `fit` before.
        InvalidInputError
            If a cloud cannot be used; names its place in ``X`` and the row.
        UnsupportedError, BackendUnavailable, MemoryLimitError
            As `vietoris_rips`.
        """
        check_is_fitted(self)
        diagrams = vietoris_rips_batch(
            _clouds(X),
            metric=self.metric,
            homology_dimensions=self.homology_dimensions,
            max_edge_length=self.max_edge_length,
            backend=self.backend,
            threads=_threads(self.n_jobs),
        )
        dimensions = sorted({int(k) for k in self.homology_dimensions})
        is_single = {getattr(x, "dtype", None) for x in X} == {np.dtype(np.float32)}
        wide = np.float32 if is_single else np.float64
        blocks = [self._block(diagrams, k) for k in dimensions]
        return np.concatenate(blocks, axis=1, dtype=wide)

    def _block(self, diagrams: Sequence[Diagram], k: int) -> Float32Array:
        """Return the bars of one dimension, shape (n_samples, most bars, 3)."""
        bars = [diagram[k] for diagram in diagrams]
        if k == 0 and self.reduced_homology:
            essential = [~diagram.truncated[0] & np.isinf(diagram[0][:, 1]) for diagram in diagrams]
            bars = [
                np.delete(each, np.flatnonzero(at)[:1], axis=0)
                for each, at in zip(bars, essential, strict=True)
            ]
        block = np.zeros((len(bars), max(1, *map(len, bars)), 3), np.float32)
        block[..., 2] = k
        for row, each in zip(block, bars, strict=True):
            row[: len(each), 0] = each[:, 0]
            row[: len(each), 1] = np.where(np.isinf(each[:, 1]), self.infinity_values_, each[:, 1])
        return block

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _clouds(X: Any) -> Any:
    """Return clouds, refusing one cloud by itself.

    Raises
    ------
    InvalidInputError
        If there is no cloud.
    """
    ndim = getattr(X, "ndim", None)
    if ndim is not None and ndim != 3:
        hint = "; pass one cloud as X[None], or rows of series to TakensEmbedding first"
        raise InvalidInputError(
            f"X must be of shape (n_samples, n_points, dim), not {tuple(X.shape)}"
            + (hint if ndim == 2 else "")
        )
    if not hasattr(X, "__len__") or len(X) == 0:
        raise InvalidInputError("X must hold one point cloud at least")
    return X


def _threads(n_jobs: object) -> int:
    """Return the number of threads that scikit-learn means."""
    if n_jobs is None:
        return 1
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or n_jobs == 0:
        raise ConfigError(f"n_jobs must be None or a whole number other than 0, not {n_jobs!r}")
    given = int(n_jobs)
    return given if given > 0 else max(1, usable_cores() + 1 + given)
