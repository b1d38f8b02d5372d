"""Vietoris-Rips persistence of one point cloud or dissimilarity matrix."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ..errors import USE_LANDMARKS, MemoryLimitError
from . import backends, cuda_device, device_arrays, device_stats, distances
from .diagram import Diagram
from .dissimilarity import as_dissimilarity
from .engine import Engine, EngineResult, Float32Array
from .places import gpu_of
from .rips_options import RipsOptions, check_options
from .weighted import compute_weighted

__all__ = [
    "RipsOptions",
    "check_options",
    "compute_diagram",
    "info_of",
    "memory_error_told",
    "prepared",
    "vietoris_rips",
]


def vietoris_rips(
    X: Any,
    *,
    metric: str = "euclidean",
    homology_dimensions: Iterable[int] = (0, 1),
    max_edge_length: float = math.inf,
    backend: str = "auto",
    threads: int | None = None,
    dtm_mass: float | None = None,
) -> Diagram:
    """Compute the persistence diagram of the Vietoris-Rips filtration (diameter convention, Z/2).

    Parameters
    ----------
    X : array_like
        In the memory of the host, or points on a GPU, which stay there.
        Points, shape (n, dim), or with ``metric="precomputed"`` a symmetric dissimilarity
        matrix, shape (n, n), with zero diagonal. The matrix may hold ``inf`` (no edge) and need
        not obey the triangle inequality.
    metric : str
        ``"euclidean"``, ``"manhattan"``, ``"chebyshev"``, ``"cosine"`` (the angle between two
        vectors in radians, from a float32 chord: good to 0.001 for opposite vectors), ``"dtm"``
        (euclidean, with weights that hold outliers back; see Notes) or ``"precomputed"``.
    homology_dimensions : iterable of int
        0 and 1 on the CPU engine; 2 and above on the reference engine, at most 64 points.
    max_edge_length : float
        Longest edge of the filtration, inclusive.
    backend : str
        ``"auto"`` (the GPU for points that are there, and from 512 vertices on where one can be
        used), ``"cpu"``, ``"cuda"``, ``"reference"`` or ``"ripser++"`` (bars without edges and
        loops; docs/gpu.md).
    threads : int, optional
        Number of engine threads; None takes the usable cores. The result does not depend on it.
    dtm_mass : float, optional
        With ``metric="dtm"``: the share of the points that makes a weight, above 0 and at most 1;
        0.1 when left out.

    Returns
    -------
    Diagram
        Exact for the coordinates as float32: ``error_bound`` is 0. Squares of differences below
        1e-19 underflow, so scale data that small.

    Raises
    ------
    InvalidInputError
        If ``X`` cannot be used; names the first offending row.
    ConfigError
        If a setting has an unknown name or a value outside its range.
    UnsupportedError
        If no engine takes this size or dimension, or Ripser++ is to take ``"dtm"``.
    BackendUnavailable
        If the backend cannot run on this machine.
    MemoryLimitError
        If the memory that is free does not suffice; as far as the number of points tells,
        before the distances are computed.

    Notes
    -----
    ``"dtm"`` is the weighted Rips filtration of Anai et al., "DTM-based filtrations" (SoCG 2019),
    with p = 1 and q = 2, here with diameters. The weight f(x) is the root mean square distance of x
    to its ``ceil(dtm_mass * n)`` nearest points, itself among them. A vertex enters at 2 f(x), an
    edge at ``|x - y| + f(x) + f(y)``. So bars of dimension 0 have births, the ``birth_edges`` of
    which name the vertex twice; where two components meet, the one whose first vertex entered later
    dies. ``max_edge_length`` applies to these values: a vertex that is born later never enters.
    Where every weight is 0 (one point, equal points, ``dtm_mass * n <= 1``), the bars are those of
    ``"euclidean"``.

    Examples
    --------
    >>> d = vietoris_rips([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> d[1].tolist()
    [[1.0, 1.4142135381698608]]
    """
    options = check_options(
        metric, homology_dimensions, max_edge_length, backend, threads, dtm_mass
    )
    options = where_it_is(X, options)
    vertices = prepared(X, options)
    wanted = len(vertices), options.homology_dimensions
    engine, reason = backends.resolve(options.backend, *wanted)
    try:
        return compute_diagram(vertices, options, engine, reason)
    except MemoryLimitError as error:
        if options.backend != "auto" or engine.name != "cuda":
            raise
        engine, reason = backends.resolve_again(error, *wanted)
        return compute_diagram(vertices, options, engine, reason)


def where_it_is(X: Any, options: RipsOptions) -> RipsOptions:
    """Return settings in which ``"auto"`` is the GPU, for points that are on one already."""
    if options.backend != "auto" or max(options.homology_dimensions) > 1 or gpu_of(X) is None:
        return options
    return replace(options, backend="cuda")


def prepared(X: Any, options: RipsOptions) -> Float32Array:
    """Return points or a matrix as an engine takes them.

    Points that are on a GPU stay there with backend ``"cuda"``.

    Raises
    ------
    InvalidInputError
        If they cannot be used, or are on another device than the engine.
    BackendUnavailable
        If they are on a GPU and the CUDA engine cannot run.
    """
    if options.metric == "precomputed":
        return as_dissimilarity(X)
    if options.backend == "cuda" and gpu_of(X) is not None:
        device = cuda_device.cuda_engine().device
        return device_arrays.as_points(X, options.metric, device)
    return distances.as_points(X, options.metric)


def compute_diagram(
    vertices: Float32Array,
    options: RipsOptions,
    engine: Engine,
    reason: str,
    weights: Float32Array | None = None,
) -> Diagram:
    """Run one engine on prepared points, or on a prepared matrix if the metric is precomputed.

    Parameters
    ----------
    vertices : ndarray of float32
        From `distances.as_points` with the same metric, or `as_dissimilarity`.
    options : RipsOptions
        Settings.
    engine, reason
        From `backends.resolve`.
    weights : ndarray of float32, shape (n,), optional
        With the metric ``"dtm"``, in place of those that the points themselves make.
    """

    def run() -> tuple[EngineResult, dict[str, Any]]:
        if options.dtm_mass is not None:
            return compute_weighted(engine, vertices, options, weights)
        started = time.perf_counter()
        precomputed = options.metric == "precomputed"
        matrix = vertices if precomputed else engine.pairwise(vertices, options.metric)
        seconds = time.perf_counter() - started
        result = engine.compute(
            matrix,
            dimensions=options.homology_dimensions,
            threshold=options.max_edge_length,
            threads=options.threads,
        )
        result.info["seconds"] = {"distance": seconds, **result.info["seconds"]}
        return result, {"path": "rebuild"}

    with memory_error_told(f"{len(vertices)} vertices"):
        result, told = run()
    return Diagram(result, info={**info_of(options, engine, reason, len(vertices)), **told})


@contextmanager
def memory_error_told(needs: str) -> Iterator[None]:
    """Say what to do where there is no memory for what is named.

    Raises
    ------
    MemoryLimitError
        If the machine has none.
    """
    try:
        yield
    except MemoryLimitError:
        raise
    except MemoryError as error:
        raise MemoryLimitError(
            f"the memory that is free does not suffice for {needs}: "
            f"{USE_LANDMARKS}, or a smaller max_edge_length"
        ) from error


def info_of(options: RipsOptions, engine: Engine, reason: str, n_vertices: int) -> dict[str, Any]:
    """Return what every diagram says of its engine and its settings."""
    info = {
        "backend": engine.name,
        "backend_reason": reason,
        "setup_seconds": engine.setup_seconds,
        "metric": options.metric,
        "max_edge_length": options.max_edge_length,
        "n_points": n_vertices,
        "n_vertices": n_vertices,
    }
    device = getattr(engine, "device", None)
    if device is not None:
        info["device"] = device_stats.info_of(device.xp)
    return info
