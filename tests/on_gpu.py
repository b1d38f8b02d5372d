"""A stand-in for arrays on a GPU, and for the array module to which they belong."""

from __future__ import annotations

import numpy as np

__all__ = ["OnGpu", "Xp"]


class OnGpu:
    """An array that says it is on a GPU, as torch and CuPy say it."""

    def __init__(self, array, number=0, kind=2):
        self.array = np.asarray(array)
        self.shape = self.array.shape
        self.device = kind, number
        self.reads = 0

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **_):
        raise BufferError("not for the host")

    def __array__(self, *_, **__):
        raise TypeError("can't convert a device array to numpy")

    def __iter__(self):
        return (OnGpu(part, self.device[1]) for part in self.array)

    def __len__(self):
        return len(self.array)


class Xp:
    """numpy, to which such arrays are on the device."""

    def __getattr__(self, name):
        return getattr(np, name)

    def from_dlpack(self, X):
        X.reads += 1
        return X.array
