"""A device as every stage sees it: its array module, its kernels, and the way back."""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import USE_LANDMARKS, MemoryLimitError
from .cuda_kernels import CONSTANTS, Kernels

__all__ = ["SHARED_BYTES", "WARP", "AtWork", "Device", "Host", "ceil_div", "timed"]

WARP = CONSTANTS["WARP"]
SHARED_BYTES = 48 * 1024
ALIGNED = 16  # bytes

Host = npt.NDArray[Any]


class Device:
    """One device: the one that was current when this was made.

    Parameters
    ----------
    xp : module
        cupy, or numpy with kernels that run on the host.
    kernels : Kernels
        Compiled for it.

    Attributes
    ----------
    records : bool
        Whether what comes again alike is recorded; not while launches are timed one by one.
    """

    def __init__(self, xp: Any, kernels: Kernels) -> None:
        self.xp = xp
        self._kernels: Any = kernels
        self.records = True
        self._here = threading.local()
        self._id = int(xp.cuda.Device().id) if hasattr(xp, "cuda") else None

    @property
    def number(self) -> int:
        """Number of the CUDA device; 0 where the kernels run on the host."""
        return self._id or 0

    @property
    def kernels(self) -> Any:
        """The kernels by name, each called with grid, block and arguments."""
        return self._kernels if self.steps is None else ListedKernels(self._kernels, self.steps)

    @kernels.setter
    def kernels(self, kernels: Any) -> None:
        self._kernels = kernels

    @property
    def steps(self) -> list[Callable[[], Any]] | None:
        """Where this thread lists what it would do, while it records on the host."""
        return getattr(self._here, "steps", None)

    @steps.setter
    def steps(self, steps: list[Callable[[], Any]] | None) -> None:
        self._here.steps = steps

    @property
    def on_host(self) -> bool:
        """Whether the kernels run on the host."""
        return self._id is None

    def at_work(self, needs: str | Callable[[], str], hint: str = USE_LANDMARKS) -> AtWork:
        """Make the device and its default stream current; tell what it has no memory for.

        All launches are in one stream, so that what one thread began another can go on with.

        Parameters
        ----------
        needs : str or callable
            What takes memory, or what tells it.
        hint : str
            What to do where it does not suffice.

        Raises
        ------
        MemoryLimitError
            With ``needs``, the bytes that are free, and ``hint``.
        """
        return AtWork(self, needs, hint)

    def wait_for_caller(self) -> None:
        """Let the default stream wait for what the caller's stream has still to do.

        A stream made with ``non_blocking=True`` is not waited for otherwise.
        """
        if self._id is not None:
            with self.xp.cuda.Device(self._id):
                begun = self.xp.cuda.get_current_stream().record()
                self.xp.cuda.Stream.null.wait_event(begun)

    def to_host(self, array: Any) -> Host:
        """Return a numpy array of what is on the device."""
        found: Host = self.xp.asnumpy(array) if hasattr(self.xp, "asnumpy") else np.asarray(array)
        return found

    def bring(self, *arrays: Any) -> list[Host]:
        """Return numpy arrays of several that are on the device, in one copy."""
        flat = [self.xp.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in arrays]
        packed = self.borrow(flat[0] if len(flat) == 1 else self.xp.concatenate(flat))
        found, start = [], 0
        for array in arrays:
            piece = packed[start : start + array.nbytes].copy()  # aligned, and ours
            found.append(piece.view(array.dtype).reshape(array.shape))
            start += array.nbytes
        return found

    def borrow(self, packed: Any) -> Host:
        """Return bytes of the device in pinned memory, which there is little of.

        It goes back to CuPy's pool once no array is left that looks at it.
        """
        if isinstance(packed, np.ndarray):
            return packed
        try:
            memory = self.xp.cuda.alloc_pinned_memory(max(1, packed.nbytes))
        except self.xp.cuda.runtime.CUDARuntimeError:  # no memory that can be pinned
            return self.to_host(packed)
        host: Host = np.frombuffer(memory, np.uint8, packed.nbytes)
        packed.get(out=host)
        return host

    def copy(self, target: Any, source: Any) -> None:
        """Copy an array to one of as many bytes, both contiguous and on the device."""
        if self.steps is not None:
            self.steps.append(lambda: np.copyto(target, source))
        elif isinstance(target, np.ndarray):
            target[...] = source
        else:
            target.data.copy_from_device_async(source.data, source.nbytes)

    def address(self, array: Any) -> int:
        """Return where an array begins, for a kernel that is told of it in a table."""
        return int(array.ctypes.data if self.on_host else array.data.ptr)

    def zeros(self, shape: Any, kind: Any) -> Any:
        """Return zeros on the device."""
        if self.steps is None:
            return self.xp.zeros(shape, kind)
        made = self.xp.empty(shape, kind)
        self.steps.append(lambda: made.fill(0))
        return made

    def pinned(self, n_bytes: int) -> Host:
        """Return bytes of the host for `send` and `fetch`, pinned where that can be."""
        if not self.on_host:
            try:
                memory = self.xp.cuda.alloc_pinned_memory(max(1, n_bytes))
                return np.frombuffer(memory, np.uint8, n_bytes)
            except self.xp.cuda.runtime.CUDARuntimeError:  # no memory that can be pinned
                pass
        return np.empty(n_bytes, np.uint8)

    def send(self, target: Any, source: Host) -> None:
        """Copy bytes of `pinned` memory to the device, which may go on after this returns."""
        if self.on_host:
            self.copy(target, source)
        else:
            self._copy_async(target.data.ptr, source.ctypes.data, source.nbytes, "HostToDevice")

    def fetch(self, target: Host, source: Any) -> None:
        """Copy bytes of the device to `pinned` memory; they are there after `wait`."""
        if self.on_host:
            self.copy(target, source)
        else:
            self._copy_async(target.ctypes.data, source.data.ptr, source.nbytes, "DeviceToHost")

    def wait(self) -> None:
        """Wait until all is done that was launched."""
        if not self.on_host:
            self.xp.cuda.get_current_stream().synchronize()

    def waits_for(self, owner: object) -> None:
        """Wait once an owner of pinned memory is given up: others get that memory next."""
        weakref.finalize(owner, self._wait_at_last)

    def _wait_at_last(self) -> None:
        # suppressed as the interpreter ends
        with suppress(Exception), self.at_work("nothing"):
            self.wait()

    def _copy_async(self, target: int, source: int, n_bytes: int, way: str) -> None:
        runtime, stream = self.xp.cuda.runtime, self.xp.cuda.get_current_stream()
        runtime.memcpyAsync(target, source, n_bytes, getattr(runtime, f"memcpy{way}"), stream.ptr)

    def made_current(self) -> ExitStack | None:
        """Make the device and its default stream current; None where they mostly are already."""
        if self._id is None:
            return None
        cuda = self.xp.cuda
        if cuda.runtime.getDevice() == self._id and cuda.get_current_stream().ptr == 0:
            return None
        with ExitStack() as stack:
            stack.enter_context(cuda.Device(self._id))
            stack.enter_context(cuda.Stream.null)
            return stack.pop_all()

    def free_bytes(self) -> str:
        """Say how many bytes are free on a device, if it tells."""
        if self._id is None:
            return ""
        try:
            return f", {self.xp.cuda.Device().mem_info[0]} are free"
        except self.xp.cuda.runtime.CUDARuntimeError:
            return ""


