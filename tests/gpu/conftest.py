"""The engine of the device at hand, and raw memory where a sanitizer asks for it."""

from __future__ import annotations

import os

import pytest

from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.cuda_kernels import kernels_of_current_device


@pytest.fixture(scope="module")
def xp():
    cupy = pytest.importorskip("cupy")
    if os.environ.get("AURA_RAW_DEVICE_MEMORY"):
        cupy.cuda.set_allocator(None)  # a pool hides what is read beside an array
    return cupy


@pytest.fixture(scope="module")
def kernels(xp):
    return kernels_of_current_device()


@pytest.fixture(scope="module")
def engine(xp, kernels):
    return CudaEngine(xp, kernels)
