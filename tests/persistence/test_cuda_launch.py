"""A device that is current where it works, and the one copy back from it."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Thread
from types import SimpleNamespace

import numpy as np
import pytest

from aura_tda_gpu.errors import MemoryLimitError
from aura_tda_gpu.persistence.cuda_launch import Device


class OnDevice:
    """An array that numpy cannot read."""

    def __init__(self, array):
        self.array, self.dtype, self.shape = array, array.dtype, array.shape

    def reshape(self, *shape):
        return OnDevice(self.array.reshape(*shape))

    @property
    def nbytes(self):
        return self.array.nbytes

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
        cuda=SimpleNamespace(alloc_pinned_memory=alloc, Device=lambda: SimpleNamespace(id=0)),
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


def test_all_comes_through_pinned_memory_and_stays():
    device, asked = device_with_pinned_memory()
    first = device.bring(*map(OnDevice, arrays(4)))
    device.bring(*map(OnDevice, arrays(2)))
    assert asked == [sum(part.nbytes for part in arrays(scale)) for scale in (4, 2)]
    for mine, theirs in zip(first, arrays(4), strict=True):
        assert np.array_equal(mine, theirs)


def test_pinned_memory_that_is_lent_is_nobody_elses():
    device, _ = device_with_pinned_memory()
    lent = device.borrow(OnDevice(np.arange(9, dtype=np.uint8)))
    other = device.borrow(OnDevice(np.zeros(9, np.uint8)))
    assert lent.tolist() == list(range(9))
    assert not np.shares_memory(lent, other)
    assert device.borrow(OnDevice(np.empty(0, np.uint8))).shape == (0,)


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


class Cuda:
    """What CuPy tells of two GPUs of which one is current, and of streams."""

    class runtime:
        class CUDARuntimeError(RuntimeError):
            pass

    def __init__(self):
        self.current, self.entered, self.stream = [1], [], 0
        self.runtime = SimpleNamespace(getDevice=lambda: self.current[-1])
        self.Stream = SimpleNamespace(null=self._context("stream", None))

    def Device(self, number=None):
        number = self.current[-1] if number is None else number
        return self._context("device", number)

    def get_current_stream(self):
        return SimpleNamespace(ptr=self.stream)

    def _context(self, kind, number):
        @contextmanager
        def entered():
            self.entered.append((kind, number))
            self.current.append(self.current[-1] if number is None else number)
            yield
            self.current.pop()

        made = entered()
        made.id, made.mem_info = number, (77, 100)
        return made


def test_work_is_done_where_and_in_the_order_it_was_begun():
    cuda = Cuda()
    device = Device(SimpleNamespace(cuda=cuda), None)
    cuda.current[:] = [0]  # as in another thread
    with device.at_work("this needs 9 bytes"):
        assert cuda.current[-1] == 1
    assert cuda.current == [0]
    assert cuda.entered == [("device", 1), ("stream", None)]


def test_what_is_current_is_left_alone_and_another_stream_is_not():
    cuda = Cuda()
    device = Device(SimpleNamespace(cuda=cuda), None)
    with device.at_work("this needs 9 bytes"):
        assert cuda.entered == []
    cuda.stream = 7
    with device.at_work("this needs 9 bytes"):
        assert cuda.entered == [("device", 1), ("stream", None)]


def test_what_there_is_no_memory_for():
    device = Device(SimpleNamespace(cuda=Cuda()), None)
    told = r"^this needs 99 bytes on the GPU, 77 are free: take less \(all is full\)$"
    with (
        pytest.raises(MemoryLimitError, match=told),
        device.at_work("this needs 99 bytes", "take less"),
    ):
        raise MemoryError("all is full")


def test_without_memory_that_can_be_pinned_it_comes_all_the_same():
    def refuse(_):
        raise Cuda.runtime.CUDARuntimeError("out of memory")

    device, asked = device_with_pinned_memory()
    device.xp.cuda.runtime = Cuda.runtime
    device.xp.cuda.alloc_pinned_memory = refuse
    device.xp.asnumpy = lambda a: a.array
    (found,) = device.bring(OnDevice(np.arange(5.0)))
    assert np.array_equal(found, np.arange(5.0))
    assert not asked


def test_the_innermost_work_tells_what_it_has_no_memory_for():
    device = Device(np, None)
    with (
        pytest.raises(MemoryLimitError, match=r"^inner needs 1 byte on the GPU"),
        device.at_work("outer needs 9 bytes"),
        device.at_work(lambda: "inner needs 1 byte"),
    ):
        raise MemoryError("no room")
