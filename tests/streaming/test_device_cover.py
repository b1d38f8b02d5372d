"""Ring and cover on a device under the sanitizers: no read or write beside the arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aura_tda_gpu.persistence.cuda_kernels import Kernels
from aura_tda_gpu.persistence.cuda_launch import Device
from aura_tda_gpu.streaming import device_cover
from aura_tda_gpu.streaming.device_cover import DeviceCover
from aura_tda_gpu.streaming.device_ring import DeviceRing
from aura_tda_gpu.streaming.host_cover import HostCover
from aura_tda_gpu.streaming.ring_buffer import RingBuffer, Rows
from tests.cuda_host import EmulatedModule, reason_unavailable
from tests.cuda_host.process import note_address
from tests.gpu.cover_parity import of_host, on_host

REASON = reason_unavailable(sanitize=True)

pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no sanitizer: {REASON}")


def sanitized(source: str, *, name: str) -> EmulatedModule:
    return EmulatedModule(source, name=name, sanitize=True)


def noted_address(device: Device, array: Any) -> int:
    note_address(array)
    return int(array.ctypes.data)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("k", [1, 9])
def test_the_sanitizer_finds_nothing(
    metric: str, k: int, rng: np.random.Generator, monkeypatch: Any
) -> None:
    monkeypatch.setattr(device_cover, "CHUNK", 17)
    monkeypatch.setattr(Device, "address", noted_address)
    points, numbers = rng.normal(size=(120, 3)) * 3 + 1, np.arange(120)
    ring = RingBuffer(44, 3)
    host = HostCover(k, 3, metric, 44, 12)
    other = DeviceCover(DeviceRing(Device(np, Kernels(sanitized)), 44, 3), k, metric, 12)
    for start in range(0, 120, 24):
        ring.append(Rows(points, numbers, numbers)[start : start + 24])
        for state in (host, other):
            state.catch_up(ring, len(ring))
            state.settle(ring.total - len(ring), start)
            state.measure(ring, len(ring))
        assert on_host(other) == of_host(host)
