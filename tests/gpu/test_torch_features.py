"""Layers on a device: equal to the CPU, and nothing of theirs waits for the host."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from aura_tda_gpu.persistence import cuda_device

REASON = cuda_device.why_not()

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(REASON is not None, reason=f"no GPU: {REASON}")]

torch = pytest.importorskip("torch", reason="torch is not installed")
if not torch.cuda.is_available():
    pytest.skip("this torch is built without CUDA", allow_module_level=True)
