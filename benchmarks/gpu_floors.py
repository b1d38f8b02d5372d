"""What each kernel must move and compute at least, as kernels/README.md counts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aura_tda_gpu.persistence.cuda_kernels import CONSTANTS
from aura_tda_gpu.persistence.cuda_levels import row_words

__all__ = ["Floor", "Work", "against_floor", "floor_of"]

WARP, LEVELS = CONSTANTS["WARP"], CONSTANTS["LEVELS"]
SECTOR = 32  # bytes, of which a lane reads a length


@dataclass(frozen=True, slots=True)
class Work:
    """Sizes of what a kernel is launched for, summed over its windows where they are counts.

    Attributes
    ----------
    n, dim, windows : int
        Vertices of a window, coordinates, windows.
    changed : int
        Points that come in an update, or rows that all covers take; landmarks of each are ``n``.
    edges, listed, rng, split, relations, births, additions : int
        Edges of the filtration, edges whose lune is flooded, and what they turn out to be.
    """

    n: int
    dim: int
    windows: int = 1
    changed: int = 0
    edges: int = 0
    listed: int = 0
    rng: int = 0
    split: int = 0
    relations: int = 0
    births: int = 0
    additions: int = 0

    @classmethod
    def counted(cls, n: int, dim: int, counts: npt.NDArray[np.int32], changed: int = 0) -> Work:
        """Return the work of windows with these counters, shape (windows, COUNTS)."""
        told = {name: int(counts[:, CONSTANTS[name]].sum()) for name in _COUNTERS}
        return cls(
            n,
            dim,
            windows=len(counts),
            changed=changed,
            edges=len(counts) * (n * (n - 1) // 2) - told["N_LONG"],
            listed=told["N_OPEN"],
            rng=told["N_RNG"],
            split=told["N_SPLIT"],
            relations=told["N_REPS"] - told["N_SPLIT"],
            births=told["N_BIRTHS"],
            additions=told["ADDITIONS"],
        )

    @property
    def words(self) -> int:
        """Words of 32 vertices."""
        return -(-self.n // WARP)

    @property
    def entries(self) -> int:
        """Entries of all distance matrices."""
        return self.windows * self.n * self.n


@dataclass(frozen=True, slots=True)
class Floor:
    """Least bytes from memory, bytes from L2 and warp instructions of one launch."""

    bytes: float = 0.0
    l2_bytes: float = 0.0
    instructions: float = 0.0

    def milliseconds(self, peaks: dict[str, float]) -> float:
        """Return the time below which no launch can stay at these rates."""
        return 1e3 * max(
            self.bytes / peaks["bytes_per_s"],
            self.l2_bytes / peaks["l2_bytes_per_s"],
            self.instructions / peaks["warp_instructions_per_s"],
        )


_COUNTERS = ("N_LONG", "N_RNG", "N_OPEN", "N_SPLIT", "N_REPS", "N_BIRTHS", "ADDITIONS")
_FP64_SLOWER = 2  # than float32, on a GPU for computing centres
_ROWS_OF_A_FLOOD = 6  # two of the mask, four of vertices taken; of two levels where they are bits
_ROWS_OF_A_LOOK = 3  # two of the second end, one of a hub; those of the first end are in L1
_ROWS_OF_A_PACKED_LOOK = 6  # three more of the second end, where hubs are looked for


def floor_of(kernel: str, work: Work) -> Floor | None:
    """Return the floor of one launch; None where none is counted."""
    name = kernel.partition("_")[0] if kernel.startswith(("distance_", "rows_")) else kernel
    count = _FLOORS.get(name)
    return None if count is None else count(work)


def against_floor(kernel: str, ms: float, work: Work, peaks: dict[str, float]) -> dict[str, Any]:
    """Return what a launch that took ``ms`` achieved, and how far above its floor it is."""
    floor = floor_of(kernel, work)
    if floor is None:
        return {"ms": ms, "floor_ms": None}
    seconds, floor_ms = max(ms, 1e-9) / 1e3, floor.milliseconds(peaks)
    return {
        "ms": ms,
        "floor_ms": floor_ms,
        "times_floor": ms / floor_ms if floor_ms else None,
        "bytes_per_s": floor.bytes / seconds,
        "l2_bytes_per_s": floor.l2_bytes / seconds,
        "warp_instructions_per_s": floor.instructions / seconds,
    }


def _levels(work: Work) -> Floor:
    rows = LEVELS * work.words * work.windows * work.n
    return Floor(
        bytes=4 * work.entries + 4 * rows,
        instructions=36 * work.windows * work.n * work.words + 5 * rows / WARP,
    )


def _tiles(work: Work) -> Floor:
    lane_words = -(-work.words // WARP)
    return Floor(
        bytes=4 * work.entries + 4 * LEVELS * work.words * work.windows * work.n,
        l2_bytes=(_ROWS_OF_A_LOOK * 4.0 * work.words + SECTOR * min(WARP, work.words)) * work.edges,
        instructions=(63 + 7 * lane_words) * work.edges,  # the first hub settles it
    )


def _packed_tiles(work: Work) -> Floor:
    words = row_words(work.n)
    at_once = 4 * WARP // words
    return Floor(
        bytes=4 * work.entries + 4 * LEVELS * words * work.windows * work.n,
        l2_bytes=_ROWS_OF_A_PACKED_LOOK * 4.0 * words * work.edges,
        instructions=(159 / at_once + 87 / WARP) * work.edges,  # the first hub settles it
    )


def _noted_tiles(work: Work) -> Floor:
    plain = _tiles(work)
    return Floor(plain.bytes + 4 * work.edges, plain.l2_bytes, plain.instructions)


def _flood(work: Work) -> Floor:
    return Floor(l2_bytes=4.0 * work.n * _ROWS_OF_A_FLOOD * work.listed)


def _flood_of_bits(work: Work) -> Floor:
    return Floor(l2_bytes=4.0 * work.words * 2 * _ROWS_OF_A_FLOOD * work.listed)


def _ranks(work: Work) -> Floor:
    compared = 3 * work.rng**2 + 5 * work.split**2
    return Floor(
        bytes=16 * work.rng + 44 * work.split + 8 * work.relations,
        instructions=compared / WARP / work.windows,
    )


def _birth_words(work: Work) -> int:
    return -(-work.births // WARP)


_FLOORS: dict[str, Callable[[Work], Floor]] = {
    "distance": lambda w: Floor(
        bytes=4 * w.entries + 4 * w.windows * w.n * w.dim,
        instructions=3 * w.dim * w.entries / WARP,
    ),
    "rows": lambda w: Floor(
        bytes=4 * w.windows * w.n * (w.changed + w.dim),
        instructions=3 * w.dim * w.windows * w.n * w.changed / WARP,
    ),
    "place_points": lambda w: Floor(bytes=8 * w.windows * w.changed * w.dim),
    "enclosing_radius": lambda w: Floor(bytes=4 * w.entries),
    "enclosing_slot": lambda w: Floor(bytes=4 * w.entries),
    "level_rows": _levels,
    "lune_tiles": _tiles,
    "packed_tiles": _packed_tiles,
    "noted_tiles": _noted_tiles,
    "lune_components": _flood_of_bits,
    "noted_components": _flood,
    "mark_edges": lambda w: Floor(
        bytes=4 * w.entries, instructions=12 * w.changed * w.entries / 2 / WARP
    ),
    "keep_edges": lambda w: Floor(bytes=16 * w.rng + 32 * w.split),
    "append_rows": lambda w: Floor(bytes=2 * (8 * w.dim + 16) * w.changed),
    "cover_nearest": lambda w: Floor(
        bytes=(8 * w.dim + 20) * w.changed,
        instructions=_FP64_SLOWER * 3 * w.dim * w.n * w.changed / WARP,
    ),
    "cover_take": lambda w: Floor(bytes=28 * w.changed),
    "cover_settle": lambda w: Floor(bytes=16 * w.windows * w.n),
    "commit_rows": lambda w: Floor(bytes=8 * w.windows * w.changed * w.n),
    "spanning_forest": lambda w: Floor(bytes=28 * w.rng),
    "rank_keys": _ranks,
    "order_splits": lambda w: Floor(bytes=44 * w.split + 8 * w.relations),
    "expand_relations": lambda w: Floor(bytes=(8 + 4 * _birth_words(w)) * w.relations),
    "reduce_columns": lambda w: Floor(l2_bytes=12.0 * _birth_words(w) * w.additions),
    "keep_columns": lambda w: Floor(bytes=(8 * _birth_words(w) + 40) * w.births),
}
