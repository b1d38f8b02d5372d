"""The stages on a device, each a launch or two, written once against (xp, kernels).

``xp`` is cupy, or numpy with kernels that run on the host. Every array has a leading axis of
windows, and one launch serves them all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import le
from typing import Any, TypeAlias

import numpy as np

from .cuda_kernels import CONSTANTS
from .cuda_launch import SHARED_BYTES, WARP, Device, Host, ceil_div, packed_nbytes, pieces
from .cuda_levels import MOST_PACKED, Levels
from .cuda_rooms import Counted, Outcome, Rooms

__all__ = ["Classified", "Codes", "Ordered", "Stages", "flood_warps", "new_lists"]

CHUNK = CONSTANTS["CHUNK"]
COUNTS = CONSTANTS["COUNTS"]
SIDE = (32, 8)  # threads of a block of distances
RADIUS_WARPS = 8
RESIDENT_WARPS = 16_384  # of the largest devices, and some to follow
TILING_WARPS = 8 * RESIDENT_WARPS  # of rows that are short for what comes before them
EXPANDING_WARPS = 4096
ROOM_PER_VERTEX = 8  # edges a list has room for at first
FIRST_ROOM = 1024
LISTED_PART = 8  # one edge of so many has room on the list of those to be flooded, at first
NO_BUDGET = 2**31 - 1
MANY_KEYS = 2**16  # of a list that is sorted; shorter ones are compared key with key
LAST_KEY = np.uint64(0xFFFFFFFFFFFFFFFF)
_Parts: TypeAlias = list[tuple[Any, tuple[int, ...]]]  # type and shape of arrays


@dataclass(slots=True)
class Classified:
    """The edges whose lune is not connected; unused places hold the last key or nothing.

    Attributes
    ----------
    rng, splits : device array of uint64, shapes (windows, rng_room) and (windows, n_splits)
        Keys of the RNG edges and of the split edges.
    spans : device array of int32, shape (windows, n_splits, 2)
        Where in ``reps`` the vertices of a split edge start, and how many there are.
    reps : device array of uint16, shape (windows, reps_room)
        A vertex of each component.
    first : device array of uint16, shape (windows, n, n)
        Below the diagonal the first code of each edge; see kernels/certificates.cuh.
    counts : device array of int32, shape (windows, COUNTS)
        See `cuda_kernels.CONSTANTS`.
    host_counts : ndarray
        The same, as they were after this stage.
    packed : device array of uint8, or None
        All lists, where they lie in one array.
    """

    rng: Any
    splits: Any
    spans: Any
    reps: Any
    first: Any
    counts: Any
    host_counts: Host
    packed: Any = field(init=False, default=None)

    @property
    def rooms(self) -> tuple[int, int, int]:
        """Rooms of a window: for RNG edges, split edges and their vertices."""
        return int(self.rng.shape[1]), int(self.splits.shape[1]), int(self.reps.shape[1])

    def copy_to(self, other: Classified, device: Device) -> None:
        """Copy lists and counters over those of other lists with the same rooms."""
        if self.packed is not None and other.packed is not None:
            device.copy(other.packed, self.packed)
        else:
            for name in ("rng", "splits", "spans", "reps"):
                device.copy(getattr(other, name), getattr(self, name))
        device.copy(other.counts, self.counts)


@dataclass(slots=True)
class Ordered(Classified):
    """The same, both lists sorted, with the relations of the split edges.

    Attributes
    ----------
    ends : device array of int32, shape (windows, n_splits)
        How many relations the split edges up to this one have.
    relations : device array of uint64, shape (windows, any)
        Place of the split edge << 32 | vertex of its first component << 16 | of another one.
    """

    ends: Any
    relations: Any


@dataclass(slots=True)
class Codes:
    """Certificates of windows; see kernels/certificates.cuh.

    Attributes
    ----------
    first, second : device arrays of uint16, shape (windows, n, n)
        Below the diagonal.
    enclosing : device array of uint64, shape (windows,)
        Pattern of the enclosing radius << 32 | its centre.
    host_enclosing : ndarray of uint64, shape (windows,)
        The same on the host.
    """

    first: Any
    second: Any
    enclosing: Any
    host_enclosing: Host


class Stages:
    """K1 to K5 on one device.

    Parameters
    ----------
    device : Device
        Where they run.
    """

    def __init__(self, device: Device) -> None:
        self.device = device

    def distances(self, points: Any, metric: str) -> Any:
        """K1: return the distances (windows, n, n) of points (windows, n, dim), both float32."""
        windows, n, dim = points.shape
        out = self.device.xp.empty((windows, n, n), np.float32)
        blocks = ceil_div(n, SIDE[0])
        self.device.kernels[f"distance_{metric}"](
            (blocks, blocks, windows), SIDE, (points, out, np.int32(n), np.int32(dim))
        )
        return out

    def radii(self, bits: Any) -> Any:
        """Return the enclosing radius of each window, uint32 (windows,), of lengths' patterns."""
        windows, n, _ = bits.shape
        out = self.device.xp.full(windows, np.uint32(0xFFFFFFFF), np.uint32)
        self.device.kernels["enclosing_radius"](
            (ceil_div(n, RADIUS_WARPS), windows), (RADIUS_WARPS * WARP,), (bits, out, np.int32(n))
        )
        return out

    def look(
        self, bits: Any, r_enc: Any, longest: np.uint32, codes: Codes | None = None
    ) -> Classified:
        """K3: find RNG edges and split edges not longer than min(r_enc, longest), in any order.

        Parameters
        ----------
        bits : device array of uint32, shape (windows, n, n)
            Patterns of the lengths.
        r_enc : device array of uint32, shape (windows,)
            From `radii`.
        longest : uint32
            Pattern of the longest edge of all windows.
        codes : Codes, optional
            Certificates to be written.
        """
        xp = self.device.xp
        windows, n, _ = bits.shape
        n_edges = max(1, n * (n - 1) // 2)
        room = min(n_edges, ROOM_PER_VERTEX * n + FIRST_ROOM)
        rooms = (max(room, n_edges // LISTED_PART), room, room, 2 * room)
        listed = xp.empty((windows, rooms[0]), np.uint64)
        first = xp.empty((windows, n, n), np.uint16) if codes is None else codes.first
        lists = new_lists(xp, windows, rooms[1:], first, xp.zeros((windows, COUNTS), np.int32))
        levels = self.levels(bits, r_enc, longest)
        self._tiles(bits, r_enc, longest, levels, listed, lists, codes)
        while True:
            self._components(bits, levels, listed, lists, codes)
            told = lists.host_counts = self.device.to_host(lists.counts)
            counted = Counted.of(told)
            needed = counted.listed, *counted.lists
            if all(map(le, needed, rooms)):
                return lists
            if needed[0] > rooms[0]:
                listed = xp.empty((windows, needed[0]), np.uint64)
            missing = needed[0] > rooms[0] or needed[1] > rooms[1]
            rooms = tuple(map(max, needed, rooms))
            wider = new_lists(xp, windows, rooms[1:], first, lists.counts)
            if missing:
                lists.counts[...] = 0
                self._tiles(bits, r_enc, longest, levels, listed, wider, codes)
            else:
                wider.rng, wider.packed = lists.rng, None
                lists.counts[:, CONSTANTS["N_SPLIT"]] = 0
                lists.counts[:, CONSTANTS["N_REPS"]] = 0
            lists = wider

    def in_order(
        self, lists: Classified, rooms: Rooms, counts: Any, *, in_one: bool = False
    ) -> Ordered:
        """K4: sort both lists, and list the relations, as far as there is room.

        Parameters
        ----------
        lists : Classified
            In any order; what was counted may exceed their room and ``rooms``.
        rooms : Rooms
            Of what is returned.
        counts : device array of int32, shape (windows, COUNTS)
            A copy of those of the lists, for the stages to come.
        in_one : bool
            As in `new_lists`, for all but the spans.
        """
        xp, windows = self.device.xp, len(lists.rng)
        (rng, keys, relations, ends), packed = _arrays(
            xp,
            [
                (np.uint64, (windows, min(rooms.rng, lists.rng.shape[1]))),
                (np.uint64, (windows, rooms.splits)),
                (np.uint64, (windows, rooms.relations)),
                (np.int32, (windows, rooms.splits)),
            ],
            in_one,
        )
        spans = xp.empty((windows, rooms.splits, 2), np.int32)
        edges = Ordered(
            *(rng, keys, spans, lists.reps, lists.first),
            *(counts, lists.host_counts, ends, relations),
        )
        edges.packed = packed
        n_splits = rooms.splits
        rng_room, split_room = np.int32(lists.rng.shape[1]), np.int32(lists.splits.shape[1])
        splits = (
            *(lists.splits, lists.spans, split_room, lists.reps, np.int32(lists.reps.shape[1])),
            *(edges.splits, edges.spans, edges.ends, np.int32(n_splits)),
            *(edges.relations, np.int32(edges.relations.shape[1]), edges.counts),
        )
        if self.compares(rooms):
            lanes, threads = CONSTANTS["RANK_LANES"], CONSTANTS["RANK_THREADS"]
            self.device.kernels["rank_keys"](
                (ceil_div(max(rooms.rng, n_splits) * lanes, threads), 2, windows),
                (threads,),
                (lists.rng, rng_room, edges.rng, np.int32(edges.rng.shape[1]), *splits),
            )
            return edges
        edges.rng[...] = xp.sort(self._used(lists, "rng"), axis=1)[:, : edges.rng.shape[1]]
        order = xp.empty((windows, n_splits), np.int32)
        found = xp.argsort(self._used(lists, "splits"), axis=1)[:, :n_splits]
        order[:, : found.shape[1]] = found
        threads = min(CONSTANTS["BLOCK"], WARP * ceil_div(n_splits, WARP))
        self.device.kernels["order_splits"]((windows,), (threads,), (order, *splits))
        return edges

    def compares(self, rooms: Rooms) -> bool:
        """Tell whether lists of these rooms are put in order by a kernel."""
        return max(rooms.rng, rooms.splits) <= MANY_KEYS

    def _used(self, lists: Classified, name: str) -> Any:
        """Return the keys of a list, the last key where none was written."""
        xp, keys = self.device.xp, getattr(lists, name)
        counts = lists.counts[:, CONSTANTS["N_RNG" if name == "rng" else "N_SPLIT"]]
        return xp.where(xp.arange(keys.shape[1]) < counts[:, np.newaxis], keys, LAST_KEY)

    def levels(self, bits: Any, r_enc: Any, longest: np.uint32) -> Levels:
        """K3: choose the levels of each window, and write their rows of bits."""
        return Levels.of(self.device, bits, r_enc, longest)

    def _tiles(
        self,
        bits: Any,
        r_enc: Any,
        longest: np.uint32,
        levels: Levels,
        listed: Any,
        lists: Classified,
        codes: Codes | None,
    ) -> None:
        """List the edges with an empty lune, and those that need a flood."""
        windows, n, _ = bits.shape
        name, tiles = "lune_tiles" if codes is None else "noted_tiles", ceil_div(n, WARP)
        if codes is None and n <= MOST_PACKED:
            name, tiles = "packed_tiles", min(tiles, ceil_div(TILING_WARPS, n * windows))
        warps = CONSTANTS["TILE_WARPS"]
        self.device.kernels[name](
            (tiles, ceil_div(n, warps), windows),
            (warps * WARP,),
            (
                *(bits, r_enc, longest, np.int32(n), *levels.arguments),
                *(lists.rng, np.int32(lists.rng.shape[1])),
                *(listed, np.int32(listed.shape[1]), lists.counts),
                *((lists.first,) if codes is None else (codes.first, codes.second)),
            ),
        )

    def _components(
        self,
        bits: Any,
        levels: Levels,
        listed: Any,
        lists: Classified,
        codes: Codes | None,
    ) -> None:
        """Flood the lunes of the listed edges: keys, spans and reps of the split ones."""
        if codes is not None:
            self.noted_components(bits, codes, listed, lists)
            return
        windows, n, _ = bits.shape
        warps = CONSTANTS["FLOOD_WARPS"]
        self.device.kernels["lune_components"](
            (_blocks(listed.shape[1], warps, windows), windows),
            (warps * WARP,),
            (
                *(bits, np.int32(n), *levels.arguments),
                *(listed, np.int32(listed.shape[1]), lists.splits, lists.spans),
                *(np.int32(lists.splits.shape[1]), lists.reps, np.int32(lists.reps.shape[1])),
                *(lists.counts, lists.first),
            ),
        )

    def noted_components(
        self, bits: Any, codes: Codes, listed: Any, lists: Classified, budget: Any = None
    ) -> None:
        """Look at listed edges, whatever their lunes are: append to the lists, write codes.

        Where a window has more than ``budget`` (windows,) of them, nothing is done for it; no room
        does for what is counted then.
        """
        windows, n, _ = bits.shape
        if budget is None:
            budget = self.device.xp.full(windows, NO_BUDGET, np.int32)
        warps, n_bytes = flood_warps(n, 4)
        self.device.kernels["noted_components"](
            (_blocks(listed.shape[1], warps, windows), windows),
            (warps * WARP,),
            (
                *(bits, np.int32(n), listed, np.int32(listed.shape[1]), codes.enclosing),
                *(lists.rng, np.int32(lists.rng.shape[1]), lists.splits, lists.spans),
                *(np.int32(lists.splits.shape[1]), lists.reps, np.int32(lists.reps.shape[1])),
                *(codes.first, codes.second, budget, lists.counts),
            ),
            shared_mem=n_bytes,
        )

    def forest(self, edges: Ordered, outcome: Outcome) -> Any:
        """K5: write merges and births; return each RNG edge's place among the births, or -1."""
        xp = self.device.xp
        windows, room = edges.rng.shape
        n = outcome.merges.shape[1]
        room_words = ceil_div(room, WARP)
        vertex_bytes = 4 * (2 * n + room_words)
        fits = [size <= SHARED_BYTES - 256 for size in (vertex_bytes, vertex_bytes + 4 * room)]
        n_outside = 0 if fits[0] else windows
        birth_rank = xp.empty((windows, room), np.int32)
        threads = min(CONSTANTS["BLOCK"], WARP * ceil_div(max(n, 4 * WARP), WARP))
        self.device.kernels["spanning_forest"](
            (windows,),
            (threads,),
            (
                *(edges.rng, np.int32(room), np.int32(n), xp.empty((n_outside, n), np.int32)),
                xp.empty((n_outside, 2, n), np.uint16),
                xp.empty((n_outside, room_words), np.uint32),
                *(birth_rank, outcome.births, np.int32(outcome.births.shape[1])),
                *(outcome.merges, np.int32(sum(fits)), edges.counts),
            ),
            shared_mem=(0, vertex_bytes, vertex_bytes + 4 * room)[sum(fits)],
        )
        return birth_rank


def new_lists(
    xp: Any,
    windows: int,
    rooms: tuple[int, int, int],
    first: Any,
    counts: Any,
    *,
    in_one: bool = False,
) -> Classified:
    """Return lists with `Classified.rooms` in each window, beside these codes and counters.

    In one array they are copied at once, and take longer to make.
    """
    rng, splits, reps = (max(1, room) for room in rooms)
    parts: _Parts = [
        (np.uint64, (windows, rng)),
        (np.uint64, (windows, splits)),
        (np.int32, (windows, splits, 2)),
        (np.uint16, (windows, reps)),
    ]
    (keys, split_keys, spans, vertices), packed = _arrays(xp, parts, in_one)
    lists = Classified(
        keys, split_keys, spans, vertices, first, counts, np.zeros((windows, COUNTS), np.int32)
    )
    lists.packed = packed
    return lists


def _arrays(xp: Any, parts: _Parts, in_one: bool) -> tuple[list[Any], Any]:
    """Return arrays of these types and shapes, and the one of bytes that they lie in, or None."""
    if not in_one:
        return [xp.empty(shape, kind) for kind, shape in parts], None
    packed = xp.empty(packed_nbytes(parts), np.uint8)
    return list(pieces(packed, parts)), packed


def _blocks(most: int, warps: int, windows: int) -> int:
    """Return how many blocks of a window go through a list of at most so many edges."""
    return ceil_div(min(ceil_div(RESIDENT_WARPS, windows), most), warps)


def flood_warps(n: int, masks: int) -> tuple[int, int]:
    """Return how many warps a block has that floods lunes, and its bytes of shared memory."""
    bytes_per_warp = 4 * WARP * masks * ceil_div(n, CHUNK)
    warps = max(1, min(CONSTANTS["FLOOD_WARPS"], SHARED_BYTES // bytes_per_warp))
    return warps, warps * bytes_per_warp
