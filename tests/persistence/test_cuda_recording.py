"""Launches that are recorded: on the host a list, on a device a graph."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Barrier, Thread
from types import SimpleNamespace

import numpy as np
import pytest

from aura_tda_gpu.persistence.cuda_launch import Device
from aura_tda_gpu.persistence.cuda_recording import NotRecorded, record


class Adding:
    """Kernels that add to an array."""

    def __getitem__(self, name):
        assert name == "add"

        def add(grid, block, args, shared_mem=0):
            array, amount = args
            array += amount

        return add


def test_what_is_listed_is_done_at_each_launch_and_not_before():
    device = Device(np, Adding())
    given = np.arange(3)

    def work():
        made = device.zeros(3, np.int64)
        device.copy(made, given)
        device.kernels["add"]((1,), (1,), (made, 10))
        return made

    recording = record(device, work)
    given += 1
    for _ in range(2):  # zeros and copies are made anew
        assert recording.launch().tolist() == [11, 12, 13]
    device.kernels["add"]((1,), (1,), (given, 1))
    assert given.tolist() == [2, 3, 4]
    assert recording.launch().tolist() == [12, 13, 14]


def test_zeros_are_zeros_again():
    device = Device(np, Adding())

    def work():
        made = device.zeros(2, np.int64)
        device.kernels["add"]((1,), (1,), (made, 1))
        return made

    recording = record(device, work)
    recording.launch()
    assert recording.launch().tolist() == [1, 1]


def test_work_that_fails_is_not_listed():
    device = Device(np, Adding())
    array = np.zeros(1)

    def work():
        device.kernels["add"]((1,), (1,), (array, 1))
        raise MemoryError("no room")

    with pytest.raises(MemoryError):
        record(device, work)
    assert array.tolist() == [0]
    device.kernels["add"]((1,), (1,), (array, 1))
    assert array.tolist() == [1]


def test_another_thread_goes_on_launching():
    device = Device(np, Adding())
    mine, theirs, both = np.zeros(1), np.zeros(1), Barrier(2)

    def other():
        both.wait(10)
        device.kernels["add"]((1,), (1,), (theirs, 1))
        both.wait(10)

    def work():
        both.wait(10)
        both.wait(10)
        device.kernels["add"]((1,), (1,), (mine, 1))

    thread = Thread(target=other)
    thread.start()
    recording = record(device, work)
    thread.join()
    assert (mine.tolist(), theirs.tolist()) == ([0], [1])
    recording.launch()
    assert (mine.tolist(), theirs.tolist()) == ([1], [1])


class Capturing:
    """What CuPy is asked for while work is captured."""

    class runtime:
        streamCaptureModeRelaxed = 2

    def __init__(self, *, valid=True):
        self.told, self.valid = [], valid

    def Device(self):
        return SimpleNamespace(id=0)

    def MemoryPool(self):
        return SimpleNamespace(malloc="malloc of its own")

    @contextmanager
    def using_allocator(self, allocator):
        self.told.append(allocator)
        try:
            yield
        finally:
            self.told.append("allocator as before")

    def Stream(self, *, non_blocking):
        assert non_blocking
        return self

    def __enter__(self):
        self.told.append("its stream")

    def __exit__(self, *_):
        self.told.append("stream as before")

    def begin_capture(self, mode):
        self.told.append(f"begin {mode}")

    def end_capture(self):
        self.told.append("end")
        if not self.valid:
            raise RuntimeError("cudaErrorStreamCaptureInvalidated")
        return SimpleNamespace(launch=lambda: self.told.append("launched"))


AROUND = ["malloc of its own", "its stream", "begin 2"], ["stream as before", "allocator as before"]


def test_a_graph_is_captured_with_memory_of_its_own():
    cuda = Capturing()
    device = Device(SimpleNamespace(cuda=cuda), None)

    def work():
        cuda.told.append("work")
        return 7

    recording = record(device, work)
    assert cuda.told == [*AROUND[0], "work", "end", *AROUND[1]]
    assert recording.launch() == 7
    assert cuda.told[-1] == "launched"


@pytest.mark.parametrize("valid", [True, False])
def test_a_capture_that_fails_ends(valid):
    cuda = Capturing(valid=valid)
    device = Device(SimpleNamespace(cuda=cuda), None)

    def work():
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        record(device, work)
    assert cuda.told == [*AROUND[0], "end", *AROUND[1]]


def test_a_graph_that_cuda_refuses():
    device = Device(SimpleNamespace(cuda=Capturing(valid=False)), None)
    with pytest.raises(NotRecorded, match="Invalidated"):
        record(device, lambda: None)
