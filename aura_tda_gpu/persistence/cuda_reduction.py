"""K6 on a device: relations as columns over the births, and their reduction."""

from __future__ import annotations

from typing import Any

import numpy as np

from .cuda_kernels import CONSTANTS
from .cuda_launch import SHARED_BYTES, WARP, Device, ceil_div
from .cuda_rooms import Outcome
from .cuda_stages import EXPANDING_WARPS, Ordered
from .cuda_trails import Trails, WarmStart

__all__ = ["Reduction"]

COLUMN_BYTES = 256 * 2**20
LEAST_COLUMNS = 4096
FIRST_LIST = CONSTANTS["SHARED_LIST"]


class Reduction:
    """K6 on one device.

    Parameters
    ----------
    device : Device
        Where it runs.
    """

    def __init__(self, device: Device) -> None:
        self.device = device

    def reduce(
        self,
        bits: Any,
        edges: Ordered,
        birth_rank: Any,
        outcome: Outcome,
        list_room: int,
        warm: WarmStart | None = None,
    ) -> Trails | None:
        """K6: kill the births, in chunks of relations; once all are dead, chunks cost a launch.

        Parameters
        ----------
        bits, edges, birth_rank
            Of the stages before.
        outcome : Outcome
            Zeros but for the births; gets deaths and columns.
        list_room : int
            Edges that a relation may have on its way; where that is too few, a counter says so.
        warm : WarmStart, optional
            What is known of relations from the last diagram.

        Returns
        -------
        Trails or None
            What is to be known for the next one.
        """
        xp = self.device.xp
        windows, n_births, words = outcome.columns.shape
        if not words:
            return None
        n_relations = edges.relations.shape[1]
        per_chunk = max(1, min(COLUMN_BYTES // (windows * words * 4), n_relations))
        per_chunk = min(per_chunk, max(LEAST_COLUMNS, 2 * n_births))
        chunk = xp.empty((windows, per_chunk, words), np.uint32)
        low = xp.empty((windows, per_chunk), np.int32)
        owner = xp.empty((windows, n_births), np.int32)
        trails = warm.begin(edges) if warm else None
        known = self._known(warm, trails)
        for first in range(0, n_relations, per_chunk):
            self._expand(bits, edges, birth_rank, first, chunk, low, list_room, known)
            self._eliminate(edges, first, chunk, low, owner, outcome)
        return trails

    def _known(self, warm: WarmStart | None, trails: Trails | None) -> tuple[Any, ...]:
        """Return the arguments of `expand_relations` that tell what is known, and what to keep."""
        xp = self.device.xp
        kinds = np.uint64, np.int32, np.uint64, np.uint64, np.uint32, np.uint32
        splits, ends, relations, rng, bits, moved = (xp.empty(0, kind) for kind in kinds)
        last = warm.last if warm and trails else None
        if warm and last:
            splits, ends, relations, rng = last.splits, last.ends, last.relations, last.rng
            bits, moved = last.bits, warm.moved()
        return (
            trails.bits if trails else xp.empty(0, np.uint32),
            np.int32(trails.rng_words if trails else 0),
            *(splits, ends, np.int32(splits.shape[-1])),
            *(relations, np.int32(relations.shape[-1]), rng, np.int32(rng.shape[-1])),
            *(bits, np.int32(last.rng_words if last else 0), moved),
        )

    def _expand(
        self,
        bits: Any,
        edges: Ordered,
        birth_rank: Any,
        first: int,
        chunk: Any,
        low: Any,
        list_room: int,
        known: tuple[Any, ...],
    ) -> None:
        """Write the relations from ``first`` on as columns over the births."""
        windows, per_chunk, words = chunk.shape
        per_block = CONSTANTS["EXPAND_WARPS"]
        in_shared = list_room <= CONSTANTS["SHARED_LIST"]
        most = EXPANDING_WARPS if in_shared else ceil_div(EXPANDING_WARPS, windows)
        blocks = ceil_div(min(most, per_chunk), per_block)
        warps = 0 if in_shared else blocks * per_block
        lists = self.device.xp.empty((windows, warps, list_room + list_room // 4), np.uint64)
        self.device.kernels["expand_relations"](
            (blocks, windows),
            (per_block * WARP,),
            (
                *(bits, np.int32(bits.shape[1]), edges.splits, edges.ends),
                *(np.int32(edges.splits.shape[1]), edges.relations),
                np.int32(edges.relations.shape[1]),
                *(edges.rng, birth_rank, np.int32(edges.rng.shape[1]), np.int32(first)),
                *(chunk, np.int32(per_chunk), np.int32(words), low),
                *(lists, np.int32(list_room), edges.first, *known, edges.counts),
            ),
            shared_mem=(8 + 2) * per_block * list_room if in_shared else 0,  # keys, codes
        )

    def _eliminate(
        self, edges: Ordered, first: int, chunk: Any, low: Any, owner: Any, outcome: Outcome
    ) -> None:
        """Reduce a chunk of columns behind those kept from earlier chunks, and keep them."""
        windows, per_chunk, words = chunk.shape
        n_births = int(owner.shape[1])
        active = self.device.xp.empty((windows, 2, per_chunk), np.int32)
        threads = min(CONSTANTS["BLOCK"], WARP * ceil_div(max(per_chunk, 4 * WARP), WARP))
        in_shared, shared = _shared_ints(per_chunk, n_births)
        self.device.kernels["reduce_columns"](
            (windows,),
            (threads,),
            (
                *(chunk, np.int32(per_chunk), np.int32(words), edges.ends),
                *(np.int32(edges.splits.shape[1]), np.int32(edges.relations.shape[1])),
                *(np.int32(first), low, active, owner, outcome.columns, np.int32(n_births)),
                *(np.int32(in_shared), edges.counts),
            ),
            shared_mem=4 * shared,
        )
        warps = CONSTANTS["KEEP_WARPS"]
        self.device.kernels["keep_columns"](
            (ceil_div(n_births, warps), windows),
            (warps * WARP,),
            (
                *(chunk, np.int32(per_chunk), np.int32(words)),
                *(edges.splits, np.int32(edges.splits.shape[1])),
                *(edges.relations, np.int32(edges.relations.shape[1]), np.int32(first), owner),
                *(outcome.columns, outcome.deaths, np.int32(n_births), edges.counts),
            ),
        )


def _shared_ints(n_columns: int, n_births: int) -> tuple[int, int]:
    """Return what `reduce_columns` has in shared memory, as it is told, and how many words."""
    room = (SHARED_BYTES - 64) // 4  # beside what the kernel itself declares
    for in_shared, words in ((2, 3 * n_columns + n_births), (1, n_columns + n_births)):
        if words <= room:
            return in_shared, words
    return 0, 0
