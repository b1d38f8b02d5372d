"""A snapshot comes back as it was, or is refused in one sentence."""

from __future__ import annotations

import hashlib
import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from aura_tda_gpu.errors import AuraTDAError, SnapshotError
from aura_tda_gpu.persistence.snapshots import pack, unpack

META = {
    "metric": "euclidean",
    "dims": [0, 1],
    "limit": math.inf,
    "low": -math.inf,
    "none": None,
    "yes": True,
    "größe": 2**70,
    "third": 1 / 3,
    "nested": {"a": [1.5, {"b": []}]},
}
HEAD = struct.Struct("<8sIQQ")


def small() -> bytes:
    arrays = {"ids": np.arange(5), "points": np.ones((2, 3), np.float32)}
    return pack("window", 3, {"capacity": 7}, arrays)


def crafted(change, payload: bytes | None = None, form: int = 1) -> bytes:
    """Return a snapshot with a changed header and a checksum that fits."""
    data = small()
    magic, _, n_header, _ = HEAD.unpack_from(data)
    fields = json.loads(data[HEAD.size : HEAD.size + n_header])
    header = change(fields)
    header = header if isinstance(header, bytes) else json.dumps(fields).encode()
    rest = data[HEAD.size + n_header : -32] if payload is None else payload
    total = HEAD.size + len(header) + len(rest) + 32
    body = HEAD.pack(magic, form, len(header), total) + header + rest
    return body + hashlib.sha256(body).digest()


def test_meta_comes_back():
    meta, arrays = unpack(pack("window", 1, META, {}), "window", 1)
    assert (meta, arrays) == (META, {})
    meta, _ = unpack(pack("window", 1, {"x": math.nan, "t": (1, (2,))}, {}), "window", 1)
    assert math.isnan(meta["x"])
    assert meta["t"] == [1, [2]]


types = st.one_of(
    st_numpy.boolean_dtypes(),
    st_numpy.integer_dtypes(endianness="?"),
    st_numpy.unsigned_integer_dtypes(endianness="?"),
    st_numpy.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
)
shapes = st_numpy.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


@given(st.dictionaries(st.text(max_size=4), st_numpy.arrays(types, shapes), max_size=4))
def test_arrays_come_back(arrays):
    _, found = unpack(pack("window", 1, {}, arrays), "window", 1)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        copy = found[name]
        assert (copy.shape, copy.dtype) == (array.shape, array.dtype.newbyteorder("="))
        assert copy.tobytes() == array.astype(copy.dtype).tobytes()
        assert copy.flags.writeable
        assert copy.flags.c_contiguous


def test_views_come_back_as_what_they_show():
    grid = np.arange(12).reshape(3, 4)
    arrays = {"turned": grid.T, "every other": grid[:, ::2], "back": grid[::-1]}
    _, found = unpack(pack("window", 1, {}, arrays), "window", 1)
    for name, array in arrays.items():
        assert np.array_equal(found[name], array)


def test_what_comes_back_is_a_copy():
    data = bytearray(small())
    _, arrays = unpack(data, "window", 3)
    arrays["ids"][:] = 9
    assert unpack(data, "window", 3)[1]["ids"].tolist() == list(range(5))


@pytest.mark.parametrize(
    "wrap",
    [bytes, bytearray, memoryview, lambda d: memoryview(np.frombuffer(d, np.int8))],
    ids=["bytes", "bytearray", "memoryview", "signed"],
)
def test_any_bytes_will_do(wrap):
    data = small()
    assert unpack(wrap(data), "window", 3)[0] == {"capacity": 7}


def test_a_strided_view_is_read_as_what_it_shows():
    doubled = np.repeat(np.frombuffer(small(), np.uint8), 2)
    assert unpack(memoryview(doubled[::2]), "window", 3)[0] == {"capacity": 7}


@pytest.mark.parametrize("data", [None, "text", [1, 2], np.zeros(3), 7])
def test_anything_else_is_refused(data):
    with pytest.raises(SnapshotError, match=f"a snapshot is bytes, not {type(data).__name__}"):
        unpack(data, "window", 3)


