"""The CUDA engine on a device equals the CPU engine; skipped, with the reason, elsewhere."""

from __future__ import annotations

import pytest

from aura_tda_gpu.persistence import cuda_device
from tests.gpu.cover_parity import CoverParity
from tests.gpu.parity import Parity
from tests.gpu.recording_parity import RecordingParity
from tests.gpu.reduction_parity import ReductionParity
from tests.gpu.window_parity import WindowParity

REASON = cuda_device.why_not()

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(REASON is not None, reason=f"no GPU: {REASON}")]


class TestOnDevice(Parity):
    """All of them."""


class TestWindowsOnDevice(WindowParity):
    """All of them."""


class TestRecordingsOnDevice(RecordingParity):
    """All of them."""


class TestReductionsOnDevice(ReductionParity):
    """All of them."""


class TestCoversOnDevice(CoverParity):
    """All of them."""
