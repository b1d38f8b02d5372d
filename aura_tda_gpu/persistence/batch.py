"""Vietoris-Rips persistence of many point clouds in one call."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from ..errors import InvalidInputError, MemoryLimitError
from . import backends, cuda_device, device_arrays
from .cuda_launch import ceil_div
from .diagram import Diagram
from .engine import BatchEngine, Engine, EngineResult, Float32Array
from .many_diagrams import ManyResults
from .places import gpu_of
from .rips import compute_diagram, info_of, memory_error_told, prepared, where_it_is
from .rips_options import RipsOptions, check_options
from .threads import in_parts
from .weighted import told, weighted_of_many

__all__ = ["vietoris_rips_batch"]

_Clouds: TypeAlias = Any  # a list of Float32Array, or an array (windows, n, dim) of all
_MATRIX_BYTES = 1 << 30  # of the distances that are on a device at once


def vietoris_rips_batch(
    X: Any,
    *,
    metric: str = "euclidean",
    homology_dimensions: Iterable[int] = (0, 1),
    max_edge_length: float = math.inf,
    backend: str = "auto",
    threads: int | None = None,
    dtm_mass: float | None = None,
) -> list[Diagram]:
    """Compute the persistence diagram of each of many clouds.

    On a GPU clouds of one size share their launches; on a CPU every thread takes clouds of its
    own, where there are as many as threads.

    Parameters
    ----------
    X : array_like, shape (n_windows, n_points, dim), or a sequence of arrays (n_points, dim)
        Clouds, whose sizes may differ in a sequence; with ``metric="precomputed"`` square
        dissimilarity matrices.
    metric, homology_dimensions, max_edge_length, backend, threads, dtm_mass
        As in `vietoris_rips`.

    Returns
    -------
    list of Diagram
        In the order of ``X``, each equal to that of `vietoris_rips`.

    Raises
    ------
    InvalidInputError
        If a cloud cannot be used; names its place in ``X`` and the row.
    ConfigError, UnsupportedError, BackendUnavailable, MemoryLimitError
        As `vietoris_rips`.

    Examples
    --------
    >>> square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    >>> [d[1].tolist() for d in vietoris_rips_batch([square, square[:3]])]
    [[[1.0, 1.4142135381698608]], []]
    """
    options = check_options(
        metric, homology_dimensions, max_edge_length, backend, threads, dtm_mass
    )
    options = where_it_is(_first_of(X), options)
    with memory_error_told("the clouds that were given"):
        clouds = _all_prepared(X, options)
    largest = max(map(len, clouds), default=0) if isinstance(clouds, list) else clouds.shape[1]
    wanted = largest, options.homology_dimensions
    engine, reason = backends.resolve(options.backend, *wanted)
    if isinstance(engine, BatchEngine):
        try:
            return _in_groups(clouds, options, engine, reason)
        except MemoryLimitError as error:
            if options.backend != "auto":
                raise
            engine, reason = backends.resolve_again(error, *wanted)
    return _by_threads(clouds, options, engine, reason)


def _first_of(X: Any) -> Any:
    """Return what tells where clouds are: the first of a list, or the array of all."""
    return X[0] if isinstance(X, list | tuple) and X else X


def _clouds(X: Any) -> Sequence[Any]:
    """Return the clouds one after another."""
    shape = getattr(X, "shape", None)
    if shape is not None and len(shape) != 3:
        hint = "; pass one cloud as X[None], or use vietoris_rips" if len(shape) == 2 else ""
        raise InvalidInputError(
            f"X must be of shape (n_windows, n_points, dim), not {tuple(shape)}{hint}"
        )
    if isinstance(X, str) or not isinstance(X, Iterable):
        raise InvalidInputError(f"X must be a sequence of point clouds, not {type(X).__name__}")
    return list(X)


def _all_prepared(X: Any, options: RipsOptions) -> _Clouds:
    """Return clouds, or matrices, as an engine takes them: one array where ``X`` is one."""
    on_gpu = options.backend == "cuda" and gpu_of(X) is not None
    device = cuda_device.cuda_engine().device if on_gpu else None
    together = device_arrays.as_clouds(X, options.metric, device)
    if together is not None:
        return together
    return [_prepared(i, cloud, options) for i, cloud in enumerate(_clouds(X))]


def _prepared(place: int, cloud: Any, options: RipsOptions) -> Float32Array:
    """Return a cloud, or a matrix, as an engine takes it."""
    try:
        return prepared(cloud, options)
    except InvalidInputError as error:
        raise InvalidInputError(f"X[{place}]: {error}", error.row) from None


def _by_threads(
    clouds: _Clouds, options: RipsOptions, engine: Engine, reason: str
) -> list[Diagram]:
    """Compute clouds on several threads at once, or each of them on all."""
    workers = options.threads if len(clouds) >= options.threads else 1
    if workers > 1:
        options = replace(options, threads=1)

    def part(index: int) -> list[Diagram]:
        mine = clouds[index::workers]
        return [compute_diagram(cloud, options, engine, reason) for cloud in mine]

    parts = in_parts(part, workers)
    return [parts[i % workers][i // workers] for i in range(len(clouds))]


def _in_groups(
    clouds: _Clouds, options: RipsOptions, engine: BatchEngine, reason: str
) -> list[Diagram]:
    """Compute clouds of one shape together, as many as there is room for."""
    diagrams: dict[int, Diagram] = {}
    for places in _groups(clouds, engine.max_windows):
        n = len(clouds[places[0]])
        for part, results in _results(_some(clouds, places), options, engine):
            info = info_of(options, engine, reason, n)
            info |= {"path": "rebuild", "n_together": len(results)}
            if options.dtm_mass is not None:
                info |= told(options.dtm_mass, n)
            diagrams.update(zip(places[part], _diagrams(results, info), strict=True))
    return [diagrams[i] for i in range(len(clouds))]


def _diagrams(results: Sequence[EngineResult], info: dict[str, Any]) -> Iterable[Diagram]:
    """Return diagrams that share nothing that can be changed."""
    if isinstance(results, ManyResults):
        return results.diagrams(info)
    own = ({**info, "device": dict(info["device"])} for _ in results)
    return map(lambda result, its: Diagram(result, info=its), results, own)


def _results(
    clouds: _Clouds, options: RipsOptions, engine: BatchEngine
) -> Iterator[tuple[slice, Sequence[EngineResult]]]:
    """Yield results of parts of clouds of one shape, halved where there is no memory for them."""
    start, most = 0, len(clouds)
    while start < len(clouds):
        part = slice(start, min(start + most, len(clouds)))
        try:
            with memory_error_told(f"{part.stop - start} clouds of {len(clouds[0])} points"):
                results = _together(clouds[part], options, engine)
            yield part, results
        except MemoryLimitError:
            if most == 1:
                raise
            most = ceil_div(most, 2)
        else:
            start = part.stop


def _together(clouds: _Clouds, options: RipsOptions, engine: BatchEngine) -> Sequence[EngineResult]:
    """Compute clouds of one shape with one set of launches."""
    started = time.perf_counter()
    births = None
    if options.dtm_mass is not None:
        matrices, births = weighted_of_many(engine, clouds, options.dtm_mass)
    else:
        with engine.device.at_work(f"{len(clouds)} clouds of {len(clouds[0])} points have no room"):
            matrices = device_arrays.stacked(clouds, engine.device.xp)
        if options.metric != "precomputed":
            matrices = engine.pairwise_of_many(matrices, options.metric)
    seconds = time.perf_counter() - started
    results = engine.compute_many(
        matrices,
        dimensions=options.homology_dimensions,
        threshold=options.max_edge_length,
        births=births,
    )
    if isinstance(results, ManyResults):
        results.seconds = {"distance": seconds, **results.seconds}
        return results
    for result in results:
        result.info["seconds"] = {"distance": seconds, **result.info["seconds"]}
    return results


def _groups(clouds: _Clouds, max_windows: int) -> Iterator[Sequence[int]]:
    """Yield places of clouds of one shape, of so many as may be computed at once."""
    alike: dict[tuple[int, ...], Sequence[int]]
    if isinstance(clouds, list):
        found: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for place, cloud in enumerate(clouds):
            found[cloud.shape].append(place)
        alike = {**found}
    else:
        alike = {clouds.shape[1:]: range(len(clouds))}
    for (n, _), places in alike.items():
        most = min(max_windows, max(1, _MATRIX_BYTES // (4 * n * n + 1)))
        for start in range(0, len(places), most):
            yield places[start : start + most]


def _some(clouds: _Clouds, places: Sequence[int]) -> _Clouds:
    """Return the clouds of a group."""
    if isinstance(places, range):
        return clouds[places.start : places.stop]
    return [clouds[i] for i in places]
