"""Ripser++: filtration and apparent pairs on a GPU, the other columns on the CPU.

Through its Python package, which copies the matrix entry by entry, and through the same library
without that copy. It prints no infinite bars into its result: they are put back.
"""

from __future__ import annotations

import ctypes
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aura_tda_gpu.persistence.ripser_plus_plus import closed, restored

__all__ = ["INSTALL", "NAME", "VARIANTS", "available", "bars"]

NAME = "Ripser++"
INSTALL = "pip install ripserplusplus  (needs nvcc of CUDA 12 and CMake 3)"
VARIANTS = ("library", "package")
ARGUMENTS = ("--format", "lower-distance", "--dim", "1")

Bars = dict[int, npt.NDArray[np.float32]]


class _Set(ctypes.Structure):
    _fields_ = (("n_bars", ctypes.c_int64), ("bars", ctypes.POINTER(ctypes.c_float)))


class _Result(ctypes.Structure):
    _fields_ = (("n_dimensions", ctypes.c_int), ("sets", ctypes.POINTER(_Set)))


def available() -> bool:
    """Return whether Ripser++ is installed."""
    return importlib.util.find_spec("ripserplusplus") is not None


def bars(D: npt.NDArray[np.float32], variant: str = "library") -> Bars:
    """Return the bars of H0 and H1 of the dissimilarity matrix ``D``, shape (n, n)."""
    filled, last = closed(D)
    run = _by_library if variant == "library" else _by_package
    found = run(filled)
    return {k: restored(found.get(k), k, last) for k in (0, 1)}


def _by_package(D: npt.NDArray[np.float32]) -> dict[int, Any]:
    import ripserplusplus

    found: dict[int, Any] = ripserplusplus.run("--format distance --dim 1", D)
    return found


def _by_library(D: npt.NDArray[np.float32]) -> dict[int, Any]:
    n = len(D)
    below = np.ascontiguousarray(D[np.tril_indices(n, -1)], np.float32)
    arguments = (ctypes.c_char_p * len(ARGUMENTS))(*(text.encode() for text in ARGUMENTS))
    pointer = below.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    result = _library().run_main(len(ARGUMENTS), arguments, pointer, len(below), n, n)
    return {k: _pairs(result.sets[k]) for k in range(result.n_dimensions)}


def _pairs(found: _Set) -> npt.NDArray[np.float32]:
    if not found.n_bars:
        return np.empty((0, 2), np.float32)
    return np.ctypeslib.as_array(found.bars, (found.n_bars, 2)).copy()


@cache
def _library() -> Any:
    """Return the library inside the package, with what it calls loaded before it."""
    spec = importlib.util.find_spec("ripserplusplus")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    ctypes.CDLL(str(folder / "libphmap.so"), mode=ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(str(folder / "libpyripser++.so"))
    library.run_main.restype = _Result
    return library
