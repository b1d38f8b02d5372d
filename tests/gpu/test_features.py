"""On a GPU vectorisations give the numbers of the host, and wait for nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aura_tda_gpu.features import pad
from aura_tda_gpu.persistence import cuda_device
from tests.features.diagrams import DIFFERENTIABLE, KINDS, random_diagrams

REASON = cuda_device.why_not()

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(REASON is not None, reason=f"no GPU: {REASON}")]


def with_cupy(array):
    import cupy

    return cupy.asarray(array)


def with_torch(array):
    if not torch.cuda.is_available():
        pytest.skip("torch has no GPU")
    return torch.from_numpy(array.copy()).cuda()


def on_host(array):
    return array.get() if hasattr(array, "get") else array.cpu().numpy()


LIBRARIES = {"cupy": with_cupy, "torch": with_torch}
every_library = pytest.mark.parametrize("library", LIBRARIES)
every_kind = pytest.mark.parametrize("kind", KINDS)


def padded(rng, dtype=np.float64):
    diagrams = [bars.astype(dtype) for bars in random_diagrams(rng, 30)]
    diagrams[3] = diagrams[3][:0]
    return pad(diagrams, dimension=1)


@every_kind
@every_library
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_numbers_are_those_of_the_host(kind, library, dtype, rng):
    values, mask = padded(rng, dtype)
    expected = KINDS[kind].transform(values, mask)
    given, there = LIBRARIES[library](values), LIBRARIES[library](mask)
    found = KINDS[kind].transform(given, there)
    assert type(found) is type(given)
    assert found.dtype == given.dtype
    assert found.device == given.device
    exact = 500 * np.finfo(dtype).eps
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(on_host(found), expected, rtol=exact, atol=exact * scale)


@every_kind
@every_library
def test_fitting(kind, library, rng):
    values, mask = padded(rng)
    blank = type(KINDS[kind])(1)
    given = LIBRARIES[library](values), LIBRARIES[library](mask)
    assert blank.fit(*given) == blank.fit(values, mask)


@every_library
def test_padding_stays_on_the_device(library, rng):
    tables = [LIBRARIES[library](bars) for bars in random_diagrams(rng, 5)]
    values, mask = pad(tables, dimension=1)
    assert values.device == mask.device == tables[0].device
    expected = pad([on_host(table) for table in tables], dimension=1)
    assert np.array_equal(on_host(values), expected[0])
    assert np.array_equal(on_host(mask), expected[1])


@every_kind
def test_unread_values_are_not_waited_for(kind, rng):
    given, there = map(with_torch, padded(rng))
    given.requires_grad_(kind in DIFFERENTIABLE)
    KINDS[kind].transform(given, there)  # brings the samples
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = KINDS[kind].transform(given, there, check_values=False)
        if kind in DIFFERENTIABLE:
            found.sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert bool(torch.isfinite(found).all())


@pytest.mark.parametrize("kind", DIFFERENTIABLE)
def test_gradients_are_those_of_the_host(kind, rng):
    values, mask = padded(rng)
    slopes = []
    for given, there in (
        (torch.from_numpy(values.copy()), torch.from_numpy(mask)),
        (with_torch(values), with_torch(mask)),
    ):
        given.requires_grad_()
        KINDS[kind].transform(given, there).square().sum().backward()
        slopes.append(given.grad.cpu())
    torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-9, atol=1e-7)
