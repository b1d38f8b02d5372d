"""How much room the lists of a window get, and where what the host is told of them lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from .cuda_kernels import CONSTANTS
from .cuda_launch import Device, Host, ceil_div

__all__ = ["Counted", "Outcome", "Rooms"]

COUNTS = CONSTANTS["COUNTS"]
_OPEN, _RNG, _SPLIT, _REPS, _BIRTHS, _FULL = (
    CONSTANTS[name] for name in ("N_OPEN", "N_RNG", "N_SPLIT", "N_REPS", "N_BIRTHS", "LIST_FULL")
)
WORD = 32
MORE = 16  # beside a quarter of those there were


class Counted(NamedTuple):
    """What windows had most of; see `cuda_kernels.CONSTANTS`.

    Attributes
    ----------
    listed, rng, splits, reps : int
        Edges that were looked at again; entries of the three lists.
    relations, births : int
        Relations of the split edges; RNG edges that close a loop.
    list_full : bool
        Whether a list of a relation was too short.
    """

    listed: int
    rng: int
    splits: int
    reps: int
    relations: int
    births: int
    list_full: bool

    @property
    def lists(self) -> tuple[int, int, int]:
        """Entries of the three lists, as `cuda_stages.Classified.rooms`."""
        return self.rng, self.splits, self.reps

    @classmethod
    def of(cls, counts: Host) -> Counted:
        """Return the most of all windows, whose counters are int32 of shape (windows, COUNTS)."""
        if len(counts) == 1:
            most = counts[0].tolist()
            relations = most[_REPS] - most[_SPLIT]
        else:
            most = counts.max(axis=0).tolist()
            relations = int((counts[:, _REPS] - counts[:, _SPLIT]).max())
        lists = most[_OPEN], most[_RNG], most[_SPLIT], most[_REPS]
        return cls(*lists, relations, most[_BIRTHS], most[_FULL] > 0)


@dataclass(frozen=True, slots=True)
class Rooms:
    """For how many edges and relations of each window there is room.

    Attributes
    ----------
    rng, splits, relations : int
        RNG edges, split edges, and relations of these.
    births : int
        RNG edges that close a loop; the room is that of whole words.
    """

    rng: int
    splits: int
    relations: int
    births: int

    @classmethod
    def of(cls, told: Counted, n_vertices: int) -> Rooms:
        """Return the least rooms for what was counted.

        Births are yet to be counted where there are none: those of windows of ``n_vertices`` in
        one component are assumed.
        """
        n_births = told.births or max(0, told.rng - n_vertices + 1)
        return cls(max(1, told.rng), max(1, told.splits), max(1, told.relations), n_births)

    def after(self) -> Rooms:
        """Return what will mostly do after an update."""
        return Rooms(*(known + MORE + known // 4 for known in _sizes(self)))

    def going_on(self, needed: Rooms) -> Rooms:
        """Return these rooms as long as they do and are not far too large, else better ones."""
        for room, least in zip(_sizes(self), _sizes(needed), strict=True):
            if not least <= room <= 4 * (least + MORE):
                return needed.after()
        return self

    def hold(self, told: Counted) -> bool:
        """Tell whether all that was counted had room."""
        return (
            told.rng <= self.rng
            and told.splits <= self.splits
            and told.relations <= self.relations
            and told.births <= WORD * self.words
        )

    @property
    def words(self) -> int:
        """Words of 32 births."""
        return ceil_div(self.births, WORD)


def _sizes(rooms: Rooms) -> tuple[int, int, int, int]:
    return rooms.rng, rooms.splits, rooms.relations, rooms.births


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a diagram needs of its windows, side by side in one array that is copied at once.

    Attributes
    ----------
    packed : array of uint8
        All of it, on the device or the host.
    deaths, births : array of uint64, shape (windows, 32 words)
        Key of the split edge that kills each birth, 0 when none does, and keys of the births.
    columns : array of uint32, shape (windows, 32 words, words)
        The reduced column of each killed birth.
    counts : array of int32, shape (windows, COUNTS)
    enclosing : array of uint64, shape (windows,)
        As in `cuda_stages.Codes`, where these are kept.
    merges : array of uint64, shape (windows, n)
        Keys of the minimum spanning forest.
    on_its_way : tuple or None
        Bytes of the host where a copy of it will be once the device is done, and an outcome of as
        many bytes.
    """

    packed: Any
    deaths: Any
    columns: Any
    births: Any
    counts: Any
    enclosing: Any
    merges: Any
    on_its_way: tuple[Host, Outcome] | None = None

    @classmethod
    def empty(cls, device: Device, windows: int, n: int, words: int) -> Outcome:
        """Return zeros on a device."""
        n_bytes = sum(nbytes for _, _, nbytes in _parts(windows, n, words))
        return cls._within(device.zeros(n_bytes, np.uint8), windows, n, words)

    def on_host(self, device: Device) -> Outcome:
        """Wait for the device, and return what there is, in memory that is not to be kept."""
        if self.on_its_way is not None:
            device.wait()
            there, near = self.on_its_way
            near.packed[...] = there  # what a device has written is far from the cores
            return near
        return self._like(device.borrow(self.packed))

    def fetched(self, device: Device) -> Outcome:
        """Launch a copy to the host, to memory that each launch writes over."""
        there = device.pinned(self.packed.nbytes)
        device.fetch(there, self.packed)
        return replace(self, on_its_way=(there, self._like(np.empty_like(there))))

    def _like(self, packed: Any) -> Outcome:
        windows, _, words = self.columns.shape
        return self._within(packed, windows, self.merges.shape[1], words)

    @classmethod
    def _within(cls, packed: Any, windows: int, n: int, words: int) -> Outcome:
        arrays, start = [], 0
        for kind, shape, n_bytes in _parts(windows, n, words):
            arrays.append(packed[start : start + n_bytes].view(kind).reshape(shape))
            start += n_bytes
        return cls(packed, *arrays)


def _parts(windows: int, n: int, words: int) -> Iterator[tuple[Any, tuple[int, ...], int]]:
    """Yield type, shape and bytes of each part, all multiples of 8."""
    n_births = WORD * words
    yield np.uint64, (windows, n_births), 8 * windows * n_births
    yield np.uint32, (windows, n_births, words), 4 * windows * n_births * words
    yield np.uint64, (windows, n_births), 8 * windows * n_births
    yield np.int32, (windows, COUNTS), 4 * windows * COUNTS
    yield np.uint64, (windows,), 8 * windows
    yield np.uint64, (windows, n), 8 * windows * n
