"""K6 on a device: relations as columns over the births, and their reduction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .cuda_kernels import CONSTANTS
from .cuda_launch import SHARED_BYTES, WARP, Device, Host, ceil_div, largest
from .cuda_stages import EXPANDING_WARPS, Forest, Ordered
from .cuda_trails import Trails, WarmStart

__all__ = ["Reduced", "Reduction"]

COLUMN_BYTES = 256 * 2**20
LEAST_COLUMNS = 4096
FIRST_LIST = CONSTANTS["SHARED_LIST"]


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
        forest: Forest,
        warm: WarmStart | None = None,
    ) -> Reduced:
        """K6: kill the births, in chunks of relations, until all are dead or none is left.

        With ``warm`` what is known of relations from the last diagram is used, and what comes of
        these is kept for the next one.
        """
        xp = self.device.xp
        windows = bits.shape[0]
        n_births = largest(forest.host_counts, "N_BIRTHS")
        words = ceil_div(n_births, 32)
        n_relations = largest(forest.host_counts, "N_REPS", "N_SPLIT")
        columns = xp.zeros((windows, n_births, words), np.uint32)
        deaths = xp.zeros((windows, n_births), np.uint64)
        owner = xp.empty((windows, n_births), np.int32)
        told, n_reused = forest.host_counts, np.zeros(windows, np.int32)
        per_chunk = max(1, min(COLUMN_BYTES // max(1, windows * words * 4), n_relations))
        per_chunk = min(per_chunk, max(LEAST_COLUMNS, 2 * n_births))
        chunk = xp.empty((windows, per_chunk, words), np.uint32)
        first = 0
        list_room = FIRST_LIST
        trails = warm.begin(edges) if warm and n_births else None
        known = self._known(warm, trails)
        while n_births and first < n_relations:
            self._expand(bits, edges, forest, first, chunk, list_room, known)
            self._eliminate(edges, first, chunk, owner, columns, deaths)
            told = self.device.to_host(edges.counts)
            if largest(told, "LIST_FULL"):
                list_room *= 4
                edges.counts[:, CONSTANTS["LIST_FULL"]] = 0
                edges.counts[:, CONSTANTS["REUSED"]] = xp.asarray(n_reused)
                continue
            n_reused = told[:, CONSTANTS["REUSED"]].copy()
            first += per_chunk
            if (told[:, CONSTANTS["N_KILLED"]] == told[:, CONSTANTS["N_BIRTHS"]]).all():
                break
        if warm:
            warm.keep(trails)
        return Reduced(deaths, columns, told)

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
        forest: Forest,
        first: int,
        chunk: Any,
        list_room: int,
        known: tuple[Any, ...],
    ) -> None:
        """Write the relations from ``first`` on as columns over the births."""
        windows, per_chunk, words = chunk.shape
        per_block = CONSTANTS["EXPAND_WARPS"]
        blocks = ceil_div(min(EXPANDING_WARPS, per_chunk), per_block)
        in_shared = list_room <= CONSTANTS["SHARED_LIST"]
        warps = 0 if in_shared else blocks * per_block
        lists = self.device.xp.empty((windows, warps, list_room), np.uint64)
        self.device.kernels["expand_relations"](
            (blocks, windows),
            (per_block * WARP,),
            (
                *(bits, np.int32(bits.shape[1]), edges.splits, edges.ends),
                *(np.int32(edges.splits.shape[1]), edges.relations),
                np.int32(edges.relations.shape[1]),
                *(edges.rng, forest.birth_rank, np.int32(edges.rng.shape[1]), np.int32(first)),
                *(chunk, np.int32(per_chunk), np.int32(words)),
                *(lists, np.int32(list_room), edges.first, *known, edges.counts),
            ),
            shared_mem=8 * per_block * list_room if in_shared else 0,
        )

    def _eliminate(
        self,
        edges: Ordered,
        first: int,
        chunk: Any,
        owner: Any,
        columns: Any,
        deaths: Any,
    ) -> None:
        """Reduce a chunk of columns behind those kept from earlier chunks."""
        windows, per_chunk, words = chunk.shape
        scratch = self.device.xp.empty((2, windows, per_chunk), np.int32)
        threads = min(CONSTANTS["BLOCK"], WARP * ceil_div(max(per_chunk, 4 * WARP), WARP))
        shared = 4 * (per_chunk + owner.shape[1])
        in_shared = shared <= SHARED_BYTES - 64  # beside what the kernel itself declares
        self.device.kernels["reduce_columns"](
            (windows,),
            (threads,),
            (
                *(chunk, np.int32(per_chunk), np.int32(words), edges.splits, edges.ends),
                *(np.int32(edges.splits.shape[1]), edges.relations),
                *(np.int32(edges.relations.shape[1]), np.int32(first), scratch[0], scratch[1]),
                *(owner, columns, deaths, np.int32(owner.shape[1]), np.int32(in_shared)),
                edges.counts,
            ),
            shared_mem=shared if in_shared else 0,
        )
