"""Streams whose windows, covers and rows are on a device: the host runs the kernels."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest

from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.cuda_kernels import Kernels
from tests.cuda_host import EmulatedModule, reason_unavailable
from tests.gpu.stream_life import StreamLife, as_backend  # noqa: F401

REASON = reason_unavailable()

pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no emulator: {REASON}")


@pytest.fixture(scope="module")
def xp():
    return np


@pytest.fixture(scope="module")
def kernels():
    return Kernels(EmulatedModule)


@pytest.fixture(scope="module")
def engine(xp, kernels):
    return CudaEngine(xp, kernels)


@pytest.fixture
def n_ticks():
    return 80


@pytest.fixture
def allocated():
    def held() -> int:
        gc.collect()  # what launches of the emulator leave in cycles is nobody's any more
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    yield held
    tracemalloc.stop()


class TestEmulatedStreams(StreamLife):
    """All of them."""
