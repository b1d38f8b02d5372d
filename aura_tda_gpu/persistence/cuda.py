"""The lune engine on a GPU: exact H0 and H1, every lune by a warp.

The rules are those of the CPU engine (see `cpu`); the reduction in rounds follows Morozov and
Nigmetov, "Towards lockfree persistent homology" (SPAA 2020), with a barrier where they have
atomics, so that the columns do not depend on the schedule.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from ..errors import MemoryLimitError, UnsupportedError
from .cuda_bars import PairedOnDevice, bars_of_components, bars_of_loops
from .cuda_kernels import CONSTANTS, Kernels
from .cuda_stages import Classified, Forest, Host, Stages
from .distances import angles
from .engine import Bars, EngineResult, Float32Array, LoopEdges

__all__ = ["MAX_VERTICES", "CudaEngine", "device_bytes"]

MAX_VERTICES = 16_384  # a warp's lune masks fill a block's shared memory
INFINITE = np.float32(np.inf).view(np.uint32)
LARGEST = INFINITE - np.uint32(1)


class CudaEngine:
    """Exact Vietoris-Rips persistence in dimensions 0 and 1 on one GPU.

    Parameters
    ----------
    xp : module
        cupy; or numpy, with kernels that run on the host.
    kernels : Kernels
        Compiled for the current device.
    """

    name = "cuda"

    def __init__(self, xp: Any, kernels: Kernels) -> None:
        start = time.perf_counter()
        self.stages = Stages(xp, kernels)
        square = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
        self.compute(
            self.pairwise(square, "euclidean"), dimensions=(0, 1), threshold=np.inf, threads=1
        )
        self.setup_seconds = time.perf_counter() - start

    def pairwise(self, points: Float32Array, metric: str) -> Float32Array:
        """Return the distance matrix of ``points`` on the device; see `Engine.pairwise`."""
        matrix: Float32Array = self.pairwise_of_many(points[np.newaxis], metric)[0]
        return matrix

    def pairwise_of_many(self, points: Any, metric: str) -> Any:
        """Return distances (windows, n, n) on the device of points (windows, n, dim).

        The arc sines of ``"cosine"`` are taken on the host: every engine calls one function.
        """
        xp = self.stages.xp
        windows, n, _ = points.shape
        with self._memory(windows, n):
            on_device = xp.ascontiguousarray(xp.asarray(points), np.float32)
            if n == 0:
                return xp.empty((windows, 0, 0), np.float32)
            if metric != "cosine":
                return self.stages.distances(on_device, metric)
            chords = self.stages.distances(on_device, "euclidean")
            flat = self.stages.to_host(chords).reshape(windows * n, n)
            return xp.asarray(angles(flat).reshape(windows, n, n))

    def compute(
        self,
        dissimilarity: Float32Array,
        *,
        dimensions: tuple[int, ...],
        threshold: float,
        threads: int,
    ) -> EngineResult:
        """Return the bars of the filtration; see `Engine.compute`. ``threads`` is not used."""
        (result,) = self.compute_many(
            dissimilarity[np.newaxis], dimensions=dimensions, threshold=threshold
        )
        return result

    def compute_many(
        self, matrices: Any, *, dimensions: tuple[int, ...], threshold: float
    ) -> list[EngineResult]:
        """Return the bars of many windows of one size, with one set of launches.

        Parameters
        ----------
        matrices : array of float32, shape (windows, n, n)
            On the device or the host, each as `Engine.compute` takes it.
        dimensions, threshold
            See `Engine.compute`.

        Raises
        ------
        UnsupportedError
            If a dimension is above 1, or n above `MAX_VERTICES`.
        MemoryLimitError
            If the device's memory does not suffice.
        """
        windows, n, _ = matrices.shape
        if any(k > 1 for k in dimensions):
            raise UnsupportedError(f"the cuda engine computes dimensions 0 and 1, not {dimensions}")
        if n > MAX_VERTICES:
            raise UnsupportedError(
                f"the cuda engine takes at most {MAX_VERTICES} vertices, not {n}: use landmarks"
            )
        seconds = {"radius": 0.0, "lune": 0.0, "forest": 0.0, "reduce": 0.0}
        with_loops, longest = 1 in dimensions, min(LARGEST, _pattern(threshold))
        with self._memory(windows, n):
            bits = self.stages.xp.ascontiguousarray(self.stages.xp.asarray(matrices))
            bits = bits.view(np.uint32)
            if n < 2:
                r_enc, paired = np.zeros(windows, np.uint32), [_nothing()] * windows
            else:
                with _timed(seconds, "radius"):
                    radii = self.stages.radii(bits)
                    r_enc = self.stages.to_host(radii)
                paired = self._paired(bits, radii, longest, with_loops, seconds)
            complete = paired
            if longest < LARGEST and any(map(_is_cut, r_enc, paired, [n] * windows)):
                complete = self._paired(bits, radii, LARGEST, with_loops, seconds)
        return [
            _result(n, dimensions, radius, mine, whole, dict(seconds))
            for radius, mine, whole in zip(r_enc, paired, complete, strict=True)
        ]

    def has_window_state(self, capacity: int) -> bool:
        """Tell that there are no updates in place: a window on the device is rebuilt."""
        return False

    def window_state(
        self, capacity: int, dim: int, metric: str, *, threshold: float, threads: int
    ) -> NoReturn:
        """Refuse: this engine computes afresh."""
        raise UnsupportedError("the cuda engine keeps no state between diagrams")

    def _paired(
        self,
        bits: Any,
        radii: Any,
        longest: np.uint32,
        with_loops: bool,
        seconds: dict[str, float],
    ) -> list[PairedOnDevice]:
        """Run K3 to K6 for all windows and bring the pairs to the host."""
        windows, n, _ = bits.shape
        stages = self.stages
        with _timed(seconds, "lune"):
            edges = stages.classify(bits, radii, longest)
        with _timed(seconds, "forest"):
            forest = stages.forest(edges, n)
        with _timed(seconds, "reduce"):
            if with_loops:
                reduced = stages.reduce(bits, edges, forest)
                deaths, columns = stages.to_host(reduced.deaths), stages.to_host(reduced.columns)
                counts = reduced.host_counts
            else:
                deaths = np.zeros((windows, 0), np.uint64)
                columns = np.zeros((windows, 0, 0), np.uint32)
                counts = forest.host_counts
            brought = self._bring(edges, forest)
        return [
            _window(n, with_loops, *parts)
            for parts in zip(*brought, deaths, columns, counts, strict=True)
        ]

    def _bring(self, edges: Classified, forest: Forest) -> tuple[Host, Host, Host]:
        to_host = self.stages.to_host
        return to_host(edges.rng), to_host(forest.birth_rank), to_host(forest.births)

    @contextmanager
    def _memory(self, windows: int, n: int) -> Iterator[None]:
        """Turn the device's refusal into an error that tells what was asked and what is free."""
        try:
            yield
        except MemoryLimitError:
            raise
        except MemoryError as error:
            raise MemoryLimitError(
                f"{windows} window(s) of {n} vertices need about {windows * device_bytes(n)} bytes "
                f"on the GPU{_free_bytes(self.stages.xp)}: use landmarks ({error})"
            ) from error


