"""The CUDA engine on a device equals the CPU engine; skipped, with the reason, elsewhere."""

from __future__ import annotations

import pytest

from aura_tda_gpu.persistence import cuda_device
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.cuda_kernels import kernels_of_current_device
from tests.gpu.cover_parity import CoverParity
from tests.gpu.parity import Parity
from tests.gpu.window_parity import WindowParity

REASON = cuda_device.why_not()

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(REASON is not None, reason=f"no GPU: {REASON}")]


@pytest.fixture(scope="module")
def xp():
    return pytest.importorskip("cupy")


@pytest.fixture(scope="module")
def kernels():
    return kernels_of_current_device()


@pytest.fixture(scope="module")
def engine(xp, kernels):
    return CudaEngine(xp, kernels)


class TestOnDevice(Parity):
    """All of them."""


class TestWindowsOnDevice(WindowParity):
    """All of them."""


class TestCoversOnDevice(CoverParity):
    """All of them."""
