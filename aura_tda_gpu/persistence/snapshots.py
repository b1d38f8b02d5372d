"""A state as one self-describing string of bytes, checked in full before anything is read from it.

Layout, all numbers little-endian: magic, format version, length of the header, length of all;
the header as JSON; the arrays one after another; SHA-256 of everything before it.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import SnapshotError

__all__ = ["pack", "unpack"]

Array: TypeAlias = npt.NDArray[Any]

_MAGIC = b"\x89AuraTDA"
_FORMAT = 1
_HEAD = struct.Struct("<8sIQQ")  # magic, format, bytes of the header, bytes in all
_DIGEST = hashlib.sha256().digest_size
_DTYPES = frozenset(
    {"|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8"}
)
_ENTRY = {"name": str, "dtype": str, "shape": list, "offset": int}


def pack(
    kind: str, version: int, meta: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> bytes:
    """Write a state as one string of bytes.

    Parameters
    ----------
    kind : str
        What the state belongs to.
    version : int
        Version of what ``meta`` and ``arrays`` hold.
    meta : mapping of str to JSON value
        Numbers (``inf`` and ``nan`` among them), strings, booleans, None, and lists and
        mappings of str to such values; a tuple comes back as a list.
    arrays : mapping of str to ndarray
        Of any shape; bool, integers up to 64 bits or floats up to 64 bits.

    Raises
    ------
    SnapshotError
        If ``meta`` is no JSON or an array is of another type; names it.
    """
    columns = {name: _little_endian(name, array) for name, array in arrays.items()}
    entries, offset = [], 0
    for name, column in columns.items():
        entries.append(
            {
                "name": name,
                "dtype": column.dtype.str,
                "shape": list(column.shape),
                "offset": offset,
            }
        )
        offset += column.nbytes
    fields = {"kind": kind, "version": version, "meta": _plain(meta, "meta"), "arrays": entries}
    header = json.dumps(fields).encode()
    total = _HEAD.size + len(header) + offset + _DIGEST
    parts = [_HEAD.pack(_MAGIC, _FORMAT, len(header), total), header]
    parts += [column.tobytes() for column in columns.values()]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return b"".join([*parts, digest.digest()])


def unpack(
    data: bytes | bytearray | memoryview, kind: str, version: int, *, oldest: int | None = None
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read what `pack` has written.

    Parameters
    ----------
    data : bytes, bytearray or memoryview
        The whole snapshot.
    kind : str
        What it has to belong to.
    version : int
        The version it has to be of.
    oldest : int, optional
        An earlier version, from which on it may be.

    Returns
    -------
    meta : dict
        As it was packed.
    arrays : dict of str to ndarray
        Writable copies.

    Raises
    ------
    SnapshotError
        If the bytes are no snapshot, cut short, altered, of another kind or of another version.
    """
    raw = _sound(_as_bytes(data))
    _, form, n_header, _ = _HEAD.unpack_from(raw)
    if form != _FORMAT:
        raise SnapshotError(f"the snapshot is of format {form}, this version reads {_FORMAT}")
    fields = _header(bytes(raw[_HEAD.size : _HEAD.size + n_header]))
    if fields["kind"] != kind:
        raise SnapshotError(f"the snapshot is of a {fields['kind']}, not of a {kind}")
    known = f"{version}" if oldest is None else f"{oldest} to {version}"
    if not (version if oldest is None else oldest) <= fields["version"] <= version:
        raise SnapshotError(
            f"the snapshot is of version {fields['version']} of a {kind}, "
            f"this version of the library reads {known}"
        )
    return fields["meta"], _arrays(raw[_HEAD.size + n_header : -_DIGEST], fields["arrays"])


def _little_endian(name: str, array: Array) -> Array:
    """Return an array in C order and little-endian."""
    column = np.asarray(array)
    column = column.astype(column.dtype.newbyteorder("<"), order="C", copy=False)
    if column.dtype.str not in _DTYPES:
        raise SnapshotError(f"array {name!r} of type {column.dtype} does not go into a snapshot")
    return column


def _plain(value: Any, where: str) -> Any:
    """Return a JSON value with lists for tuples, and refuse anything else."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: _plain(item, f"{where}[{name!r}]") for name, item in value.items()}
    raise SnapshotError(f"{where} is no JSON value: {value!r}")


def _as_bytes(data: object) -> memoryview:
    if not isinstance(data, bytes | bytearray | memoryview):
        raise SnapshotError(f"a snapshot is bytes, not {type(data).__name__}")
    view = memoryview(data)
    if view.format != "B" or view.ndim != 1 or not view.c_contiguous:
        view = memoryview(view.tobytes())
    return view.toreadonly()


def _sound(raw: memoryview) -> memoryview:
    """Return the bytes if they are a snapshot, in full and unaltered."""
    start = bytes(raw[: len(_MAGIC)])
    if not start or not _MAGIC.startswith(start):
        raise SnapshotError("these bytes are no snapshot: they start in another way")
    total = _HEAD.unpack_from(raw)[3] if len(raw) >= _HEAD.size else _HEAD.size + _DIGEST
    if len(raw) < total:
        raise SnapshotError(f"the snapshot is cut short: {len(raw)} bytes of at least {total}")
    n_header = _HEAD.unpack_from(raw)[2]
    told = bytes(raw[len(raw) - _DIGEST :])
    if (
        len(raw) != total
        or n_header > total - _HEAD.size - _DIGEST
        or hashlib.sha256(raw[: len(raw) - _DIGEST]).digest() != told
    ):
        raise SnapshotError("the snapshot was altered: its checksum does not fit")
    return raw


def _header(text: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SnapshotError(f"the header of the snapshot cannot be read: {error}") from None
    wanted = {"kind": str, "version": int, "meta": dict, "arrays": list}
    if not _has(fields, wanted) or not all(_has(entry, _ENTRY) for entry in fields["arrays"]):
        raise SnapshotError("the header of the snapshot lacks what it has to hold")
    return dict(fields)


def _has(value: object, wanted: Mapping[str, type]) -> bool:
    """Tell whether a value is a mapping of exactly these names to values of these types."""
    return (
        isinstance(value, dict)
        and value.keys() == wanted.keys()
        and all(type(value[name]) is kind for name, kind in wanted.items())
    )


def _arrays(raw: memoryview, entries: list[dict[str, Any]]) -> dict[str, Array]:
    """Return copies of the arrays, which fill the bytes one after another."""
    found: dict[str, Array] = {}
    end = 0
    for entry in entries:
        name, shape = entry["name"], entry["shape"]
        sizes_fit = all(type(size) is int and size >= 0 for size in shape)
        if name in found or entry["dtype"] not in _DTYPES or not sizes_fit:
            raise SnapshotError(f"the snapshot describes array {name!r} in a way that cannot be")
        dtype, count = np.dtype(entry["dtype"]), math.prod(shape)
        if entry["offset"] != end or end + count * dtype.itemsize > len(raw):
            raise SnapshotError(f"the snapshot has array {name!r} where it cannot be")
        flat = np.frombuffer(raw, dtype, count, end) if count else np.empty(0, dtype)
        found[name] = flat.astype(dtype.newbyteorder("=")).reshape(shape)
        end += count * dtype.itemsize
    if end != len(raw):
        raise SnapshotError("the snapshot holds bytes that belong to no array")
    return found
