"""Launches that are made again and again with the same arrays: a CUDA graph of them.

On a device they are captured once (CUDA programming guide, "CUDA Graphs"), and the host then makes
one call in place of one for each. Where the kernels run on the host, they are listed and called in
turn: what was told by value stays as it was when they were recorded, as in a graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from .cuda_launch import Device

__all__ = ["NotRecorded", "Recording", "record"]

Found = TypeVar("Found")
Step = Callable[[], Any]


class NotRecorded(Exception):
    """What was launched could not be captured; it can be launched one by one."""


class Recording(Generic[Found]):
    """What `record` made.

    Parameters
    ----------
    launch : callable
        Launches all of it in the current stream.
    found : object
        What the work returned: arrays that each launch writes anew.
    holds : object
        What must last as long.
    """

    def __init__(self, launch: Step, found: Found, holds: Any = None) -> None:
        self._launch = launch
        self._holds = holds
        self.found = found

    def launch(self) -> Found:
        """Launch it; return the arrays that it writes, without waiting."""
        self._launch()
        return self.found


def record(device: Device, work: Callable[[], Found]) -> Recording[Found]:
    """Take down what ``work`` launches, without doing it.

    Parameters
    ----------
    device : Device
        Its ``kernels``, ``zeros`` and ``copy`` are what ``work`` may use, and empty arrays.
    work : callable
        Its arguments have to last; arrays that it makes are kept.

    Raises
    ------
    NotRecorded
        If CUDA refuses it.
    MemoryError
        If there is no memory for its arrays.
    """
    if device.on_host:
        return _listed(device, work)
    cuda = device.xp.cuda
    pool = cuda.MemoryPool()  # nobody else gets what is freed while this is taken down
    stream = cuda.Stream(non_blocking=True)  # others may go on using the default one
    with cuda.using_allocator(pool.malloc), stream:
        stream.begin_capture(cuda.runtime.streamCaptureModeRelaxed)
        try:
            found = work()
        except BaseException:
            _give_up(stream)
            raise
        try:
            graph = stream.end_capture()
        except RuntimeError as error:
            raise NotRecorded(str(error)) from error
    return Recording(graph.launch, found, (pool, stream))


def _give_up(stream: Any) -> None:
    """End a capture that is not whole; that it is not is an error to CUDA, too."""
    try:
        stream.end_capture()
    except RuntimeError:
        return


def _listed(device: Device, work: Callable[[], Found]) -> Recording[Found]:
    steps: list[Step] = []
    device.steps = steps
    try:
        found = work()
    finally:
        device.steps = None
    return Recording(lambda: [step() for step in steps], found)
