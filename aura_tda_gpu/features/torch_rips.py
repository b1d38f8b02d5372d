"""Persistence as a layer: bars whose births and deaths know the points they come from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InvalidInputError, UnsupportedError
from ..persistence import cuda_device
from ..persistence.batch import vietoris_rips_batch
from ..persistence.diagram import Diagram
from ..persistence.engine import Float32Array, Int64Array
from ..persistence.rips import check_options
from .torch_data import sent

__all__ = ["RipsLayer"]

_FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_ORDERS = {"euclidean": 2.0, "manhattan": 1.0, "chebyshev": math.inf}


class RipsLayer(nn.Module):
    """Vietoris-Rips persistence of point clouds, differentiable with respect to the points.

    The engine finds which edge makes each birth and each death; their lengths are then computed
    from the points by torch, in the type and on the device of the points. Where the order of the
    edge lengths does not change, births and deaths are smooth functions of the points, and this is
    their gradient: each goes to the two ends of one edge. At a tie it is that of one of the orders.

    Parameters
    ----------
    homology_dimensions : iterable of int
        As in `vietoris_rips`.
    metric : str
        ``"euclidean"``, ``"manhattan"``, ``"chebyshev"``, ``"cosine"`` or ``"precomputed"``.
    max_edge_length : float
        Longest edge of the filtration, inclusive.
    backend : str
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"reference"``. ``"auto"`` computes on the GPU what is
        on one, if CuPy is installed and the engine takes it; all else as `vietoris_rips` does.
    threads : int, optional
        As in `vietoris_rips`.

    Raises
    ------
    ConfigError
        If a setting has an unknown name or a value outside its range.
    UnsupportedError
        For ``metric="dtm"``, whose values depend on more than one edge, and
        ``backend="ripser++"``, which tells no edges.

    Notes
    -----
    The engine works in float32. So in float64 a value is that of the edge which is the right one
    in float32: where two edges differ by less than float32 resolves, it may be the other one of
    them, and the value is off by no more than that difference. A death that would come out
    less than its birth by this is set equal to it. Bars that have no length in float32 are left
    out; that is why no length of zero, at which a norm has no gradient, is ever differentiated,
    duplicates among the points or not. The gradient of ``"precomputed"`` is shared evenly by the
    two entries of an edge.

    References
    ----------
    Gabrielsson et al., "A topology layer for machine learning" (AISTATS 2020), section 3.
    Carriere et al., "Optimizing persistent homology based functions" (ICML 2021), section 3.

    Examples
    --------
    >>> import torch
    >>> square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], requires_grad=True)
    >>> bars, mask = RipsLayer(homology_dimensions=(1,))(square)
    >>> bars.tolist()
    [[1.0, 1.4142135381698608, 1.0]]
    >>> (bars[0, 1] - bars[0, 0]).backward()
    >>> bool(square.grad.isfinite().all())
    True
    """

    def __init__(
        self,
        homology_dimensions: Iterable[int] = (0, 1),
        *,
        metric: str = "euclidean",
        max_edge_length: float = math.inf,
        backend: str = "auto",
        threads: int | None = None,
    ) -> None:
        super().__init__()
        options = check_options(metric, homology_dimensions, max_edge_length, backend, threads)
        if options.metric == "dtm":
            raise UnsupportedError("RipsLayer has no gradient for the metric 'dtm'")
        if options.backend == "ripser++":
            raise UnsupportedError("RipsLayer needs edges, and backend 'ripser++' tells none")
        self.options = options

    def extra_repr(self) -> str:
        """Return the settings, for ``repr``."""
        o = self.options
        return f"homology_dimensions={o.homology_dimensions}, metric={o.metric!r}"

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def forward(self, points: Tensor | Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the bars of one cloud or of several.

        Parameters
        ----------
        points : Tensor, shape (n, dim) or (batch, n, dim), or a sequence of Tensors (n_i, dim)
            Floating point. With ``metric="precomputed"`` symmetric matrices.

        Returns
        -------
        bars : Tensor, shape (batch, n_bars, 3)
            Birth, death and homology dimension, by dimension and then longest first. The death of
            an open bar is ``inf``, a constant. Rows beyond those of a cloud are zero.
        mask : Tensor of bool, shape (batch, n_bars)
            True where there is a bar; ``n_bars`` is 1 at least. For a single cloud both come
            without ``batch``.

        Raises
        ------
        InvalidInputError
            If the points are no floating point tensors of one type on one device, or as
            `vietoris_rips`.
        """
        precomputed = self.options.metric == "precomputed"
        clouds, is_single = _clouds(points, precomputed)
        layout = _layout(self._diagrams(clouds), [len(cloud) for cloud in clouds], precomputed)
        bars, mask = torch.from_numpy(layout.bars), torch.from_numpy(layout.mask)
        if clouds:
            like = clouds[0]
            bars = self._filled(sent(bars.to(like.dtype), like.device), clouds, layout)
            mask = sent(mask, like.device)
        return (bars[0], mask[0]) if is_single else (bars, mask)

    def _filled(self, bars: Tensor, clouds: Sequence[Tensor], layout: _Layout) -> Tensor:
        """Put the lengths of the edges where they belong."""
        first, second, places = sent(torch.from_numpy(layout.edges), bars.device)
        if self.options.metric == "precomputed":
            entries = torch.cat([matrix.reshape(-1) for matrix in clouds])
            lengths = (entries[first] + entries[second]) / 2
        else:
            rows = torch.cat(list(clouds))
            lengths = _lengths(rows[first], rows[second], self.options.metric)
        ends = bars[..., :2].reshape(-1).index_copy(0, places, lengths).view(*bars.shape[:2], 2)
        births, deaths = ends.unbind(-1)
        return torch.stack([births, torch.maximum(deaths, births), bars[..., 2]], -1)

    def _diagrams(self, clouds: Sequence[Tensor]) -> list[Diagram]:
        """Run the engine on the points without their history."""
        options = self.options
        given: Any = [cloud.detach() for cloud in clouds]
        if clouds and clouds[0].dtype in (torch.float16, torch.bfloat16):
            given = [cloud.float() for cloud in given]
        backend = options.backend
        if clouds and clouds[0].device.type != "cpu":
            if backend == "auto" and clouds[0].device.type == "cuda" and self._fits(clouds):
                backend = "cuda"
            if backend != "cuda":
                given = [cloud.cpu() for cloud in given]
        if len({cloud.shape for cloud in given}) == 1:
            given = torch.stack(given)
        return vietoris_rips_batch(
            given,
            metric=options.metric,
            homology_dimensions=options.homology_dimensions,
            max_edge_length=options.max_edge_length,
            backend=backend,
            threads=options.threads,
        )

    def _fits(self, clouds: Sequence[Tensor]) -> bool:
        """Tell whether the CUDA engine takes these clouds."""
        if cuda_device.why_not() is not None or max(self.options.homology_dimensions) > 1:
            return False
        from ..persistence.cuda import MAX_VERTICES

        return max(map(len, clouds)) <= MAX_VERTICES


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the bars of all clouds go, on the host.

    Attributes
    ----------
    bars : ndarray of float32, shape (batch, n_bars, 3)
        Complete but for the lengths of the edges.
    mask : ndarray of bool, shape (batch, n_bars)
    edges : ndarray of int64, shape (3, n_edges)
        Two rows of the points of all clouds together, or two entries of the matrices of all, and
        the place in ``bars[..., :2]``, flat, of the length.
    """

    bars: Float32Array
    mask: Any
    edges: Int64Array


def _layout(diagrams: Sequence[Diagram], sizes: Sequence[int], precomputed: bool) -> _Layout:
    """Lay out the bars of several diagrams side by side."""
    n_bars = max([1, *map(len, diagrams)])
    bars = np.zeros((len(diagrams), n_bars, 3), np.float32)
    mask = np.zeros(bars.shape[:2], np.bool_)
    found = [np.empty((3, 0), np.int64)]
    offset = 0
    for i, (diagram, n) in enumerate(zip(diagrams, sizes, strict=True)):
        mask[i, : len(diagram)] = True
        start = 0
        for k in diagram.dimensions:
            stop = start + len(diagram[k])
            bars[i, start:stop, 1] = math.inf
            bars[i, start:stop, 2] = k
            for end, edges in enumerate((diagram.birth_edges[k], diagram.death_edges[k])):
                rows = np.flatnonzero(edges[:, 0] >= 0)
                a, b = edges[rows].T
                pair = (a * n + b, b * n + a) if precomputed else (a, b)
                places = 2 * (i * n_bars + start + rows) + end
                found.append(np.stack([pair[0] + offset, pair[1] + offset, places]))
            start = stop
        offset += n * n if precomputed else n
    return _Layout(bars, mask, np.concatenate(found, axis=1))


def _lengths(first: Tensor, second: Tensor, metric: str) -> Tensor:
    """Return the distances of pairs of points (m, dim)."""
    if metric in _ORDERS:
        lengths: Tensor = torch.linalg.vector_norm(first - second, ord=_ORDERS[metric], dim=-1)
        return lengths
    first, second = nn.functional.normalize(first, dim=-1), nn.functional.normalize(second, dim=-1)
    chord = torch.linalg.vector_norm(first - second, dim=-1)
    other = torch.linalg.vector_norm(first + second, dim=-1)
    return 2 * torch.atan2(chord, other)  # steep nowhere, unlike an arc sine or cosine


def _clouds(points: object, precomputed: bool) -> tuple[list[Tensor], bool]:
    """Return the clouds one by one, and whether there was one without a batch."""
    if isinstance(points, Tensor):
        if points.ndim not in (2, 3):
            raise InvalidInputError(
                f"points must be of shape (n, dim) or (batch, n, dim), not {tuple(points.shape)}"
            )
        is_single = points.ndim == 2
        clouds = [points] if is_single else list(points.unbind())
    elif isinstance(points, list | tuple) and all(isinstance(x, Tensor) for x in points):
        clouds, is_single = list(points), False
    else:
        raise InvalidInputError(
            f"points must be a torch tensor or a sequence of them, not {type(points).__name__}"
        )
    for i, cloud in enumerate(clouds):
        _check(i, cloud, clouds[0], precomputed)
    return clouds, is_single


def _check(i: int, cloud: Tensor, first: Tensor, precomputed: bool) -> None:
    """Refuse what cannot be differentiated, or not together with the others."""
    where = f"points[{i}]"
    if cloud.dtype not in _FLOATS:
        raise InvalidInputError(f"{where} must hold floating point numbers, not {cloud.dtype}")
    if cloud.ndim != 2:
        raise InvalidInputError(f"{where} must be two-dimensional, not {tuple(cloud.shape)}")
    if not precomputed and cloud.shape[1] != first.shape[1]:
        raise InvalidInputError(
            f"{where} has {cloud.shape[1]} coordinates a point, and points[0] {first.shape[1]}"
        )
    if (cloud.dtype, cloud.device) != (first.dtype, first.device):
        raise InvalidInputError(
            f"{where} is {cloud.dtype} on {cloud.device}, and points[0] {first.dtype} on "
            f"{first.device}: they must be alike"
        )
