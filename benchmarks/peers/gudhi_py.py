"""gudhi: a Rips complex whose edges are collapsed first, and its estimator RipsPersistence.

Both over the field of two elements, as everyone else here: their default of eleven gives other bars
where there is torsion, as in a delay embedding of 128 points.
"""

from __future__ import annotations

import importlib.util

import numpy as np
import numpy.typing as npt

__all__ = ["INSTALL", "NAME", "VARIANTS", "available", "bars"]

NAME = "gudhi"
INSTALL = "pip install gudhi scikit-learn"
VARIANTS = ("RipsPersistence", "collapse_edges")

FIELD = 2  # elements
Bars = dict[int, npt.NDArray[np.float32]]


def available() -> bool:
    """Return whether gudhi is installed, and scikit-learn, which its estimator is made of."""
    return all(importlib.util.find_spec(name) is not None for name in ("gudhi", "sklearn"))


def bars(D: npt.NDArray[np.float32], variant: str = "RipsPersistence") -> Bars:
    """Return the bars of H0 and H1 of the dissimilarity matrix ``D``, shape (n, n)."""
    return _collapsed(D) if variant == "collapse_edges" else _estimated(D)


def _estimated(D: npt.NDArray[np.float32]) -> Bars:
    from gudhi.sklearn.rips_persistence import RipsPersistence

    estimator = RipsPersistence(
        homology_dimensions=[0, 1],
        input_type="full distance matrix",
        homology_coeff_field=FIELD,
        n_jobs=-1,
    )
    (found,) = estimator.fit_transform([D.astype(np.float64)])
    return {k: np.asarray(found[k], np.float32).reshape(-1, 2) for k in (0, 1)}


def _collapsed(D: npt.NDArray[np.float32]) -> Bars:
    import gudhi

    # no edge above the enclosing radius matters; gudhi does not cut there by itself
    radius = float(D.max(axis=1).min())
    complex_ = gudhi.RipsComplex(distance_matrix=D.astype(np.float64), max_edge_length=radius)
    tree = complex_.create_simplex_tree(max_dimension=1)
    tree.collapse_edges()
    tree.expansion(2)
    tree.compute_persistence(homology_coeff_field=FIELD)
    return {
        k: np.asarray(tree.persistence_intervals_in_dimension(k), np.float32).reshape(-1, 2)
        for k in (0, 1)
    }
