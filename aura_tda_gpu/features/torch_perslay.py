"""A layer that learns its own vectorisation."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..errors import ConfigError
from .base import Infinite
from .checks import at_least
from .curves import BettiCurve
from .torch_ranged import Ranged, rows_of_bars

__all__ = ["PersLay"]

TRANSFORMS = ("gaussian", "line", "triangle")
WEIGHTS = ("power", "grid")
POOLS = ("sum", "mean", "max", "top")
_GRID = 10  # cells of the weight in each direction


class PersLay(Ranged):
    """A learned weight times a learned transform of each bar, pooled over the bars of a diagram.

    Bars are looked at as ``(x, y)``, birth and persistence, scaled so that the range of filtration
    values is [0, 1]. The order of the bars plays no role.

    Parameters
    ----------
    dimension : int or None
        Homology dimension of the bars that count; None counts all bars together.
    n_points : int
        Values of the transform, q below.
    transform : str
        ``"gaussian"``: ``exp(-|p - t_i|**2 / (2 s_i**2))`` for learned points t_i of the plane and
        widths s_i. ``"triangle"``: the tent of the bar at learned samples t_i, ``max(0, y/2 - |t_i
        - (x + y/2)|)``. ``"line"``: ``a_i x + b_i y + c_i``.
    weight : str
        ``"power"``: ``c y**a`` with c and a learned; starts as y. ``"grid"``: one learned value for
        each of 10 x 10 cells of the plane; starts as 1.
    pool : str
        ``"sum"``, ``"mean"``, ``"max"``, or ``"top"``: for each value of the transform the largest
        ``n_top`` over the bars.
    n_top : int
        See ``pool``.
    sample_range : tuple of (float, float), optional
        The filtration values that become 0 and 1; fitted as first birth and last death when left
        out.
    infinite, limit
        As in `Vectorisation`: ``"drop"`` or ``"clip"``.
    check_values : bool, optional
        As in `TopologyFeatures`.

    Raises
    ------
    ConfigError
        If a name is unknown or a value is out of range.

    Notes
    -----
    A diagram without a bar becomes 0 throughout, as do places of ``"top"`` beyond its bars.

    References
    ----------
    Carriere, Chazal, Ike, Lacombe, Royer, Umeda, PersLay: a neural network layer for persistence
    diagrams and new graph topological signatures, AISTATS 2020, section 3.

    Examples
    --------
    >>> import torch
    >>> layer = PersLay(1, n_points=8, pool="top", n_top=2, sample_range=(0.0, 2.0))
    >>> layer(torch.tensor([[[0.0, 2.0, 1.0], [1.0, 2.0, 1.0]]])).shape
    torch.Size([1, 16])
    """

    offsets: nn.Parameter | None

    def __init__(
        self,
        dimension: int | None = None,
        *,
        n_points: int = 32,
        transform: str = "gaussian",
        weight: str = "power",
        pool: str = "sum",
        n_top: int = 3,
        sample_range: tuple[float, float] | None = None,
        infinite: Infinite = "drop",
        limit: float | None = None,
        check_values: bool | None = None,
    ) -> None:
        for name, value, known in (
            ("transform", transform, TRANSFORMS),
            ("weight", weight, WEIGHTS),
            ("pool", pool, POOLS),
            ("infinite", infinite, ("drop", "clip")),
        ):
            if value not in known:
                raise ConfigError(f"{name} must be one of {', '.join(known)}, not {value!r}")
        at_least(1, n_points, "n_points")
        at_least(1, n_top, "n_top")
        ranged = BettiCurve(dimension, infinite=infinite, limit=limit, sample_range=sample_range)
        super().__init__(ranged, check_values)
        self.transform, self.weight, self.pool, self.n_top = transform, weight, pool, n_top
        self.points = nn.Parameter(torch.empty(n_points, 1 if transform == "triangle" else 2))
        offsets = None if transform == "triangle" else nn.Parameter(torch.empty(n_points))
        self.register_parameter("offsets", offsets)
        self.weights = nn.Parameter(torch.empty(2 if weight == "power" else _GRID * _GRID))
        self.reset_parameters()

    @property
    def n_features(self) -> int:
        """Length of the feature vectors."""
        return len(self.points) * (self.n_top if self.pool == "top" else 1)

    def get_feature_names_out(self) -> npt.NDArray[np.object_]:
        """Return the name of each feature, shape (n_features,)."""
        dimension = self.vectorisation.dimension
        group = "" if dimension is None else f"h{dimension}_"
        ranks = [f"_{rank}" for rank in range(1, self.n_top + 1)] if self.pool == "top" else [""]
        names = [f"{group}perslay{rank}_{i}" for rank in ranks for i in range(len(self.points))]
        return np.array(names, dtype=object)

    def reset_parameters(self) -> None:
        """Draw the transform anew from torch's generator; let the weight start as described."""
        with torch.no_grad():
            self.points.uniform_(0, 1)
            if self.transform == "line":
                self.points.uniform_(-1, 1)
            if self.offsets is not None:  # the logarithm of a width, or what a line adds
                self.offsets.fill_(0.0 if self.transform == "line" else math.log(0.1))
            self.weights.fill_(1.0)
            if self.weight == "power":
                self.weights[1] = 0.0  # the logarithm of the exponent

    def extra_repr(self) -> str:
        """Return the settings, for ``repr``."""
        return f"transform={self.transform!r}, weight={self.weight!r}, pool={self.pool!r}"

    def forward(self, bars: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the feature vectors, shape (batch, n_features); see `TopologyFeatures.forward`."""
        _, births, deaths, counted = rows_of_bars(self, bars, mask)
        assert isinstance(self.vectorisation, BettiCurve)
        low, high = self.vectorisation.sample_range or (0.0, 1.0)
        scale = high - low if high > low else 1.0
        x = torch.where(counted, (births - low) / scale, 0.0)
        y = torch.where(counted, (deaths - births) / scale, 0.0)
        weights = torch.where(counted, self._weights(x, y), 0.0)
        values = weights[..., None] * self._transformed(x, y)  # (batch, n_bars, q)
        return self._pooled(values, counted)

    def _weights(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the weight of each bar, shape (batch, n_bars)."""
        parameters = self.weights.to(x.dtype)
        if self.weight == "power":
            is_long = y > 0
            powers = torch.where(is_long, y, 1.0) ** parameters[1].exp()
            return parameters[0] * torch.where(is_long, powers, 0.0)
        column, row = ((z * _GRID).long().clamp(0, _GRID - 1) for z in (x.detach(), y.detach()))
        return parameters[row * _GRID + column]

    def _transformed(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the transform of each bar, shape (batch, n_bars, q)."""
        points = self.points.to(x.dtype)
        if self.transform == "triangle":
            half = y[..., None] / 2
            return (half - (points[:, 0] - x[..., None] - half).abs()).clamp(min=0)
        assert self.offsets is not None
        offsets = self.offsets.to(x.dtype)
        if self.transform == "line":
            return torch.stack([x, y], -1) @ points.T + offsets
        away = (x[..., None] - points[:, 0]) ** 2 + (y[..., None] - points[:, 1]) ** 2
        return torch.exp(-away / 2 * torch.exp(-2 * offsets))

    def _pooled(self, values: Tensor, counted: Tensor) -> Tensor:
        """Return the values pooled over the bars, shape (batch, n_features)."""
        if self.pool == "sum":
            return values.sum(1)
        if self.pool == "mean":
            return values.sum(1) / counted.sum(1, keepdim=True).clamp(min=1)
        n_top = self.n_top if self.pool == "top" else 1
        missing = max(0, n_top - values.shape[1])
        values = values.masked_fill(~counted[..., None], -math.inf)
        values = nn.functional.pad(values, (0, 0, 0, missing), value=-math.inf)
        top = values.topk(n_top, dim=1).values
        return torch.where(top > -math.inf, top, 0.0).flatten(1)
