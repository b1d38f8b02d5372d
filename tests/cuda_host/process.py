"""A launch in a process of its own, built with the sanitizers."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
from collections.abc import Container
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from .launch import Counts, Launch

__all__ = ["note_address", "run_in_process"]

_MESSAGE_BYTES = 4096
_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}

_ADDRESSED: WeakValueDictionary[int, np.ndarray[Any, Any]] = WeakValueDictionary()


def note_address(array: np.ndarray[Any, Any]) -> None:
    """Note an array that kernels are told of in tables, by its address."""
    _ADDRESSED[array.ctypes.data] = array


def _extent(array: np.ndarray[Any, Any]) -> tuple[int, int]:
    """First address and the one after the last."""
    return array.ctypes.data, array.ctypes.data + array.nbytes


def _shared_extents(arrays: list[np.ndarray[Any, Any]]) -> list[tuple[int, int]]:
    """Extents of the arrays, those that overlap joined into one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(_extent(a) for a in arrays):
        if joined and first < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def _memory(extent: tuple[int, int]) -> memoryview:
    first, last = extent
    return memoryview((ctypes.c_char * (last - first)).from_address(first)).cast("B")


def _request(
    kernel: str,
    shape: Launch,
    args: list[np.ndarray[Any, Any] | np.generic],
    extents: list[tuple[int, int]],
    tables: Container[int],
) -> bytes:
    name = kernel.encode()
    parts = [bytes(shape), struct.pack("=I", len(name)), name, struct.pack("=I", len(extents))]
    for extent in extents:
        parts += [struct.pack("=QQ", extent[0], extent[1] - extent[0]), bytes(_memory(extent))]
    parts.append(struct.pack("=I", len(args)))
    for place, value in enumerate(args):
        if isinstance(value, np.ndarray):
            own = _extent(value)
            i = next(i for i, e in enumerate(extents) if e[0] <= own[0] and own[1] <= e[1])
            parts.append(struct.pack("=qQI", i, own[0] - extents[i][0], place in tables))
        else:
            parts += [struct.pack("=qQ", -1, value.nbytes), value.tobytes()]
    return b"".join(parts)


def run_in_process(
    program: Path,
    kernel: str,
    shape: Launch,
    args: list[np.ndarray[Any, Any] | np.generic],
    tables: Container[int] = (),
) -> tuple[int, str, Counts]:
    """Run one launch on copies of the arrays and write the results back.

    ``tables`` are the places of arguments that hold addresses of arrays; see `note_address`.

    Returns
    -------
    status : int
        0 when the kernel ended well.
    message : str
        What the emulator or a sanitizer said otherwise.
    counts : Counts
        What the launch did.
    """
    arrays = [a for a in args if isinstance(a, np.ndarray)]
    if tables:
        arrays += _ADDRESSED.values()
    extents = _shared_extents(arrays)
    try:
        done = subprocess.run(
            [str(program)],
            input=_request(kernel, shape, args, extents, tables),
            capture_output=True,
            env={**os.environ, **_OPTIONS},
            timeout=shape.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 1, f"still running after {shape.timeout:g} s", Counts()
    if done.returncode:
        return 1, done.stderr.decode(errors="replace")[-8000:], Counts()
    out = memoryview(done.stdout)
    (status,) = struct.unpack_from("=i", out)
    message = bytes(out[4 : 4 + _MESSAGE_BYTES]).split(b"\0")[0].decode(errors="replace")
    at = 4 + _MESSAGE_BYTES
    counts = Counts.from_buffer_copy(out[at : at + 32])
    at += 32
    for extent in extents:
        n = extent[1] - extent[0]
        _memory(extent)[:] = out[at : at + n]
        at += n
    return status, message, counts
