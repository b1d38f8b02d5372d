"""Arguments of a launch, checked against the parameters of the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import LaunchError

__all__ = ["Parameter", "check_arguments", "parse_signature"]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel.

    Attributes
    ----------
    pointer, constant : bool
        Whether it is a pointer, and whether what it points to is const.
    kind : str
        ``f`` floating point, ``i`` integer, ``b`` bool, ``V`` a structure or void.
    size, alignment : int
        Of the scalar, or of what the pointer points to; bytes.
    """

    pointer: bool
    constant: bool
    kind: str
    size: int
    alignment: int


def parse_signature(text: str) -> tuple[Parameter, ...]:
    """Read what the compiled kernels say about their parameters."""
    rows = (row.split(":") for row in text.split(";") if row)
    return tuple(
        Parameter(pointer == "1", constant == "1", kind, int(size), int(alignment))
        for pointer, constant, kind, size, alignment in rows
    )


_KINDS = {"f": "f", "i": "iu", "b": "b", "V": "V"}


def _check_array(array: np.ndarray[Any, Any], parameter: Parameter, who: str) -> None:
    if not parameter.pointer:
        raise LaunchError(f"{who} is an array, the kernel takes a scalar")
    if not array.flags.c_contiguous:
        raise LaunchError(f"{who} is not C-contiguous: shape {array.shape}, {array.strides}")
    if not parameter.constant and not array.flags.writeable:
        raise LaunchError(f"{who} is read-only, the kernel may write to it")
    if array.ctypes.data % parameter.alignment and array.size:
        raise LaunchError(f"{who} is not aligned to {parameter.alignment} bytes")
    size, kind = array.dtype.itemsize, array.dtype.kind
    if parameter.kind == "V":  # void, or a vector type over plain numbers
        if size % parameter.size and parameter.size % size:
            raise LaunchError(f"{who} has elements of {size} bytes, the kernel {parameter.size}")
        return
    byte = parameter.size == 1 and size == 1
    if not byte and (size != parameter.size or kind not in _KINDS[parameter.kind]):
        raise LaunchError(f"{who} is {array.dtype}, the kernel takes {_wanted(parameter)}*")


def _check_scalar(value: np.generic, parameter: Parameter, who: str) -> None:
    kind, size = value.dtype.kind, value.dtype.itemsize
    if parameter.pointer:
        raise LaunchError(f"{who} is a scalar, the kernel takes an array")
    if size != parameter.size or kind not in _KINDS[parameter.kind]:
        raise LaunchError(f"{who} is {value.dtype}, the kernel takes {_wanted(parameter)}")


def _wanted(parameter: Parameter) -> str:
    word = {"f": "floats", "i": "integers", "b": "bools", "V": "structures"}[parameter.kind]
    return f"{word} of {parameter.size} bytes"


def check_arguments(
    args: Sequence[object], parameters: Sequence[Parameter], kernel: str
) -> list[np.ndarray[Any, Any] | np.generic]:
    """Return the arguments if the kernel can take them.

    Raises
    ------
    LaunchError
        Wrong count; neither a numpy array nor a numpy scalar; an array that is not
        contiguous, not aligned, read-only where the kernel writes, or of another type.
    """
    if len(args) != len(parameters):
        raise LaunchError(f"{kernel} takes {len(parameters)} arguments, {len(args)} given")
    checked: list[np.ndarray[Any, Any] | np.generic] = []
    for i, (value, parameter) in enumerate(zip(args, parameters, strict=True)):
        who = f"argument {i} of {kernel}"
        if isinstance(value, np.ndarray):
            _check_array(value, parameter, who)
        elif isinstance(value, np.generic):
            _check_scalar(value, parameter, who)
        else:
            raise LaunchError(
                f"{who} is a {type(value).__name__}: numpy arrays and numpy scalars only"
            )
        checked.append(value)
    return checked
