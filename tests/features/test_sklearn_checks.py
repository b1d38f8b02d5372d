"""The steps keep scikit-learn's own rules for estimators.

Its checks pass tables. A step that takes clouds or diagrams is therefore checked behind a front
that makes them of the rows of a table; all else of it is as it is.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from aura_tda_gpu.features.sklearn import (
    PersistenceVectoriser,
    SlidingWindow,
    TakensEmbedding,
    VietorisRipsTransformer,
)
from aura_tda_gpu.features.sklearn_windows import validated


class Front:
    """A table instead of an array of three axes."""

    def fit(self, X, y=None):
        return super().fit(self.of_rows(validated(self, X)))

    def transform(self, X):
        check_is_fitted(self)
        return super().transform(self.of_rows(validated(self, X, reset=False)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.allow_nan = False
        return tags


class CloudsOnALine(Front, VietorisRipsTransformer):
    """The values of a row are the points of a cloud."""

    def of_rows(self, X):
        return X[..., np.newaxis]


class DiagramsOfRows(Front, PersistenceVectoriser):
    """Each value of a row is a bar."""

    def of_rows(self, X):
        return np.stack([X, X + np.abs(X) + 1, np.ones_like(X)], axis=-1).astype(X.dtype)


OTHER_ROWS = "windows are other samples than the rows, in another number"
PIPELINE = "a Pipeline fits the steps it was given: so does scikit-learn's own, listed there, too"
EXPECTED = {
    SlidingWindow: {
        "check_transformer_data_not_an_array": OTHER_ROWS,
        "check_transformer_general": OTHER_ROWS,
        "check_methods_sample_order_invariance": OTHER_ROWS,
        "check_methods_subset_invariance": OTHER_ROWS,
    },
    type(make_pipeline(SlidingWindow())): {
        "check_estimators_overwrite_params": PIPELINE,
        "check_dont_overwrite_parameters": PIPELINE,
    },
}


def expected_of(estimator):
    is_one_row = getattr(estimator, "size", None) == 1  # then windows are the rows
    return {} if is_one_row else EXPECTED.get(type(estimator), {})


@parametrize_with_checks(
    [
        SlidingWindow(size=1),
        SlidingWindow(size=2),
        TakensEmbedding(),
        CloudsOnALine(),
        DiagramsOfRows(),
        make_pipeline(TakensEmbedding(), VietorisRipsTransformer(), PersistenceVectoriser()),
    ],
    expected_failed_checks=expected_of,
)
def test_the_rules_of_scikit_learn(estimator, check):
    check(estimator)
