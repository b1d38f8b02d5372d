"""Oineus: a decomposition R = D V of the whole complex that is updated, not reduced anew.

Its update after cells came, went and changed places is ``Decomposition.update_with_edits``
(Luo and Nelson, "Accelerating iterated persistent homology computations with warm starts",
arXiv 2108.05022, algorithm 3). Two more ways were tried on a torus: to reorder the complete
complex (``update_with_permutation``) takes as long and more memory, and a schedule of moves
(``apply_move_schedule``) did not end within 100 s at n = 64.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["INSTALL", "NAME", "VARIANTS", "IncrementalRips", "available", "bars", "too_large"]

NAME = "oineus"
INSTALL = "pip install oineus"
VARIANTS = ("cohomology",)
MOST_TRIANGLES = 5_000_000  # of a complex: some gigabytes

Matrix = npt.NDArray[np.float32]
Bars = dict[int, npt.NDArray[np.float32]]


def available() -> bool:
    """Return whether Oineus is installed."""
    return importlib.util.find_spec("oineus") is not None


def too_large(n: int) -> str | None:
    """Return why a complex of ``n`` vertices does not fit, or None."""
    triangles = n * (n - 1) * (n - 2) // 6
    if triangles <= MOST_TRIANGLES:
        return None
    return f"up to {triangles / 1e6:.0f} million triangles, more than fit into memory"


def bars(D: Matrix, variant: str = VARIANTS[0]) -> Bars:
    """Return the bars of H0 and H1 of the dissimilarity matrix ``D``, shape (n, n)."""
    from aura_tda_gpu.persistence.backends import usable_cores

    cores = usable_cores()
    with _cores_kept():
        return _reduced(_filtration_of(D, cores), cores)


@contextmanager
def _cores_kept() -> Iterator[None]:
    """Give the thread its cores back: Oineus may leave it bound to one, and its children, too."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    try:
        yield
    finally:
        if cores is not None:
            os.sched_setaffinity(0, cores)


class IncrementalRips:
    """All simplices up to triangles and the enclosing radius, their R and V kept up to date.

    Parameters
    ----------
    D : ndarray of float32, shape (n, n)
        Dissimilarities to start from.
    n_threads : int
        Threads of Oineus where it has a choice.
    """

    def __init__(self, D: Matrix, n_threads: int) -> None:
        import oineus

        self._n_threads = n_threads
        with _cores_kept():
            self._filtration = _filtration_of(D, n_threads)
            self._names = _names(self._filtration)
            recipe = oineus.ReductionParams()
            recipe.compute_v, recipe.clearing_opt = True, False  # an update needs all of V
            recipe.n_threads = n_threads
            self._decomposition = oineus.Decomposition(self._filtration, False)
            self._decomposition.reduce(recipe)

    def __len__(self) -> int:
        """Return the number of simplices held."""
        return int(self._filtration.size())

    def bars(self) -> Bars:
        """Return the bars of H0 and H1."""
        return _float32(self._decomposition.diagram(self._filtration, True))

    def update(self, D: Matrix) -> float:
        """Go over to other dissimilarities of as many vertices.

        Returns
        -------
        float
            Seconds of Oineus' update alone: without the new filtration, which names its
            simplices in the old one, and without its boundary matrix.
        """
        with _cores_kept():
            return self._update(_filtration_of(D, self._n_threads))

    def _update(self, filtration: Any) -> float:
        names = _names(filtration)
        new_to_old = _places(self._names, names).tolist()
        boundary = filtration.boundary_matrix()
        first, last = list(filtration.dim_first), list(filtration.dim_last)
        start = time.perf_counter()
        self._decomposition.update_with_edits(new_to_old, boundary, first, last)
        seconds = time.perf_counter() - start
        self._filtration, self._names = filtration, names
        return seconds

    def fresh_bars(self, D: Matrix) -> Bars:
        """Return the bars of H0 and H1 as Oineus reduces them from nothing, by cohomology."""
        with _cores_kept():
            return _reduced(_filtration_of(D, self._n_threads), self._n_threads)


def _filtration_of(D: Matrix, n_threads: int) -> Any:
    """Return all simplices up to triangles and the enclosing radius."""
    import oineus

    return oineus.vr_filtration(
        D.astype(np.float64), from_pwdists=True, max_dim=2, n_threads=n_threads
    )


def _reduced(filtration: Any, n_threads: int) -> Bars:
    """Return the bars of a filtration, by cohomology with clearing."""
    import oineus

    recipe = oineus.ReductionParams()
    recipe.n_threads = n_threads
    decomposition = oineus.Decomposition(filtration, True)
    decomposition.reduce(recipe)
    return _float32(decomposition.diagram(filtration, True))


def _names(filtration: Any) -> npt.NDArray[np.int64]:
    """Return one number for each simplex, from its vertices, in the order of the filtration."""
    parts = (filtration.get_vertices(), filtration.get_edges(), filtration.get_triangles())
    names = []
    for dimension, part in enumerate(parts):
        vertices = np.sort(np.asarray(part, np.int64).reshape(-1, dimension + 1), axis=1) + 1
        names.append(vertices @ (1 << 20) ** np.arange(dimension + 1, dtype=np.int64))
    return np.concatenate(names)


def _places(old: npt.NDArray[np.int64], new: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return where each new name is among the old ones, -1 where it is not."""
    order = np.argsort(old)
    place = order[np.minimum(np.searchsorted(old, new, sorter=order), len(old) - 1)]
    return np.where(old[place] == new, place, -1)


def _float32(diagrams: Any) -> Bars:
    return {k: np.asarray(diagrams.in_dimension(k), np.float32).reshape(-1, 2) for k in (0, 1)}
