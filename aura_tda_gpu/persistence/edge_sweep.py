"""Every edge in order of entry, cut into buckets that threads sweep one after another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .edge_keys import UInt64Array
from .engine import Int64Array
from .kernels import keys, sweep
from .threads import in_parts

__all__ = ["SweptEdges", "UInt16Array", "UInt32Array", "sweep_edges"]

UInt32Array = npt.NDArray[np.uint32]
UInt16Array = npt.NDArray[np.uint16]
Note = Callable[[UInt64Array, npt.NDArray[np.uint8], npt.NDArray[np.uint16]], None]

EDGES_PER_THREAD = 60_000
BUCKETS_PER_WORKER = 4
SCATTER = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class SweptEdges:
    """What the sweep leaves: a few thousand edges, sorted.

    Attributes
    ----------
    rng, splits : ndarray of uint64
        Keys of the edges with an empty lune, and with a lune of two or more components.
    reps : ndarray of int64
        For each split edge the number of components of its lune, then a vertex of each.
    n_edges : int
        Edges looked at.
    """

    rng: UInt64Array
    splits: UInt64Array
    reps: Int64Array
    n_edges: int

    @property
    def n_relations(self) -> int:
        """Sum of c - 1 over the split edges."""
        return len(self.reps) - 2 * len(self.splits)


def sweep_edges(
    bits: UInt32Array,
    limit: np.uint32,
    threads: int,
    seconds: dict[str, float],
    note: Note | None = None,
) -> SweptEdges:
    """Classify the edges not longer than ``limit`` by their lunes.

    Parameters
    ----------
    bits : ndarray of uint32, shape (n, n)
        Patterns of the float32 dissimilarities.
    limit : uint32
        Pattern of the longest edge to enter.
    threads : int
        Largest number of threads; few edges use fewer.
    seconds : dict
        Phase times, added to.
    note : callable, optional
        Is given keys, classes and hubs of the edges of each bucket (`sweep.sweep`), in the
        workers' threads; without it hubs are not looked for.
    """
    workers = max(1, min(threads, len(bits) ** 2 // (2 * EDGES_PER_THREAD)))
    return _sweep_buckets(bits, limit, workers, seconds, note)


def _sweep_buckets(
    bits: UInt32Array,
    limit: np.uint32,
    workers: int,
    seconds: dict[str, float],
    note: Note | None,
) -> SweptEdges:
    """Cut the edges into buckets of neighbouring lengths and let the workers take them in turn.

    A worker first enters all edges before its bucket into its own adjacency, in any order, so
    workers never wait for each other. Buckets are sorted as copies: others still read them.
    """
    start = time.perf_counter()
    n = len(bits)
    edge_keys, ends = _bucketed_keys(bits, limit, workers)
    place = _scatter(n)
    vertex_at = np.argsort(place)
    seconds["keys"] += time.perf_counter() - start
    start = time.perf_counter()
    buckets = iter(list(enumerate(zip([0, *ends[:-1]], ends, strict=True))))
    parts: dict[int, tuple[UInt64Array, UInt64Array, Int64Array]] = {}

    def work(_: int) -> None:
        adjacency = np.zeros((n, (n + 63) // 64), np.uint64)
        hubs = np.zeros(n, np.int64)
        entered = 0
        for index, (first, last) in buckets:
            mine = np.sort(edge_keys[first:last])
            sweep.replay(edge_keys[entered:first], place, adjacency)
            classes = np.empty(len(mine), np.uint8)
            noted = np.empty((len(mine) if note else 0, 2), np.uint16)
            reps = sweep.sweep(mine, place, vertex_at, adjacency, classes, hubs, noted)
            if note:
                note(mine, classes, noted)
            entered = last
            parts[index] = (
                mine[classes == sweep.RNG_EDGE],
                mine[classes == sweep.SPLIT_EDGE],
                reps,
            )

    in_parts(work, workers)
    seconds["sweep"] += time.perf_counter() - start
    in_order = [parts[index] for index in range(len(ends))]
    rng, splits, reps = (np.concatenate(column) for column in zip(*in_order, strict=True))
    return SweptEdges(rng, splits, reps, len(edge_keys))


def _bucketed_keys(
    bits: UInt32Array, limit: np.uint32, workers: int
) -> tuple[UInt64Array, list[int]]:
    """Return the keys of the edges, bucket after bucket but unsorted, and where each ends."""
    bucket_of, n_buckets = _buckets(bits, limit, workers)
    rows = (
        np.sqrt(np.linspace(0.0, float(len(bits)) ** 2, workers + 1)).round().astype(int).tolist()
    )
    counts = np.zeros((workers, n_buckets), np.int64)

    def count(worker: int) -> None:
        first, last = rows[worker], rows[worker + 1]
        keys.count_edges(bits, limit, first, last, bucket_of, counts[worker])

    in_parts(count, workers)
    stops = np.cumsum(counts.T).reshape(n_buckets, workers).T
    starts = np.ascontiguousarray(stops - counts)
    edge_keys = np.empty(int(counts.sum()), np.uint64)

    def fill(worker: int) -> None:
        first, last = rows[worker], rows[worker + 1]
        keys.fill_keys(bits, limit, first, last, bucket_of, starts[worker], edge_keys)

    in_parts(fill, workers)
    return edge_keys, stops[-1].tolist()


def _buckets(
    bits: UInt32Array, limit: np.uint32, workers: int
) -> tuple[npt.NDArray[np.uint8], int]:
    """Map the upper half of a length's pattern to buckets of about one size."""
    bucket_of = np.zeros(1 << 16, np.uint8)
    if workers == 1:
        return bucket_of, 1
    sample = bits[:: max(1, len(bits) // 16)]
    sample = np.sort(sample[sample <= limit] >> keys.BUCKET_SHIFT)
    n_buckets = min(BUCKETS_PER_WORKER * workers, 255)
    for cut in range(1, n_buckets):
        bucket_of[sample[cut * len(sample) // n_buckets] :] = cut
    return bucket_of, n_buckets


def _scatter(n: int) -> Int64Array:
    """Return a fixed pseudo-random bit position for each vertex.

    Neighbours in time would otherwise share a word, and the first vertex of a lune would sit
    at its rim: nine pops an edge instead of two on delay embeddings.
    """
    order = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(SCATTER)
    return np.argsort(np.argsort(order, kind="stable"), kind="stable")
