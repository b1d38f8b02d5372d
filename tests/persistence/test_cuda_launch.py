"""From a device to the host in one copy."""

from __future__ import annotations

from threading import Thread
from types import SimpleNamespace

import numpy as np

from aura_tda_gpu.persistence.cuda_launch import Device


class OnDevice:
    """An array that numpy cannot read."""

    def __init__(self, array):
        self.array, self.dtype, self.shape = array, array.dtype, array.shape
        self.nbytes = array.nbytes

    def reshape(self, *shape):
        return OnDevice(self.array.reshape(*shape))

    def view(self, dtype):
        return OnDevice(self.array.view(dtype))

    def get(self, *, out):
        out[...] = self.array


def device_with_pinned_memory():
    asked = []

    def alloc(n_bytes):
        asked.append(n_bytes)
        return bytearray(n_bytes)

    xp = SimpleNamespace(
        cuda=SimpleNamespace(alloc_pinned_memory=alloc),
        ascontiguousarray=lambda a: OnDevice(np.ascontiguousarray(a.array)),
        concatenate=lambda parts: OnDevice(np.concatenate([part.array for part in parts])),
    )
    return Device(xp, None), asked


def arrays(scale):
    return [
        np.arange(3 * scale, dtype=np.uint8),
        np.arange(4 * scale).reshape(2, 2, scale) * 1.5,
        np.empty((0, 7), np.uint32),
        np.arange(6 * scale, dtype=np.uint16).reshape(3, -1).T,
    ]


def test_several_arrays_come_as_they_are():
    for given in (arrays(1), arrays(5)):
        found = Device(np, None).bring(*given)
        for mine, theirs in zip(found, given, strict=True):
            assert mine.dtype == theirs.dtype
            assert np.array_equal(mine, theirs)
            assert mine.flags.writeable


def test_pinned_memory_is_used_again_and_what_came_through_it_stays():
    device, asked = device_with_pinned_memory()
    first = device.bring(*map(OnDevice, arrays(4)))
    device.bring(*map(OnDevice, arrays(2)))
    assert len(asked) == 1
    device.bring(*map(OnDevice, arrays(40)))
    assert len(asked) == 2
    for mine, theirs in zip(first, arrays(4), strict=True):
        assert np.array_equal(mine, theirs)


def test_a_thread_does_not_write_over_what_another_has_not_read():
    device, _ = device_with_pinned_memory()
    others = []

    class Slow(OnDevice):
        def view(self, dtype):
            return Slow(super().view(dtype).array)

        def reshape(self, *shape):
            return Slow(super().reshape(*shape).array)

        def get(self, *, out):
            super().get(out=out)
            others.append(Thread(target=device.bring, args=(OnDevice(np.zeros(50)),)))
            others[0].start()
            others[0].join(timeout=0.2)  # as long as it is kept out, it does not end

    device.xp.ascontiguousarray = lambda a: a
    device.xp.concatenate = lambda parts: type(parts[0])(
        np.concatenate([part.array for part in parts])
    )
    (found,) = device.bring(Slow(np.ones(50)))
    others[0].join()
    assert found.tolist() == [1.0] * 50
