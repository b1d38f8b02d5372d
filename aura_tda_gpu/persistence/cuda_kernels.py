"""The CUDA kernels: where their source is, how it becomes one text, and how it is compiled."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import KernelCompileError
from .cuda_nvrtc import module_of_current_device

__all__ = [
    "CONSTANTS",
    "KERNELS",
    "STAGES",
    "Kernels",
    "kernel_folder",
    "kernel_source",
    "kernels_of_current_device",
]

STAGES = (
    "distance",
    "levels",
    "lune",
    "update",
    "forest",
    "order",
    "relations",
    "reduction",
    "verify",
    "ring_buffer",
    "cover",
)

KERNELS = {
    "distance_euclidean": "distance",
    "distance_manhattan": "distance",
    "distance_chebyshev": "distance",
    "place_points": "distance",
    "rows_euclidean": "distance",
    "rows_manhattan": "distance",
    "rows_chebyshev": "distance",
    "enclosing_radius": "distance",
    "choose_levels": "levels",
    "level_rows": "levels",
    "lune_tiles": "lune",
    "packed_tiles": "lune",
    "lune_components": "lune",
    "noted_tiles": "lune",
    "noted_components": "lune",
    "enclosing_slot": "update",
    "mark_edges": "update",
    "keep_edges": "update",
    "commit_rows": "update",
    "spanning_forest": "forest",
    "rank_keys": "order",
    "order_splits": "order",
    "expand_relations": "relations",
    "reduce_columns": "reduction",
    "keep_columns": "reduction",
    "false_codes": "verify",
    "false_splits": "verify",
    "append_rows": "ring_buffer",
    "cover_nearest": "cover",
    "cover_take": "cover",
    "cover_settle": "cover",
    "cover_measure": "cover",
}

CONSTANTS = {
    "WARP": 32,
    "CHUNK": 1024,  # vertices in one 32-bit word of each lane
    "LEVELS": 32,  # lengths for each of which a window has rows of bits; a power of two
    "NEAR_TRY": 6,  # levels at which a hub is looked for, in 32nds of that of the edge
    "MIDDLE_TRY": 13,
    "FAR_TRY": 21,
    "SAMPLES": 512,  # lengths that these are chosen from
    "LEVEL_WARPS": 4,  # largest blocks, in warps
    "TILE_WARPS": 4,
    "TILE_BLOCKS": 9,  # on a multiprocessor, for its registers
    "PACKED_BLOCKS": 8,
    "FLOOD_WARPS": 4,
    "MOST_WORDS": 16,  # of a lane, for the most vertices
    "EXPAND_WARPS": 4,
    "SHARED_LIST": 256,  # keys of a relation that a warp keeps in shared memory
    "KEEP_WARPS": 8,
    "HUB_ROUNDS": 2,  # lune vertices of a lane among which a hub is chosen for a listed edge
    "TILE_ROUNDS": 1,  # for any edge
    "NOTED_ROUNDS": 4,  # for any edge whose hub is noted
    "HUB_TRIES": 3,  # first hubs that a pair of hubs is looked for with
    "SECOND_TRIES": 8,  # second ones, for each first one
    "FOREST_STEPS": 8,  # from a component to the one it joins, before the block meets
    "RANK_THREADS": 256,
    "RANK_LANES": 8,  # that share a key
    "RANK_TILE": 2048,  # keys in shared memory that they are compared with
    "BLOCK": 1024,  # largest block where one block has a window
    "COVER_THREADS": 256,
    "NEAREST_LANES": 8,  # that share the landmarks a row is compared with
    "COVER_TOLD": 4,  # numbers before those of a cover, in which settling tells what it came to
    "NOBODY": 0x7FFFFFFF,
    "KEPT": -1,
    # places in a window's counters
    "N_LONG": 0,
    "N_RNG": 1,
    "N_OPEN": 2,
    "N_SPLIT": 3,
    "N_REPS": 4,
    "N_BIRTHS": 5,
    "N_KILLED": 6,
    "ADDITIONS": 7,
    "LIST_FULL": 8,
    "REUSED": 9,
    "COUNTS": 10,
}

_INCLUDE = re.compile(r'^#include "([\w.]+)"\n', re.MULTILINE)

Launch = Callable[..., None]


def kernel_folder(explicit: Path | None = None) -> Path:
    """Return the folder of the CUDA sources: the explicit one, the packaged, the repository's.

    Raises
    ------
    KernelCompileError
        If there is none.
    """
    package = Path(__file__).resolve().parent.parent
    folders = [explicit] if explicit else [package / "kernels", package.parent / "kernels"]
    for folder in folders:
        if (folder / "common.cuh").is_file():
            return folder
    raise KernelCompileError("the CUDA sources were not found", file=str(folders[-1]), log="")


def kernel_source(stage: str, folder: Path | None = None) -> str:
    """Return one stage's source as a single text: constants first, then headers, each once.

    Parameters
    ----------
    stage : str
        One of `STAGES`.
    folder : Path, optional
        Where to look, instead of the packaged copy and the repository.

    Raises
    ------
    KernelCompileError
        If a file is missing.
    """
    root, seen = kernel_folder(folder), set[str]()

    def inlined(name: str) -> str:
        if name in seen:
            return ""
        seen.add(name)
        try:
            text = (root / name).read_text(encoding="utf-8")
        except OSError as error:
            raise KernelCompileError(f"cannot be read: {error}", file=name, log="") from error
        return _INCLUDE.sub(lambda found: inlined(found[1]), text)

    constants = (
        f"[[maybe_unused]] constexpr int {name} = {value};\n" for name, value in CONSTANTS.items()
    )
    return "".join(constants) + inlined(f"{stage}.cu")


class Kernels:
    """Compiled kernels by name; a stage is compiled when one of its kernels is first asked for.

    Parameters
    ----------
    compile_source : callable
        ``compile_source(source, name=stage)`` returns an object with ``get_function(name)``, as
        ``cupy.RawModule`` is one, or raises `KernelCompileError`.
    folder : Path, optional
        Where the sources are.
    """

    def __init__(self, compile_source: Callable[..., Any], folder: Path | None = None) -> None:
        self._compile = compile_source
        self._folder = folder
        self._modules: dict[str, Any] = {}
        self._functions: dict[str, Launch] = {}

    def __getitem__(self, name: str) -> Launch:
        """Return a kernel, to be called with grid, block and arguments.

        Raises
        ------
        KernelCompileError
            If its stage does not compile, at every call anew.
        """
        if name not in self._functions:
            self._functions[name] = self._module(KERNELS[name]).get_function(name)
        return self._functions[name]

    def _module(self, stage: str) -> Any:
        if stage not in self._modules:
            try:
                source = kernel_source(stage, self._folder)
                self._modules[stage] = self._compile(source, name=stage)
            except KernelCompileError as error:
                self._modules[stage] = error
        found = self._modules[stage]
        if isinstance(found, KernelCompileError):
            raise found
        return found


def kernels_of_current_device() -> Kernels:
    """Return the kernels of CuPy's current device; what is compiled stays compiled."""
    import cupy

    return _kernels_of(int(cupy.cuda.Device().id))


@cache
def _kernels_of(device: int) -> Kernels:
    return Kernels(module_of_current_device)
