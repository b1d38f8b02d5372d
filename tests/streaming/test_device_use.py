"""What diagrams and streams say of the GPU they are computed on."""

from __future__ import annotations

import numpy as np
import pytest

from aura_tda_gpu import MultiScaleStream, RipsWindow, vietoris_rips
from aura_tda_gpu.persistence import cuda_device, device_stats
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.cuda_kernels import Kernels
from aura_tda_gpu.streaming import multi_scale_processor
from tests.cuda_host import EmulatedModule, reason_unavailable

pytestmark = pytest.mark.skipif(reason_unavailable() is not None, reason="no emulator")


class Use:
    """A GPU that has taken 2 J for each point."""

    def __init__(self, xp):
        assert xp is np

    def told(self, n_points):
        return {"busy_ratio": 0.5, "joules_per_million_points": 2e6 if n_points else None}


@pytest.fixture(autouse=True)
def as_backend(monkeypatch):
    engine = CudaEngine(np, Kernels(EmulatedModule))
    monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
    monkeypatch.setattr(cuda_device, "check_size", lambda n: None)


def test_a_diagram_tells_of_its_device(monkeypatch):
    monkeypatch.setattr(device_stats, "info_of", lambda xp: {"busy_ratio": 0.25})
    square = [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert vietoris_rips(square, backend="cuda").info["device"] == {"busy_ratio": 0.25}
    window = RipsWindow(4, 2, backend="cuda")
    window.insert(square)
    assert window.diagram().info["device"] == {"busy_ratio": 0.25}
    assert "device" not in vietoris_rips(square, backend="cpu").info


def test_a_stream_tells_of_its_device(monkeypatch):
    monkeypatch.setattr(multi_scale_processor, "DeviceUse", Use)
    stream = MultiScaleStream([100], backend="cuda", max_memory_mb=16)
    stream.push(np.zeros((3, 2)), [0.0, 0.01, 0.02])
    assert stream.stats.device == {"busy_ratio": 0.5, "joules_per_million_points": 2e6}
    assert MultiScaleStream([100], backend="cpu").stats.device == {}