class AtWork:
    """What `Device.at_work` returns; its parameters are described there."""

    __slots__ = ("_device", "_hint", "_needs", "_stack")

    def __init__(self, device: Device, needs: str | Callable[[], str], hint: str) -> None:
        self._device, self._needs, self._hint = device, needs, hint
        self._stack: ExitStack | None = None

    def __enter__(self) -> None:
        self._stack = self._device.made_current()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        short = isinstance(error, MemoryError) and not isinstance(error, MemoryLimitError)
        try:
            free = self._device.free_bytes() if short else ""
        finally:
            if self._stack is not None:
                self._stack.close()
        if short:
            needs = self._needs if isinstance(self._needs, str) else self._needs()
            raise MemoryLimitError(f"{needs} on the GPU{free}: {self._hint} ({error})") from error


class ListedKernels:
    """Kernels that are listed, not launched."""

    def __init__(self, kernels: Any, steps: list[Callable[[], Any]]) -> None:
        self._kernels = kernels
        self._steps = steps

    def __getitem__(self, name: str) -> Callable[..., None]:
        kernel = self._kernels[name]

        def listed(*args: Any, **settings: Any) -> None:
            self._steps.append(partial(kernel, *args, **settings))

        return listed


def ceil_div(amount: int, unit: int) -> int:
    """Return how many units hold an amount."""
    return -(-amount // unit)


def packed_nbytes(parts: Iterable[tuple[Any, tuple[int, ...]]]) -> int:
    """Return the bytes of arrays of these types and shapes, one aligned behind the other."""
    return sum(_padded(kind, shape) for kind, shape in parts)


def pieces(packed: Any, parts: Iterable[tuple[Any, tuple[int, ...]]]) -> Iterator[Any]:
    """Yield these arrays as views of bytes, on a device or the host."""
    start = 0
    for kind, shape in parts:
        n_bytes = math.prod(shape) * np.dtype(kind).itemsize
        yield packed[start : start + n_bytes].view(kind).reshape(shape)
        start += _padded(kind, shape)


def _padded(kind: Any, shape: tuple[int, ...]) -> int:
    """Return bytes that leave what follows aligned."""
    return ALIGNED * ceil_div(math.prod(shape) * np.dtype(kind).itemsize, ALIGNED)


class timed:
    """Add the time until the host goes on to a phase, if nothing is raised.

    Parameters
    ----------
    seconds : dict
        Of each phase.
    phase : str
        Where the host does not wait for the device, only the launches count.
    """

    __slots__ = ("_phase", "_seconds", "_start")

    def __init__(self, seconds: dict[str, float], phase: str) -> None:
        self._seconds, self._phase = seconds, phase

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._seconds[self._phase] += time.perf_counter() - self._start
