"""giotto-ph, on every core: with its defaults, and with edge collapse first."""

from __future__ import annotations

import importlib.util

import numpy as np
import numpy.typing as npt

__all__ = ["INSTALL", "NAME", "VARIANTS", "available", "bars"]

NAME = "giotto-ph"
INSTALL = "pip install giotto-ph"
VARIANTS = ("default", "collapse_edges")


def available() -> bool:
    """Return whether giotto-ph is installed."""
    return importlib.util.find_spec("gph") is not None


def bars(
    D: npt.NDArray[np.float32], variant: str = "default"
) -> dict[int, npt.NDArray[np.float32]]:
    """Return the bars of H0 and H1 of the dissimilarity matrix ``D``, shape (n, n)."""
    from gph import ripser_parallel

    result = ripser_parallel(
        D,
        maxdim=1,
        metric="precomputed",
        n_threads=-1,
        collapse_edges=variant == "collapse_edges",
    )
    return {k: dgm.astype(np.float32) for k, dgm in enumerate(result["dgms"])}
