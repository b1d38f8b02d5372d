"""Layers on a device are those on the CPU, and nothing of theirs waits for the host."""

from __future__ import annotations

import math
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

import torch

from aura_tda_gpu import MultiScaleStream, vietoris_rips
from aura_tda_gpu.features import (
    BettiCurve,
    EulerCurve,
    PersistenceEntropy,
    PersistenceImage,
    PersistenceLandscape,
    PersistenceLengths,
    PersistenceStatistics,
    Silhouette,
)
from aura_tda_gpu.features.torch import (
    LearnablePersistenceImage,
    PersLay,
    RipsLayer,
    StreamFeatures,
    TopologyFeatures,
)
from aura_tda_gpu.persistence import cuda_device

REASON = cuda_device.why_not()

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(REASON is not None, reason=f"no GPU: {REASON}")]


@pytest.fixture(autouse=True, scope="module")
def _torch_with_cuda():
    if not torch.cuda.is_available():
        pytest.skip("this torch is built without CUDA")


@contextmanager
def no_waiting():
    """Raise an error where torch waits for the device, as any copy to the host does."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def modules():
    return TopologyFeatures(
        BettiCurve(1, resolution=9),
        EulerCurve(resolution=9),
        PersistenceLandscape(1, resolution=9),
        Silhouette(0, resolution=9),
        PersistenceImage(1, resolution=(5, 4)),
        PersistenceEntropy(0, infinite="clip"),
        PersistenceStatistics(1),
        PersistenceLengths(1),
        LearnablePersistenceImage(PersistenceImage(1, resolution=(5, 4))),
        *(PersLay(1, n_points=4, transform=name) for name in ("gaussian", "triangle", "line")),
        PersLay(1, n_points=4, weight="grid", pool="top"),
    )


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev", "cosine"])
@pytest.mark.parametrize("backend", ["auto", "cuda", "cpu"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bars_and_gradients_are_those_of_the_cpu(rng, metric, backend, dtype):
    points = torch.tensor(rng.normal(size=(3, 40, 3)), dtype=dtype)
    found = []
    for device, engine in (("cpu", "cpu"), ("cuda", backend)):
        there = points.to(device, copy=True).requires_grad_()
        bars, mask = RipsLayer(metric=metric, backend=engine)(there)
        assert bars.device.type == mask.device.type == device
        ends = bars[mask][:, :2]
        ends[ends.isfinite()].square().sum().backward()
        found.append([bars.detach().cpu(), mask.cpu(), there.grad.cpu()])
    (bars, mask, grad), (its_bars, its_mask, its_grad) = found
    assert torch.equal(mask, its_mask)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(its_bars, bars, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(its_grad, grad, rtol=tolerance, atol=10 * tolerance)


def test_clouds_of_different_sizes(rng):
    clouds = [torch.tensor(rng.normal(size=(n, 2)), dtype=torch.float32) for n in (20, 5, 1)]
    bars, mask = RipsLayer()([cloud.cuda() for cloud in clouds])
    wanted, there = RipsLayer()(clouds)
    assert torch.equal(mask.cpu(), there)
    torch.testing.assert_close(bars.cpu(), wanted, rtol=1e-6, atol=1e-6)


def test_bars_share_the_engine_that_was_asked_for(rng):
    points = torch.tensor(rng.normal(size=(20, 2)), device="cuda")
    layer = RipsLayer()
    backends = {diagram.info["backend"] for diagram in layer._diagrams([points])}
    assert backends == {"cuda"}


def test_features_do_not_wait(rng):
    points = torch.tensor(rng.normal(size=(8, 40, 2)), dtype=torch.float32, device="cuda")
    bars, mask = RipsLayer()(points)
    features = modules().fit(bars, mask).cuda()
    wanted = features.cpu()(bars.cpu(), mask.cpu())
    features = features.cuda()
    features(bars, mask).sum().backward()  # the samples of the curves are made once
    with no_waiting():
        found = features(bars, mask)
    assert found.device.type == "cuda"
    # float32 sums in another order
    torch.testing.assert_close(found.cpu(), wanted, rtol=1e-3, atol=1e-4)


def test_the_check_can_see_a_wait():
    x = torch.ones(3, device="cuda")
    with pytest.raises(RuntimeError, match="synchroniz"), no_waiting():
        x.sum().item()


def recording():
    t = np.arange(300) * 0.01
    rng = np.random.default_rng(0)
    return np.column_stack([np.cos(6 * t), np.sin(6 * t)]) + rng.normal(
        scale=0.02, size=(300, 2)
    ), t


@pytest.mark.parametrize("backend", ["cpu", "cuda"])
def test_streams_give_features_on_the_device(backend):
    stream = partial(MultiScaleStream, [400, 1000], max_landmarks=64, backend=backend)
    parts = BettiCurve(1, resolution=8, sample_range=(0.0, 2.0)), PersistenceLengths(1)
    on_host = list(StreamFeatures(stream, [recording()], TopologyFeatures(*parts)))
    data = StreamFeatures(stream, [recording()], TopologyFeatures(*parts), device="cuda")
    on_device = list(data)
    assert len(on_device) == len(on_host)
    for (x, mask, meta), (wanted, known, told) in zip(on_device, on_host, strict=True):
        assert x.device.type == mask.device.type == "cuda"
        assert meta["timestamp"] == told["timestamp"]
        torch.testing.assert_close(x.cpu(), wanted, rtol=1e-5, atol=1e-5)
        assert torch.equal(mask.cpu(), known)


def test_a_tick_leaves_its_features_on_the_device():
    stream = MultiScaleStream([1200], max_landmarks=64, backend="cuda")
    updates = stream.push(*recording())
    features = modules()
    bars, mask = RipsLayer()(torch.from_numpy(recording()[0][:120]).float().cuda())
    features.fit(bars[None], mask[None]).cuda()
    data = StreamFeatures(lambda: stream, [], features, device="cuda")
    data._shown(updates[-2:-1])
    with no_waiting():
        found, _, _ = data._shown(updates[-1:])
    assert found.device.type == "cuda"
    assert found.isfinite().all()


def test_a_diagram_on_the_device():
    diagram = vietoris_rips([[0.0], [1.0], [3.0]], backend="cuda")
    tensors = diagram.to_torch(device="cuda")
    assert tensors[0].device.type == "cuda"
    assert tensors[0].tolist() == [[0, math.inf], [0, 2], [0, 1]]