def device_bytes(n: int) -> int:
    """Return about how many bytes of device memory one window of ``n`` vertices takes.

    Distances, and room for every edge whose lune may have to be flooded.
    """
    return 8 * n * n + 2048 * n + 64 * 2**20


def _nothing() -> PairedOnDevice:
    """Return what fewer than two vertices leave."""
    keys = np.empty(0, np.uint64)
    names = ("n_edges", "n_rng", "n_births", "n_split", "n_relations")
    counts = dict.fromkeys((*names, "relations_used", "relations_reused", "column_additions"), 0)
    return PairedOnDevice(keys, keys, keys, np.empty((0, 0), np.uint32), counts)


def _window(
    n: int,
    with_loops: bool,
    rng: Host,
    birth_rank: Host,
    births: Host,
    deaths: Host,
    columns: Host,
    counts: Host,
) -> PairedOnDevice:
    """Cut one window's part out of the padded arrays."""
    told = {name: int(counts[place]) for name, place in CONSTANTS.items() if place < len(counts)}
    n_rng, n_births = told["N_RNG"], told["N_BIRTHS"] if with_loops else 0
    n_relations = told["N_REPS"] - told["N_SPLIT"]
    return PairedOnDevice(
        rng[:n_rng][birth_rank[:n_rng] < 0],
        births[:n_births],
        deaths[:n_births],
        columns[:n_births],
        {
            "n_edges": n * (n - 1) // 2 - told["N_LONG"],
            "n_rng": n_rng,
            "n_births": n_births,
            "n_split": told["N_SPLIT"],
            "n_relations": n_relations,
            "relations_used": n_relations if n_births else 0,
            "relations_reused": 0,
            "column_additions": told["ADDITIONS"],
        },
    )


def _is_cut(r_enc: np.uint32, paired: PairedOnDevice, n: int) -> bool:
    """Tell whether only the whole filtration says which open bars are essential."""
    return bool(r_enc == INFINITE and (len(paired.unpaired) or len(paired.merges) < n - 1))


def _result(
    n: int,
    dimensions: tuple[int, ...],
    r_enc: np.uint32,
    paired: PairedOnDevice,
    complete: PairedOnDevice,
    seconds: dict[str, float],
) -> EngineResult:
    """Turn the pairs of a window into bars."""
    n_components, truncated = 1, paired.unpaired
    if r_enc == INFINITE:
        n_components = n - len(complete.merges)
        truncated = np.setdiff1d(truncated, complete.unpaired)
    bars: dict[int, Bars] = {}
    loops: LoopEdges | None = None
    if 0 in dimensions:
        bars[0] = bars_of_components(paired.merges, n - len(paired.merges), n_components)
    if 1 in dimensions:
        bars[1], loops = bars_of_loops(paired, truncated, n)
    info = {"r_enc": float(r_enc.view(np.float32)), "seconds": seconds, **paired.counts}
    return EngineResult(bars, loops, info)


def _pattern(length: float) -> np.uint32:
    """Bits of the largest float32 that does not exceed ``length``."""
    with np.errstate(over="ignore"):
        rounded = np.float32(length)
    if float(rounded) > length:
        rounded = np.nextafter(rounded, np.float32(0))
    pattern: np.uint32 = rounded.view(np.uint32)
    return pattern


def _free_bytes(xp: Any) -> str:
    """Tell the free memory of the current device, where there is one."""
    return f", {xp.cuda.Device().mem_info[0]} are free" if hasattr(xp, "cuda") else ""


@contextmanager
def _timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    """Add the time until the host goes on; every phase ends with a copy to the host."""
    start = time.perf_counter()
    yield
    seconds[phase] += time.perf_counter() - start
