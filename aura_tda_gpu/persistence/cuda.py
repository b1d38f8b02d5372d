"""The lune engine on a GPU: exact H0 and H1, every lune by a warp.

The rules are those of the CPU engine (see `cpu`); the reduction in rounds follows Morozov and
Nigmetov, "Towards lockfree persistent homology" (SPAA 2020), with a barrier where they have
atomics, so that the columns do not depend on the schedule.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from ..errors import USE_LANDMARKS, UnsupportedError
from .bars import bars_of, unpaired
from .cuda_bars import Brought, PairedOnDevice, Pairs, nothing, told
from .cuda_kernels import Kernels
from .cuda_launch import AtWork, Device, Host, timed
from .cuda_passes import ListedRooms
from .cuda_stages import Stages
from .cuda_state import CudaWindowState
from .cuda_update import Updates
from .distances import angles
from .edge_keys import INFINITE, LARGEST, pattern_of
from .elder import bars_by_birth
from .engine import EngineResult, Float32Array
from .many_bars import BarsOfMany, bars_of_many
from .many_diagrams import ManyResults

__all__ = ["MAX_VERTICES", "CudaEngine", "device_bytes"]

_BarsOfWindows: TypeAlias = Callable[[Brought, tuple[int, ...]], BarsOfMany]

MAX_VERTICES = 16_384  # a warp's lune masks fill a block's shared memory


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
    max_windows = 65_535  # the limit of the grid's second and third side

    def __init__(self, xp: Any, kernels: Kernels) -> None:
        start = time.perf_counter()
        self.device = Device(xp, kernels)
        self.stages = Stages(self.device)
        self.pairs = Pairs(self.stages)
        self.updates = Updates(self.stages)
        self.listed = ListedRooms(xp)
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
        xp = self.device.xp
        windows, n, _ = points.shape
        self._check_windows(windows)
        with self.memory(windows, n):
            on_device = xp.ascontiguousarray(xp.asarray(points), np.float32)
            if n == 0:
                return xp.empty((windows, 0, 0), np.float32)
            if metric != "cosine":
                return self.stages.distances(on_device, metric)
            chords = self.stages.distances(on_device, "euclidean")
            flat = self.device.to_host(chords).reshape(windows * n, n)
            return xp.asarray(angles(flat).reshape(windows, n, n))

    def compute(
        self,
        dissimilarity: Float32Array,
        *,
        dimensions: tuple[int, ...],
        threshold: float,
        threads: int,
        births: Float32Array | None = None,
    ) -> EngineResult:
        """Return the bars of the filtration; see `Engine.compute`. ``threads`` is not used."""
        (result,) = self.compute_many(
            dissimilarity[np.newaxis],
            dimensions=dimensions,
            threshold=threshold,
            births=None if births is None else [births],
        )
        return result

    def compute_many(
        self,
        matrices: Any,
        *,
        dimensions: tuple[int, ...],
        threshold: float,
        births: Sequence[Float32Array] | None = None,
    ) -> Sequence[EngineResult]:
        """Return the bars of many windows of one size, with one set of launches.

        Parameters
        ----------
        matrices : array of float32, shape (windows, n, n)
            On the device or the host, each as `Engine.compute` takes it.
        dimensions, threshold
            See `Engine.compute`.
        births : sequence of ndarray of float32, shape (n,), optional
            See `Engine.compute`, for each window.

        Raises
        ------
        UnsupportedError
            If a dimension is above 1, n above `MAX_VERTICES`, or windows above ``max_windows``.
        MemoryLimitError
            If the device's memory does not suffice.
        """
        windows, n, _ = matrices.shape
        self._check_windows(windows)
        if any(k > 1 for k in dimensions):
            raise UnsupportedError(f"the cuda engine computes dimensions 0 and 1, not {dimensions}")
        if n > MAX_VERTICES:
            raise UnsupportedError(
                f"the cuda engine takes at most {MAX_VERTICES} vertices, not {n}: {USE_LANDMARKS}"
            )
        seconds = {"radius": 0.0, "lune": 0.0, "pairs": 0.0}
        with_loops, longest = 1 in dimensions, min(LARGEST, pattern_of(threshold))
        with self.memory(windows, n):
            bits = self.device.xp.ascontiguousarray(self.device.xp.asarray(matrices))
            bits = bits.view(np.uint32)
            paired: Brought | list[PairedOnDevice]
            if n < 2:
                r_enc, paired = np.zeros(windows, np.uint32), [nothing()] * windows
            else:
                with timed(seconds, "radius"):
                    radii = self.stages.radii(bits)
                paired = self._paired(bits, radii, longest, with_loops, seconds)
                r_enc = self.device.to_host(radii)  # the device went on meanwhile
            complete = paired
            apart = bool((r_enc == INFINITE).any())
            if apart and longest < LARGEST and any(map(_is_cut, r_enc, paired, [n] * windows)):
                complete = self._paired(bits, radii, LARGEST, with_loops, seconds)
        results: Sequence[EngineResult]
        if isinstance(paired, Brought) and not apart:
            results = _results(dimensions, r_enc, paired, seconds)
        else:
            results = [
                _result(n, dimensions, radius, mine, whole, dict(seconds))
                for radius, mine, whole in zip(r_enc, paired, complete, strict=True)
            ]
        if births is not None and 0 in dimensions:
            results = list(results)
            for result, mine, some in zip(results, paired, births, strict=True):
                result.bars[0] = bars_by_birth(mine.merges, some, threshold)
        return results

    def has_window_state(self, capacity: int) -> bool:
        """Tell whether the masks of so many slots fit; their codes then fit into 16 bits."""
        return capacity <= MAX_VERTICES

    def window_state(
        self, capacity: int, dim: int, metric: str, *, threshold: float, threads: int
    ) -> CudaWindowState:
        """Return a state on the device; see `Engine.window_state`. ``threads`` is not used."""
        longest = min(LARGEST, pattern_of(threshold))
        return CudaWindowState(self, capacity, dim, metric, longest)

    def _check_windows(self, windows: int) -> None:
        if windows > self.max_windows:
            raise UnsupportedError(
                f"the cuda engine takes at most {self.max_windows} windows at once, not {windows}"
            )

    def _paired(
        self,
        bits: Any,
        radii: Any,
        longest: np.uint32,
        with_loops: bool,
        seconds: dict[str, float],
    ) -> Brought:
        """Run K3 to K6 for all windows and bring the pairs to the host."""
        with timed(seconds, "lune"):
            lists = self.stages.look(bits, radii, longest)
        return self.pairs.brought(bits, lists, with_loops, seconds)

    def memory(self, windows: int, n: int) -> AtWork:
        """Work on the device; its refusal becomes an error that tells what the windows need."""
        return self.device.at_work(
            lambda: (
                f"{windows} window(s) of {n} vertices need about {windows * device_bytes(n)} bytes"
            )
        )


def device_bytes(n: int) -> int:
    """Return about how many bytes of device memory one window of ``n`` vertices takes.

    Distances twice while they are new, certificates, room to list every edge of an update, rows of
    bits, and some for the edges without a hub and their columns.
    """
    return 18 * n * n + 2048 * n + 64 * 2**20


def _is_cut(r_enc: np.uint32, paired: PairedOnDevice, n: int) -> bool:
    """Tell whether only the whole filtration says which open bars are essential."""
    return bool(r_enc == INFINITE and (len(unpaired(paired)) or len(paired.merges) < n - 1))


@cache
def _bars_of_windows() -> _BarsOfWindows:
    """Return the compiled way from pairs to bars, or the other one where numba is missing."""
    try:
        from .many_slot_bars import bars_of_windows
    except ImportError:
        return bars_of_many
    return bars_of_windows


def _results(
    dimensions: tuple[int, ...], r_enc: Host, paired: Brought, seconds: dict[str, float]
) -> ManyResults:
    """Turn the pairs of windows, each in one component, into bars."""
    n, with_loops, counts = paired.n, paired.with_loops, paired.counts.tolist()
    radii = r_enc.view(np.float32).tolist()

    def told_of(window: int) -> dict[str, Any]:
        return {"r_enc": radii[window], **told(counts[window], n, with_loops)}

    return ManyResults(_bars_of_windows()(paired, dimensions), told_of, seconds)


def _result(
    n: int,
    dimensions: tuple[int, ...],
    r_enc: np.uint32,
    paired: PairedOnDevice,
    complete: PairedOnDevice,
    seconds: dict[str, float],
) -> EngineResult:
    """Turn the pairs of a window into bars."""
    whole = complete if r_enc == INFINITE else None
    info = {"r_enc": float(r_enc.view(np.float32)), "seconds": seconds, **paired.counts}
    return EngineResult(*bars_of(paired, dimensions, n, complete=whole), info)
