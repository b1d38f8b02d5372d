"""The stages on a device, each a launch or two, written once against (xp, kernels).

``xp`` is cupy, or numpy with kernels that run on the host. Every array has a leading axis of
windows, and one launch serves them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .cuda_kernels import CONSTANTS, Kernels

__all__ = ["Classified", "Forest", "Reduced", "Stages"]

WARP, TILE, CHUNK = (CONSTANTS[name] for name in ("WARP", "TILE", "CHUNK"))
COUNTS = CONSTANTS["COUNTS"]
SIDE = (32, 8)  # threads of a block of distances
RADIUS_WARPS = 8
RESIDENT_WARPS = 4096
SHARED_BYTES = 48 * 1024
COLUMN_BYTES = 256 * 2**20
LEAST_COLUMNS = 4096
ROOM_PER_VERTEX = 8  # edges a list has room for at first
FIRST_ROOM = 1024
FIRST_LIST = 256
LAST_KEY = np.uint64(0xFFFFFFFFFFFFFFFF)

Host = npt.NDArray[Any]


@dataclass(slots=True)
class Classified:
    """The edges whose lune is not connected, sorted; unused places hold the last key or nothing.

    Attributes
    ----------
    rng, splits : device array of uint64, shapes (windows, rng_room) and (windows, n_splits)
        Keys of the RNG edges and of the split edges.
    spans : device array of int32, shape (windows, n_splits, 2)
        Where in ``reps`` the vertices of a split edge start, and how many there are.
    reps : device array of uint16, shape (windows, reps_room)
        A vertex of each component.
    counts : device array of int32, shape (windows, COUNTS)
        See `cuda_kernels.CONSTANTS`.
    host_counts : ndarray
        The same, as they were after this stage.
    """

    rng: Any
    splits: Any
    spans: Any
    reps: Any
    counts: Any
    host_counts: Host


@dataclass(slots=True)
class Forest:
    """For each RNG edge -1 if it merges, else its place among the births, and their keys."""

    birth_rank: Any
    births: Any
    host_counts: Host


@dataclass(slots=True)
class Reduced:
    """For each birth the split edge that kills it and its column; see `cuda_bars`.

    Attributes
    ----------
    deaths : device array of uint64, shape (windows, n_births)
    columns : device array of uint32, shape (windows, n_births, words)
    host_counts : ndarray
    """

    deaths: Any
    columns: Any
    host_counts: Host


class Stages:
    """K1 to K6 on one device.

    Parameters
    ----------
    xp : module
        cupy or numpy.
    kernels : Kernels
        Compiled for it.
    """

    def __init__(self, xp: Any, kernels: Kernels) -> None:
        self.xp = xp
        self.kernels = kernels

    def to_host(self, array: Any) -> Host:
        """Return a numpy array of what is on the device."""
        found: Host = self.xp.asnumpy(array) if hasattr(self.xp, "asnumpy") else np.asarray(array)
        return found

    def distances(self, points: Any, metric: str) -> Any:
        """K1: return the distances (windows, n, n) of points (windows, n, dim), both float32."""
        windows, n, dim = points.shape
        out = self.xp.empty((windows, n, n), np.float32)
        blocks = _ceil(n, SIDE[0])
        self.kernels[f"distance_{metric}"](
            (blocks, blocks, windows), SIDE, (points, out, np.int32(n), np.int32(dim))
        )
        return out

    def radii(self, bits: Any) -> Any:
        """Return the enclosing radius of each window, uint32 (windows,), of lengths' patterns."""
        windows, n, _ = bits.shape
        out = self.xp.full(windows, np.uint32(0xFFFFFFFF), np.uint32)
        self.kernels["enclosing_radius"](
            (_ceil(n, RADIUS_WARPS), windows), (RADIUS_WARPS * WARP,), (bits, out, np.int32(n))
        )
        return out

    def classify(self, bits: Any, r_enc: Any, longest: np.uint32) -> Classified:
        """K3 and K4: find RNG edges and split edges not longer than min(r_enc, longest), sorted.

        Parameters
        ----------
        bits : device array of uint32, shape (windows, n, n)
            Patterns of the lengths.
        r_enc : device array of uint32, shape (windows,)
            From `radii`.
        longest : uint32
            Pattern of the longest edge of all windows.
        """
        xp, n = self.xp, bits.shape[1]
        windows = bits.shape[0]
        open_room = max(1, n * (n - 1) // 2)
        listed = xp.empty((windows, open_room), np.uint64)
        counts = xp.zeros((windows, COUNTS), np.int32)
        rng_room = min(open_room, ROOM_PER_VERTEX * n + FIRST_ROOM)
        room = (rng_room, 2 * rng_room)
        rng = self._tiles(bits, r_enc, longest, rng_room, listed, counts)
        found = self._components(bits, listed, *room, counts)
        told = self.to_host(counts)
        if told[:, CONSTANTS["N_RNG"]].max() > rng_room:
            rng_room = int(told[:, CONSTANTS["N_RNG"]].max())
            counts[...] = 0
            rng = self._tiles(bits, r_enc, longest, rng_room, listed, counts)
            found = self._components(bits, listed, *room, counts)
        needed = _largest(told, "N_SPLIT"), _largest(told, "N_REPS")
        if needed[0] > room[0] or needed[1] > room[1]:
            counts[:, CONSTANTS["N_SPLIT"]] = 0
            counts[:, CONSTANTS["N_REPS"]] = 0
            found = self._components(bits, listed, *needed, counts)
        return self._sorted(rng, *found, counts, told)

    def _tiles(
        self, bits: Any, r_enc: Any, longest: np.uint32, room: int, listed: Any, counts: Any
    ) -> Any:
        """List the edges with an empty lune, and those that need a flood."""
        windows, n, _ = bits.shape
        rng = self.xp.full((windows, room), LAST_KEY, np.uint64)
        bytes_per_warp = 4 * WARP * TILE * TILE * _ceil(n, CHUNK)
        warps = max(1, min(CONSTANTS["TILE_WARPS"], SHARED_BYTES // bytes_per_warp))
        tiles = _ceil(n, TILE)
        self.kernels["lune_tiles"](
            (_ceil(tiles, warps), tiles, windows),
            (warps * WARP,),
            (
                *(bits, r_enc, longest, np.int32(n), rng, np.int32(room)),
                *(listed, np.int32(listed.shape[1]), counts),
            ),
            shared_mem=warps * bytes_per_warp,
        )
        return rng

    def _components(
        self, bits: Any, listed: Any, split_room: int, reps_room: int, counts: Any
    ) -> tuple[Any, Any, Any]:
        """Flood the lunes of the listed edges: keys, spans and reps of the split ones."""
        xp = self.xp
        windows, n, _ = bits.shape
        splits = xp.full((windows, split_room), LAST_KEY, np.uint64)
        spans = xp.zeros((windows, split_room, 2), np.int32)
        reps = xp.empty((windows, reps_room), np.uint16)
        bytes_per_warp = 4 * WARP * 4 * _ceil(n, CHUNK)
        warps = max(1, min(CONSTANTS["FLOOD_WARPS"], SHARED_BYTES // bytes_per_warp))
        self.kernels["lune_components"](
            (_ceil(min(RESIDENT_WARPS, listed.shape[1]), warps), windows),
            (warps * WARP,),
            (
                *(bits, np.int32(n), listed, np.int32(listed.shape[1]), splits, spans),
                *(np.int32(split_room), reps, np.int32(reps_room), counts),
            ),
            shared_mem=warps * bytes_per_warp,
        )
        return splits, spans, reps

    def _sorted(
        self, rng: Any, splits: Any, spans: Any, reps: Any, counts: Any, told: Host
    ) -> Classified:
        """K4: sort both lists, cut to what is used."""
        xp = self.xp
        n_rng, n_splits = max(1, _largest(told, "N_RNG")), max(1, _largest(told, "N_SPLIT"))
        splits = splits[:, :n_splits]
        order = xp.argsort(splits, axis=1)
        return Classified(
            xp.sort(rng[:, :n_rng], axis=1),
            self._picked(splits, order),
            self._picked(spans, order),
            reps,
            counts,
            told,
        )

    def forest(self, edges: Classified, n: int) -> Forest:
        """K5: tell the merges among the RNG edges, and number the others."""
        xp = self.xp
        windows, room = edges.rng.shape
        vertices = xp.empty((3, windows, n), np.int32)
        birth_rank = xp.empty((windows, room), np.int32)
        births = xp.full((windows, room), LAST_KEY, np.uint64)
        threads = min(CONSTANTS["BLOCK"], WARP * _ceil(max(n, 4 * WARP), WARP))
        self.kernels["spanning_forest"](
            (windows,),
            (threads,),
            (
                *(edges.rng, np.int32(room), np.int32(n), vertices[0], vertices[1], vertices[2]),
                *(birth_rank, births, edges.counts),
            ),
        )
        return Forest(birth_rank, births, self.to_host(edges.counts))

    def reduce(self, bits: Any, edges: Classified, forest: Forest) -> Reduced:
        """K6: kill the births, in chunks of relations, until all are dead or none is left."""
        xp = self.xp
        windows = bits.shape[0]
        n_births = _largest(forest.host_counts, "N_BIRTHS")
        words = _ceil(n_births, 32)
        relations, ends = self._relations(edges)
        n_relations = _largest(forest.host_counts, "N_REPS", "N_SPLIT")
        columns = xp.zeros((windows, n_births, words), np.uint32)
        numbers = xp.full((windows, n_births), -1, np.int32)
        owner = xp.full((windows, n_births), CONSTANTS["NOBODY"], np.int32)
        told = forest.host_counts
        per_chunk = max(1, min(COLUMN_BYTES // max(1, windows * words * 4), n_relations))
        per_chunk = min(per_chunk, max(LEAST_COLUMNS, 2 * n_births))
        first = 0
        list_room = FIRST_LIST
        while n_births and first < n_relations:
            chunk = xp.zeros((windows, per_chunk, words), np.uint32)
            self._expand(bits, edges, forest, relations, ends, first, chunk, list_room)
            self._eliminate(edges, ends, first, chunk, owner, columns, numbers)
            told = self.to_host(edges.counts)
            if _largest(told, "LIST_FULL"):
                list_room *= 4
                edges.counts[:, CONSTANTS["LIST_FULL"]] = 0
                continue
            first += per_chunk
            if (told[:, CONSTANTS["N_KILLED"]] == told[:, CONSTANTS["N_BIRTHS"]]).all():
                break
        killers = self._picked(relations, xp.maximum(numbers, 0))
        keys = self._picked(edges.splits, (killers >> np.uint64(32)).astype(np.int64))
        return Reduced(xp.where(numbers < 0, np.uint64(0), keys), columns, told)

    def _picked(self, array: Any, places: Any) -> Any:
        """Return what stands at some places (windows, k) of each window."""
        return array[self.xp.arange(len(array))[:, np.newaxis], places]

    def _relations(self, edges: Classified) -> tuple[Any, Any]:
        """List the relations, uint64 (windows, room), and where those of each split edge end."""
        xp = self.xp
        windows, n_splits = edges.splits.shape
        further = xp.maximum(edges.spans[:, :, 1] - 1, 0)
        ends = xp.ascontiguousarray(xp.cumsum(further, axis=1, dtype=np.int32))
        room = max(1, _largest(edges.host_counts, "N_REPS", "N_SPLIT"))
        relations = xp.zeros((windows, room), np.uint64)
        self.kernels["list_relations"](
            (_ceil(n_splits, 128), windows),
            (128,),
            (
                *(edges.spans, ends, np.int32(n_splits), edges.reps),
                *(np.int32(edges.reps.shape[1]), relations, np.int32(room)),
            ),
        )
        return relations, ends

    def _expand(
        self,
        bits: Any,
        edges: Classified,
        forest: Forest,
        relations: Any,
        ends: Any,
        first: int,
        chunk: Any,
        list_room: int,
    ) -> None:
        """Write the relations from ``first`` on as columns over the births."""
        windows, per_chunk, words = chunk.shape
        per_block = CONSTANTS["EXPAND_WARPS"]
        blocks = _ceil(min(RESIDENT_WARPS, per_chunk), per_block)
        lists = self.xp.empty((windows, blocks * per_block, list_room), np.uint64)
        self.kernels["expand_relations"](
            (blocks, windows),
            (per_block * WARP,),
            (
                *(bits, np.int32(bits.shape[1]), edges.splits, ends),
                *(np.int32(edges.splits.shape[1]), relations, np.int32(relations.shape[1])),
                *(edges.rng, forest.birth_rank, np.int32(edges.rng.shape[1]), np.int32(first)),
                *(chunk, np.int32(per_chunk), np.int32(words)),
                *(lists, np.int32(list_room), edges.counts),
            ),
        )

    def _eliminate(
        self,
        edges: Classified,
        ends: Any,
        first: int,
        chunk: Any,
        owner: Any,
        columns: Any,
        numbers: Any,
    ) -> None:
        """Reduce a chunk of columns behind those kept from earlier chunks."""
        windows, per_chunk, words = chunk.shape
        scratch = self.xp.empty((2, windows, per_chunk), np.int32)
        threads = min(CONSTANTS["BLOCK"], WARP * _ceil(max(per_chunk, 4 * WARP), WARP))
        self.kernels["reduce_columns"](
            (windows,),
            (threads,),
            (
                *(chunk, np.int32(per_chunk), np.int32(words), ends),
                *(np.int32(edges.splits.shape[1]), np.int32(first), scratch[0], scratch[1]),
                *(owner, columns, numbers, np.int32(owner.shape[1]), edges.counts),
            ),
        )


def _ceil(amount: int, unit: int) -> int:
    return -(-amount // unit)


def _largest(counts: Host, name: str, minus: str | None = None) -> int:
    """Return the largest counter of all windows, or the largest difference of two."""
    column = counts[:, CONSTANTS[name]]
    return int((column if minus is None else column - counts[:, CONSTANTS[minus]]).max())
