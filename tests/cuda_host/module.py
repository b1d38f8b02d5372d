"""Kernels as callables, in the shape of ``cupy.RawModule``."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .arguments import Parameter, check_arguments, parse_signature
from .build import compile_source
from .errors import KernelFault, LaunchError
from .launch import Counts, Launch
from .process import run_in_process
from .source import kernel_names

__all__ = ["EmulatedKernel", "EmulatedModule"]

_MESSAGE_BYTES = 4096
_RESIDENTS = 3
_DEFAULT_SHARED = 48 * 1024
_MOST_SHARED = 227 * 1024
# signal handlers belong to the process
_ONE_LAUNCH = threading.Lock()


class EmulatedModule:
    """The kernels of one text, compiled for the host.

    Parameters
    ----------
    source : str
        CUDA C++ with its includes already inlined.
    name : str
        File name that messages give.
    sanitize : bool
        Run each launch in a process built with the address and undefined sanitizers, on
        copies of the arrays that end where the arrays end.
    poison : bool
        Fill shared memory before each block, and local variables, with a pattern.
    seed : int
        Of the order in which threads and blocks run; the n-th launch of a module always
        runs in the same order.
    timeout : float
        Seconds after which a launch is given up.
    defines : tuple of str
        Macros for the compiler, as in ``-D``.

    Raises
    ------
    EmulatorUnavailable
        There is no g++.
    EmulatorCompileError
        g++ refuses the text.
    """

    def __init__(
        self,
        source: str,
        *,
        name: str,
        sanitize: bool = False,
        poison: bool = True,
        seed: int = 0,
        timeout: float = 120.0,
        defines: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.kernels = kernel_names(source)
        self.counts = Counts()
        self._poison, self._timeout, self._seed, self._launches = poison, timeout, seed, 0
        library = compile_source(source, name, sanitize=False, poison=poison, defines=defines)
        self._library = ctypes.CDLL(str(library))
        self._library.cuda_host_signature.restype = ctypes.c_char_p
        self._program = (
            compile_source(source, name, sanitize=True, poison=poison, defines=defines)
            if sanitize
            else None
        )

    def get_function(self, name: str) -> EmulatedKernel:
        """Return the kernel ``name``.

        Raises
        ------
        LaunchError
            There is none.
        """
        signature = self._library.cuda_host_signature(name.encode())
        if signature is None:
            raise LaunchError(f"{self.name} has no kernel {name!r}, it has {self.kernels}")
        most_threads = self._library.cuda_host_most_threads(name.encode())
        return EmulatedKernel(self, name, parse_signature(signature.decode()), most_threads)

    def _launch(
        self,
        kernel: str,
        shape: Launch,
        args: list[np.ndarray[Any, Any] | np.generic],
        tables: Sequence[int],
    ) -> None:
        self._launches += 1
        shape.poison, shape.n_residents = int(self._poison), _RESIDENTS
        shape.seed = (self._seed << 32) + self._launches
        shape.timeout = self._timeout
        if self._program is not None:
            status, message, self.counts = run_in_process(
                self._program, kernel, shape, args, tables
            )
        else:
            status, message = self._run_here(kernel, shape, args)
        if status:
            raise KernelFault(f"{self.name}: {kernel}: {message}")

    def _run_here(
        self, kernel: str, shape: Launch, args: list[np.ndarray[Any, Any] | np.generic]
    ) -> tuple[int, str]:
        cells = [_cell(value) for value in args]
        pointers = (ctypes.c_void_p * max(len(cells), 1))(*[c.ctypes.data for c in cells])
        message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        counts = Counts()
        with _ONE_LAUNCH:
            status = self._library.cuda_host_launch(
                kernel.encode(),
                ctypes.byref(shape),
                pointers,
                message,
                ctypes.c_size_t(_MESSAGE_BYTES),
                ctypes.byref(counts),
            )
        self.counts = counts
        return status, message.value.decode(errors="replace")


def _cell(value: np.ndarray[Any, Any] | np.generic) -> np.ndarray[Any, Any]:
    """Hold what a parameter is read from: a pointer or the scalar's bytes."""
    if isinstance(value, np.ndarray):
        return np.array([value.ctypes.data], dtype=np.uintp)
    return np.array([value])


class EmulatedKernel:
    """One kernel; ``max_dynamic_shared_size_bytes`` must be raised as on a device."""

    def __init__(
        self,
        module: EmulatedModule,
        name: str,
        parameters: tuple[Parameter, ...],
        most_threads: int,
    ) -> None:
        self.name = name
        self.parameters = parameters
        self.max_threads_per_block = most_threads
        self.max_dynamic_shared_size_bytes = _DEFAULT_SHARED
        self._module = module

    def __call__(
        self,
        grid: Sequence[int],
        block: Sequence[int],
        args: Sequence[object],
        *,
        shared_mem: int = 0,
    ) -> None:
        """Run the kernel.

        Parameters
        ----------
        grid, block : sequence of int
            One to three extents: blocks of the grid, threads of a block.
        args : sequence
            C-contiguous numpy arrays and numpy scalars, as the kernel takes them.
        shared_mem : int
            Dynamic shared memory of a block, bytes.

        Raises
        ------
        LaunchError
            The shape or an argument is wrong; nothing ran.
        KernelFault
            The kernel failed; the arrays are as it left them.
        """
        checked = check_arguments(args, self.parameters, self.name)
        shape = Launch()
        shape.grid[:] = _extents(grid, (2**31 - 1, 65535, 65535), f"grid of {self.name}")
        shape.block[:] = _extents(block, (1024, 1024, 64), f"block of {self.name}")
        if prod(shape.block) > self.max_threads_per_block:
            raise LaunchError(
                f"block of {self.name} has {prod(shape.block)} threads, "
                f"at most {self.max_threads_per_block}"
            )
        if prod(shape.grid) > 2**26:
            raise LaunchError(f"grid of {self.name} has more blocks than the emulator runs")
        shape.dynamic_bytes = self._shared(shared_mem)
        tables = [i for i, p in enumerate(self.parameters) if p.pointer and p.kind == "V"]
        self._module._launch(self.name, shape, checked, tables)

    def _shared(self, n_bytes: int) -> int:
        limit = min(self.max_dynamic_shared_size_bytes, _MOST_SHARED)
        if not 0 <= n_bytes <= limit:
            raise LaunchError(
                f"{self.name} is launched with {n_bytes} bytes of dynamic shared memory, "
                f"its max_dynamic_shared_size_bytes is {limit}"
            )
        return n_bytes


def _extents(given: Sequence[int], limits: tuple[int, int, int], who: str) -> list[int]:
    extents = [int(n) for n in given] + [1] * (3 - len(given))
    if len(extents) != 3 or not all(1 <= n <= m for n, m in zip(extents, limits, strict=True)):
        raise LaunchError(f"{who} is {tuple(given)}, each of up to three between 1 and {limits}")
    return extents
