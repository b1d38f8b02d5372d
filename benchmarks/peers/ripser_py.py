"""ripser.py: Ripser compiled for Python, one thread."""

from __future__ import annotations

import importlib.util

import numpy as np
import numpy.typing as npt

__all__ = ["INSTALL", "NAME", "VARIANTS", "available", "bars"]

NAME = "ripser.py"
INSTALL = "pip install ripser"
VARIANTS = ("default",)


def available() -> bool:
    """Return whether ripser.py is installed."""
    return importlib.util.find_spec("ripser") is not None


def bars(
    D: npt.NDArray[np.float32], variant: str = "default"
) -> dict[int, npt.NDArray[np.float32]]:
    """Return the bars of H0 and H1 of the dissimilarity matrix ``D``, shape (n, n)."""
    from ripser import ripser

    result = ripser(D, maxdim=1, distance_matrix=True)
    return {k: dgm.astype(np.float32) for k, dgm in enumerate(result["dgms"])}
