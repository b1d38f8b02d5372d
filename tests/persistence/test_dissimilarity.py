"""A dissimilarity matrix is taken as it is, and a bad one is named."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

from aura_tda_gpu.errors import InvalidInputError
from aura_tda_gpu.persistence.dissimilarity import as_dissimilarity
from aura_tda_gpu.persistence.distances import pairwise


def spoilt(row, column, value, mirror=True, n=4, kind=np.float64):
    D = (np.ones((n, n)) - np.eye(n)).astype(kind)
    D[row, column] = value
    if mirror:
        D[column, row] = value
    return D


BAD_MATRICES = {
    "not square": (np.zeros((2, 3)), "square", None),
    "one axis": (np.zeros(4), "two-dimensional", None),
    "text": ([["a"]], "row 0", 0),
    "nan": (spoilt(2, 3, math.nan), r"D\[2, 3\] = nan is not a number", 2),
    "negative": (spoilt(1, 2, -0.5), r"D\[1, 2\] = -0.5 is negative", 1),
    "minus infinity": (spoilt(1, 2, -math.inf), r"D\[1, 2\] = -inf is negative", 1),
    "negative once cast": (spoilt(0, 1, -1e-60), r"D\[0, 1\] = -1e-60 is negative", 0),
    "diagonal": (spoilt(2, 2, 0.5), r"D\[2, 2\] = 0.5", 2),
    "infinite diagonal": (spoilt(3, 3, math.inf), r"D\[3, 3\] = inf", 3),
    "asymmetric": (spoilt(3, 1, 2.0, mirror=False), r"D\[1, 3\] = 1.0 differs", 1),
    "inf on one side": (spoilt(3, 1, math.inf, mirror=False), r"D\[1, 3\] = 1.0 differs", 1),
    "overflow": (spoilt(0, 2, 1e39), r"D\[0, 2\] = 1e\+39 overflows", 0),
    "late": (spoilt(1000, 1001, -1.0, n=1100, kind=np.float32), r"D\[1000, 1001\]", 1000),
    "late asymmetry": (spoilt(1000, 1099, 3.0, False, 1100), r"D\[1000, 1099\] = 3.0", 1000),
}


@pytest.mark.parametrize(("D", "message", "row"), BAD_MATRICES.values(), ids=BAD_MATRICES)
def test_bad_matrices_are_named(D, message, row):
    with pytest.raises(InvalidInputError, match=message) as caught:
        as_dissimilarity(D)
    assert caught.value.row == row


def test_a_matrix_may_hold_infinity_and_minus_zero():
    D = np.array([[-0.0, 1.0, np.inf], [1.0, 0.0, -0.0], [np.inf, 0.0, 0.0]])
    for given_as in (D, D.astype(np.float32), np.asfortranarray(D)):
        found = as_dissimilarity(given_as)
        assert found.tolist() == [[0, 1, np.inf], [1, 0, 0], [np.inf, 0, 0]]
        assert not np.signbit(found).any()
    assert np.signbit(D[0, 0])


def test_symmetry_is_asked_for_after_the_cast():
    D = np.array([[0.0, 0.1], [np.nextafter(0.1, 1), 0.0]])
    assert as_dissimilarity(D)[0, 1] == np.float32(0.1)
    assert as_dissimilarity(np.array([[0, 2], [2, 0]])).dtype == np.float32


def test_a_large_matrix_is_checked_in_blocks():
    n = 2048
    D = np.ones((n, n), np.float32) - np.eye(n, dtype=np.float32)
    assert _peak(as_dissimilarity, D) < D.nbytes // 2
    assert np.shares_memory(as_dissimilarity(D), D)
    assert _peak(as_dissimilarity, D.astype(np.float64)) < D.nbytes * 3 // 2
    points = np.zeros((n, 3), np.float32)
    assert _peak(pairwise, points, "cosine") < D.nbytes * 2


def _peak(function, *arguments):
    tracemalloc.start()
    try:
        function(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
