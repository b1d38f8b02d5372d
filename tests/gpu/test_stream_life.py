"""Streams on a device for long and side by side; skipped, with the reason, elsewhere."""

from __future__ import annotations

import pytest

from aura_tda_gpu.persistence import cuda_device
from tests.gpu.stream_life import StreamLife, as_backend  # noqa: F401

REASON = cuda_device.why_not()

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(REASON is not None, reason=f"no GPU: {REASON}")]


@pytest.fixture
def n_ticks():
    return 10_000


@pytest.fixture
def allocated(xp):
    return xp.get_default_memory_pool().used_bytes


class TestStreamsOnDevice(StreamLife):
    """All of them."""
