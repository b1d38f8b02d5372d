"""Diagrams as a data set of torch: samples of different lengths, and how they make a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from ..errors import ConfigError, InvalidInputError
from ..persistence.diagram import Diagram
from ..persistence.engine import Float32Array
from .padding import pad

__all__ = ["DiagramDataset", "collate_diagrams", "rows_of", "sent"]

Sample: TypeAlias = Any


def collate_diagrams(samples: Sequence[Sample]) -> tuple[Any, ...]:
    """Make a batch of samples of a `DiagramDataset`, for ``DataLoader(collate_fn=...)``.

    Parameters
    ----------
    samples : sequence of Tensor, shape (n_bars, 3), or of tuple of such a Tensor and more
        Birth, death and homology dimension of each bar.

    Returns
    -------
    tuple
        Bars (batch, n_bars, 3), 0 beyond those of a diagram; a bool mask (batch, n_bars), True
        where there is one; then whatever else the samples hold, put together as torch does it.
    """
    bars = [sample if isinstance(sample, Tensor) else sample[0] for sample in samples]
    rest = [() if isinstance(sample, Tensor) else tuple(sample[1:]) for sample in samples]
    return (*pad(bars), *(default_collate(list(part)) for part in zip(*rest, strict=True)))


class DiagramDataset(Dataset[Sample]):
    """Diagrams, and what is to be learned of each, for a ``DataLoader``.

    Parameters
    ----------
    diagrams : iterable of Diagram or of array_like, shape (n_bars, 3)
        Arrays hold birth, death and homology dimension; rows that are NaN throughout are padding
        and left out. The bars are copied as float32; nothing else of a diagram is kept.
    targets : sequence, optional
        One for each diagram.
    homology_dimensions : iterable of int, optional
        Which to take; all when left out.

    Raises
    ------
    ConfigError
        If ``homology_dimensions`` are no sequence.
    InvalidInputError
        If an array is not of this shape, has a birth that is not finite or a death that is NaN or
        less than its birth; or if there are not as many targets as diagrams.
    NotComputedError
        If a dimension was not computed.

    Examples
    --------
    >>> from torch.utils.data import DataLoader
    >>> from aura_tda_gpu import vietoris_rips_batch
    >>> square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    >>> data = DiagramDataset(vietoris_rips_batch([square, square[:2]]), targets=[1, 0])
    >>> for bars, mask, y in DataLoader(data, batch_size=2, collate_fn=data.collate):
    ...     print(tuple(bars.shape), mask.sum(1).tolist(), y.tolist())
    (2, 5, 3) [5, 2] [1, 0]
    """

    collate = staticmethod(collate_diagrams)

    def __init__(
        self,
        diagrams: Iterable[Diagram | Any],
        targets: Sequence[Any] | None = None,
        *,
        homology_dimensions: Iterable[int] | None = None,
    ) -> None:
        if isinstance(diagrams, Diagram) or not isinstance(diagrams, Iterable):
            kind = type(diagrams).__name__
            raise InvalidInputError(f"diagrams must be a sequence of diagrams, not one {kind}")
        if not isinstance(homology_dimensions, Iterable | None):
            raise ConfigError(
                "homology_dimensions must be a tuple of integers such as (0, 1), not "
                f"{homology_dimensions!r}"
            )
        dims = None if homology_dimensions is None else tuple(homology_dimensions)
        self.rows = [rows_of(diagram, dims, f"diagrams[{i}]") for i, diagram in enumerate(diagrams)]
        self.targets = targets
        if targets is not None and len(targets) != len(self.rows):
            raise InvalidInputError(f"{len(targets)} targets do not fit {len(self.rows)} diagrams")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        """Return the bars, shape (n_bars, 3), or a pair of them and the target."""
        bars = torch.tensor(self.rows[index])
        return bars if self.targets is None else (bars, self.targets[index])


def rows_of(diagram: Diagram | Any, dims: Sequence[int] | None, name: str) -> Float32Array:
    """Return the bars of a diagram, or of an array of it, as new rows (n_bars, 3).

    Raises
    ------
    InvalidInputError, NotComputedError
        As `DiagramDataset`; calls the diagram ``name``.
    """
    if isinstance(diagram, Diagram):
        parts = [
            np.column_stack([diagram[k], np.full(len(diagram[k]), k, np.float32)])
            for k in (diagram.dimensions if dims is None else dims)
        ]
        return np.concatenate([np.empty((0, 3), np.float32), *parts])
    given = diagram.detach().cpu().numpy() if isinstance(diagram, Tensor) else diagram
    try:
        rows = np.array(given, np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name} cannot be read as an array of bars: {error}") from error
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise InvalidInputError(f"{name} must be of shape (n_bars, 3), not {rows.shape}")
    places = np.flatnonzero(~np.isnan(rows).all(axis=1))
    births, deaths, dimensions = rows[places].T
    with np.errstate(invalid="ignore"):
        good = np.isfinite(births) & (deaths >= births) & np.isfinite(dimensions)
    if not good.all():
        row = int(places[np.argmin(good)])
        raise InvalidInputError(f"{name} has no bar in row {row}: {rows[row].tolist()}", row)
    rows = rows[places]
    return rows if dims is None else rows[np.isin(rows[:, 2], dims)]


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of the host on a device; nobody waits for the copy to a GPU."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
