"""Structures shared with ``include/launch.h``."""

from __future__ import annotations

import ctypes

__all__ = ["Counts", "Launch"]


class Launch(ctypes.Structure):
    """Shape and settings of a launch."""

    _fields_ = (
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("dynamic_bytes", ctypes.c_uint32),
        ("poison", ctypes.c_uint32),
        ("n_residents", ctypes.c_uint32),
        ("seed", ctypes.c_uint64),
        ("timeout", ctypes.c_double),
    )


class Counts(ctypes.Structure):
    """What the last launch did: switches between threads, barriers of blocks, ..."""

    _fields_ = (
        ("switches", ctypes.c_uint64),
        ("barriers", ctypes.c_uint64),
        ("collectives", ctypes.c_uint64),
        ("atomics", ctypes.c_uint64),
    )