@pytest.mark.parametrize("data", [b"", b"\x80\x04pickle", b"{}" * 50, bytes(200)])
def test_other_bytes_are_no_snapshot(data):
    with pytest.raises(SnapshotError, match="no snapshot"):
        unpack(data, "window", 3)


def test_every_truncation_is_told():
    data = small()
    for n in range(1, len(data)):
        with pytest.raises(SnapshotError, match=rf"cut short: {n} bytes of at least \d+$"):
            unpack(data[:n], "window", 3)


def test_every_flipped_bit_is_refused():
    data = small()
    for at in range(len(data)):
        for bit in range(8):
            other = bytearray(data)
            other[at] ^= 1 << bit
            with pytest.raises(SnapshotError, match=r"no snapshot|cut short|altered"):
                unpack(other, "window", 3)


def test_bytes_behind_the_end_are_refused():
    with pytest.raises(SnapshotError, match="altered"):
        unpack(small() + b"\0", "window", 3)


def test_another_kind_and_another_version_are_named():
    with pytest.raises(SnapshotError, match="is of a window, not of a stream"):
        unpack(small(), "stream", 3)
    with pytest.raises(SnapshotError, match=r"version 3 of a window, .* reads 2$"):
        unpack(small(), "window", 2)
    with pytest.raises(SnapshotError, match=r"format 2, this version reads 1$"):
        unpack(crafted(lambda fields: None, form=2), "window", 3)


def set_in(name, value):
    return lambda fields: fields["arrays"][0].update({name: value})


@pytest.mark.parametrize(
    "change",
    [
        set_in("dtype", "|O"),
        set_in("dtype", "<c16"),
        set_in("dtype", ">i8"),
        set_in("dtype", 8),
        set_in("shape", [6]),
        set_in("shape", [-5]),
        set_in("shape", [True, 5]),
        set_in("shape", [2.5, 2]),
        set_in("shape", [2**80]),
        set_in("shape", [0]),
        set_in("shape", 5),
        set_in("offset", 8),
        set_in("offset", -8),
        set_in("name", "points"),
        set_in("more", 1),
        lambda fields: fields.pop("meta"),
        lambda fields: fields.update(meta=[1]),
        lambda fields: fields.update(version=True),
        lambda fields: fields["arrays"].pop(),
        lambda fields: fields["arrays"].append(3),
        lambda fields: b"not json",
        lambda fields: b"\xff\xfe",
        lambda fields: b"[" * 100_000,
        lambda fields: b"[]",
    ],
)
def test_a_header_that_cannot_be_is_refused_though_its_checksum_fits(change):
    with pytest.raises(SnapshotError, match="the snapshot"):
        unpack(crafted(change), "window", 3)


def test_the_length_of_the_header_is_looked_at():
    data = bytearray(small()[:-32])
    magic, form, _, total = HEAD.unpack_from(data)
    HEAD.pack_into(data, 0, magic, form, total, total)
    with pytest.raises(SnapshotError, match="altered"):
        unpack(bytes(data) + hashlib.sha256(data).digest(), "window", 3)


@pytest.mark.parametrize(
    ("meta", "where"),
    [
        ({"a": np.int64(3)}, r"meta\['a'\]"),
        ({"a": [1, {2}]}, r"meta\['a'\]\[1\]"),
        ({"a": {1: 2}}, r"meta\['a'\]"),
        ({"a": b"x"}, r"meta\['a'\]"),
    ],
)
def test_what_is_no_json_is_not_packed(meta, where):
    with pytest.raises(SnapshotError, match=where + " is no JSON value"):
        pack("window", 1, meta, {})


@pytest.mark.parametrize("dtype", [object, complex, "M8[ns]", "U3", [("a", "i4")]])
def test_other_arrays_are_not_packed(dtype):
    with pytest.raises(SnapshotError, match="array 'odd' of type"):
        pack("window", 1, {}, {"odd": np.zeros(2, dtype)})


def test_the_same_state_gives_the_same_bytes():
    assert small() == small()
    assert issubclass(SnapshotError, AuraTDAError)
