"""Device time of a rebuild on a GPU, stage by stage: python -m benchmarks.gpu_performance.

Every diagram is compared with the CPU engine's before a time is printed. Where numba is missing the
diagrams of at most 64 points are compared with the reference engine's, and the record says so.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aura_tda_gpu.errors import AuraTDAError
from aura_tda_gpu.persistence import cuda_device
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.diagram import Diagram
from aura_tda_gpu.persistence.rips import check_options, compute_diagram, vietoris_rips
from benchmarks import record
from benchmarks.clouds import CLOUDS

SHAPES = ("lorenz", "torus", "gaussian 10-D")
SIZES = (1024, 2048, 4096)
LONGEST = np.uint32(0x7F7FFFFF)
PACKAGES = ("numpy", "numba", "cupy-cuda12x", "cupy-cuda13x")

Points = npt.NDArray[np.float32]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    try:
        engine = cuda_device.cuda_engine()
    except AuraTDAError as error:
        print(f"nothing was measured: {error}")
        return 1
    runs = []
    oracle = _oracle()
    for shape in SHAPES:
        for n in options.sizes:
            points = CLOUDS[shape](n, np.random.default_rng(n)).astype(np.float32)
            _check(engine, points if oracle == "cpu" else points[:: n // 64][:64], oracle)
            runs.append({"shape": shape, "n": n, **_measure(engine, points, options.repeats)})
            stages = "  ".join(f"{name} {ms:.3f}" for name, ms in runs[-1]["median_ms"].items())
            print(f"{shape:<14} n={n:<5} ms: {stages}", flush=True)
    found = {
        "machine": record.machine(),
        "device": _device(engine),
        "versions": record.versions(PACKAGES),
        "commit": record.commit(),
        "compared_with": oracle,
        "repeats": options.repeats,
        "runs": runs,
    }
    record.write(options.output or record.default_output("gpu_performance"), found)
    return 0


def _oracle() -> str:
    try:
        import numba  # noqa: F401
    except ImportError:
        return "reference"
    return "cpu"


def _check(engine: CudaEngine, points: Points, oracle: str) -> None:
    """Stop unless the diagrams are equal."""
    found = compute_diagram(points, check_options(), engine, "measured")
    truth = vietoris_rips(points, backend=oracle)
    for k in (0, 1):
        if _sorted(found, k) != _sorted(truth, k):
            sys.exit(f"dimension {k} of {len(points)} points differs from the {oracle} engine's")


def _sorted(diagram: Diagram, k: int) -> list[Any]:
    edges = np.column_stack([diagram.birth_edges[k], diagram.death_edges[k]])
    return sorted(zip(diagram[k].tolist(), edges.tolist(), strict=True))


def _measure(engine: CudaEngine, points: Points, repeats: int) -> dict[str, Any]:
    """Run the stages one by one between events; medians, and the least of each."""
    xp, stages = engine.device.xp, engine.stages
    on_device = xp.asarray(points[None])
    times: dict[str, list[float]] = {}

    def timed(name: str, run: Any) -> Any:
        start, stop = xp.cuda.Event(), xp.cuda.Event()
        start.record()
        made = run()
        stop.record()
        stop.synchronize()
        times.setdefault(name, []).append(xp.cuda.get_elapsed_time(start, stop))
        return made

    for _ in range(repeats + 2):
        matrix = timed("distance", lambda: stages.distances(on_device, "euclidean"))
        bits = matrix.view(np.uint32)
        radii = timed("radius", lambda bits=bits: stages.radii(bits))
        edges = timed("lune", lambda b=bits, r=radii: stages.classify(b, r, LONGEST))
        forest = timed("forest", lambda e=edges: stages.forest(e, len(points)))
        reduced = timed(
            "reduce", lambda b=bits, e=edges, f=forest: engine.pairs.reduction.reduce(b, e, f)
        )
        timed("whole", lambda: _whole(engine, points))
    counted = {key: v[2:] for key, v in times.items()}  # the first two warm up
    return {
        "median_ms": {key: float(np.median(v)) for key, v in counted.items()},
        "least_ms": {key: float(min(v)) for key, v in counted.items()},
        "counts": reduced.host_counts[0].tolist(),
    }


def _whole(engine: CudaEngine, points: Points) -> None:
    """Go from points on the host to a diagram on the host."""
    compute_diagram(points, check_options(), engine, "measured")


def _device(engine: CudaEngine) -> dict[str, Any]:
    runtime, device = engine.device.xp.cuda.runtime, engine.device.xp.cuda.Device()
    properties = runtime.getDeviceProperties(device.id)
    return {
        "name": properties["name"].decode(),
        "compute_capability": device.compute_capability,
        "multiprocessors": properties["multiProcessorCount"],
        "memory_bytes": properties["totalGlobalMem"],
        "driver": runtime.driverGetVersion(),
        "runtime": runtime.runtimeGetVersion(),
    }


if __name__ == "__main__":
    sys.exit(main())
