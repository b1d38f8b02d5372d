"""Ring and cover on a device under the sanitizers: no read or write beside the arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aura_tda_gpu.persistence.cuda_kernels import Kernels
from aura_tda_gpu.persistence.cuda_launch import Device
from aura_tda_gpu.streaming import device_cover
from aura_tda_gpu.streaming.device_cover import DeviceCover
from aura_tda_gpu.streaming.device_intake import DeviceIntake
from aura_tda_gpu.streaming.device_ring import DeviceRing
from aura_tda_gpu.streaming.device_taking import Share, take_together
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


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_the_sanitizer_finds_nothing_in_windows_of_several_sizes(
    metric: str, rng: np.random.Generator, monkeypatch: Any
) -> None:
    monkeypatch.setattr(device_cover, "CHUNK", 13)
    monkeypatch.setattr(Device, "address", noted_address)
    device, intake = Device(np, Kernels(sanitized)), DeviceIntake()
    rows = Rows(rng.normal(size=(120, 3)) * 3 + 1, np.arange(120), np.arange(120))
    sizes = [(9, 44, 12), (30, 120, 40), (1, 60, 1)]
    hosts = [HostCover(k, 3, metric, n, slide) for k, n, slide in sizes]
    covers = [
        DeviceCover(DeviceRing(device, n, 3, intake), k, metric, slide) for k, n, slide in sizes
    ]
    for start in range(0, 120, 40):
        live = [max(0, start + 40 - n) for _, n, _ in sizes]
        part = rows[start : start + 40]
        take_together([Share(c, part, start, row) for c, row in zip(covers, live, strict=True)])
        for host, cover, row in zip(hosts, covers, live, strict=True):
            host.take(part, start, row)
            assert cover.settle(row, start) == host.settle(row, start)
            assert on_host(cover) == of_host(host)
