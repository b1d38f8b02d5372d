"""The Rips filtration of weighted points, as a dissimilarity and births of vertices.

Anai, Chazal, Glisse, Ike, Inakoshi, Tinarrage and Umeda, "DTM-based filtrations" (SoCG 2019),
sections 3.3 and 4, with p = 1. There a ball around x starts to grow at its weight f(x), and two
vertices are joined once their balls meet. In the diameter convention of this project all values are
twice as large: x enters at 2 f(x), and the edge xy at |x - y| + f(x) + f(y), never before its ends.
With f = 0 this is the plain Rips filtration.

No vertex enters later than its edges, so loops see the edges alone: the engines compute them from
the dissimilarity as from any other. Components have births of their own (`elder`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arrays import row_blocks
from .engine import BatchEngine, Engine, EngineResult, Float32Array
from .rips_options import RipsOptions
from .weights import DTM, base_metric, distances_to_measure, neighbours

__all__ = ["compute_weighted", "told", "vertex_births", "weigh", "weighted_of_many"]


def vertex_births(weights: Float32Array) -> Float32Array:
    """Return when each vertex enters, float32 of shape (n,)."""
    births: Float32Array = 2 * weights
    return births


def weigh(matrix: Any, weights: Any, xp: Any = np) -> None:
    """Turn distances into the weighted dissimilarity, in place.

    The arithmetic is float32, each sum rounded to nearest: ``max(d + (f + g), 2 max(f, g))``, which
    is the same whichever way round a pair is asked for.

    Parameters
    ----------
    matrix : array of float32, shape (n, n)
        Distances, on the host or on a device.
    weights : array of float32, shape (n,)
        In the same place.
    xp : module
        numpy or cupy.
    """
    for start, stop in row_blocks(*matrix.shape):
        block, mine = matrix[start:stop], weights[start:stop, None]
        block += mine + weights
        xp.maximum(block, 2 * xp.maximum(mine, weights), out=block)
    xp.fill_diagonal(matrix, 0)


def told(mass: float, n: int) -> dict[str, Any]:
    """Return what a diagram says of its weights, given the number of points they come from."""
    return {"dtm_mass": mass, "dtm_neighbours": neighbours(mass, n) if n else 0}


def compute_weighted(
    engine: Engine,
    points: Float32Array,
    options: RipsOptions,
    weights: Float32Array | None = None,
) -> tuple[EngineResult, dict[str, Any]]:
    """Return the bars of weighted points, and what more is to be said of them.

    Parameters
    ----------
    engine : Engine
        Not Ripser++.
    points : ndarray of float32, shape (n, dim)
        Prepared points, on the host.
    options : RipsOptions
        Settings, their metric ``"dtm"``.
    weights : ndarray of float32, shape (n,), optional
        Without them, those that the points themselves make.
    """
    mass = options.dtm_mass
    assert mass is not None
    started = time.perf_counter()
    if weights is None:
        weights = distances_to_measure(points, points, mass)
    measured = time.perf_counter()
    matrix = engine.pairwise(points, base_metric(DTM))
    _weigh_on(engine, [matrix], [weights])
    seconds = {"weights": measured - started, "distance": time.perf_counter() - measured}
    births = vertex_births(weights)
    result = engine.compute(
        matrix,
        dimensions=options.homology_dimensions,
        threshold=options.max_edge_length,
        threads=options.threads,
        births=births,
    )
    result.info["seconds"] = {**seconds, **result.info["seconds"]}
    if len(births) == 1:
        result.info["r_enc"] = float(births[0])  # no edge says it
    return result, {"path": "rebuild", **told(mass, len(points))}


def weighted_of_many(
    engine: BatchEngine, clouds: Sequence[Float32Array], mass: float
) -> tuple[Any, list[Float32Array]]:
    """Return matrices (windows, n, n) on the device and births of vertices of clouds of one size.

    Parameters
    ----------
    engine : BatchEngine
    clouds : sequence of ndarray of float32, shape (n, dim)
        Prepared points, on the host.
    mass : float
        From `weights.check_mass`.
    """
    weights = [distances_to_measure(cloud, cloud, mass) for cloud in clouds]
    matrices = engine.pairwise_of_many(np.stack(clouds), base_metric(DTM))
    _weigh_on(engine, matrices, weights)
    return matrices, [vertex_births(some) for some in weights]


def _weigh_on(engine: Engine, matrices: Any, weights: Sequence[Float32Array]) -> None:
    """Weigh matrices where they are."""
    device = getattr(engine, "device", None)
    if device is None:
        for matrix, some in zip(matrices, weights, strict=True):
            weigh(matrix, some)
        return
    with device.at_work(f"the weights of {len(weights[0])} vertices have no room"):
        for matrix, some in zip(matrices, weights, strict=True):
            weigh(matrix, device.xp.asarray(some), device.xp)
