"""Streams of diagrams as a data set of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import IterableDataset, get_worker_info

from ..errors import InvalidInputError, LifecycleError
from ..persistence.engine import Float32Array
from .padding import pad
from .torch_data import rows_of, sent

__all__ = ["StreamFeatures"]

StreamSample: TypeAlias = tuple[Tensor, Tensor, dict[str, Any]]


class StreamFeatures(IterableDataset[StreamSample]):
    """What streams show at every instant at which one of their windows ticks.

    A sample is ``(features, mask, meta)``. Every scale of the stream has a row, the finest first:
    its features at its last tick, 0 before the first, which ``mask`` tells. Without ``features``
    the bars themselves are handed over, for layers that learn from them, and ``mask`` tells which
    rows are bars. ``meta`` holds ``timestamp`` (seconds), ``recording`` (its place), ``ticked``
    (bool, shape (n_scales,): which scales are new) and ``n_dropped`` (int64, shape (n_scales,):
    bars beyond ``max_bars`` at this tick).

    Parameters
    ----------
    stream : callable
        Makes a new stream for each recording and pass, such as
        ``functools.partial(MultiScaleStream, [1000, 4000])``.
    recordings : sequence
        Each one a pair ``(points, timestamps)``, or a callable that returns an iterable of such
        pairs, each to be pushed in turn.
    features : Module, optional
        Called as ``features(bars, mask)`` with bars (k, n_bars, 3) of the k scales that tick, under
        ``torch.no_grad``; returns (k, n_features). See `TopologyFeatures`.
    max_bars : int
        Without ``features``: bars of a scale, shorter ones left out, so that samples have one
        shape.
    chunk_size : int
        Rows of a pair ``(points, timestamps)`` that are pushed at a time.
    device : torch.device or str, optional
        Where the bars are put, and the features with them; the CPU when left out. What is put
        there does not come back.

    Raises
    ------
    InvalidInputError
        If ``stream`` or ``features`` is not callable, ``recordings`` is no sequence, a recording is
        neither a pair nor a callable, or a number is no integer from 1 on.
    LifecycleError
        When a worker process is to hand over tensors on a GPU: use ``num_workers=0``.

    Notes
    -----
    With worker processes each recording belongs to one of them: none is read twice, none is lost,
    and the samples are those of ``num_workers=0`` in another order. So more workers than
    recordings are of no use. A recording is not cut, for its windows overlap. What is on a GPU, a
    stream with ``backend="cuda"`` too, needs ``num_workers=0``.

    All samples have one shape, so torch's own collation makes batches of them: features (batch,
    n_scales, n_features) with mask (batch, n_scales), or bars (batch, n_scales, max_bars, 3) with
    mask (batch, n_scales, max_bars).
    """

    def __init__(
        self,
        stream: Callable[[], Any],
        recordings: Sequence[Any],
        features: nn.Module | None = None,
        *,
        max_bars: int = 256,
        chunk_size: int = 1024,
        device: torch.device | str | None = None,
    ) -> None:
        if not callable(stream):
            raise InvalidInputError(
                "stream must be a callable that makes a new stream, such as "
                f"functools.partial(MultiScaleStream, [1000]), not {type(stream).__name__}"
            )
        if not all(isinstance(n, Integral) and n >= 1 for n in (max_bars, chunk_size)):
            raise InvalidInputError(
                f"max_bars and chunk_size must be 1 or more, not {max_bars!r} and {chunk_size!r}"
            )
        if features is not None and not callable(features):
            raise InvalidInputError(
                f"features must be a module such as TopologyFeatures, not {type(features).__name__}"
            )
        if not hasattr(recordings, "__len__") or not hasattr(recordings, "__getitem__"):
            raise InvalidInputError(
                "recordings must be a sequence, so that each worker finds its own, not "
                f"{type(recordings).__name__}: pass list(recordings)"
            )
        for i, recording in enumerate(recordings):
            is_pair = isinstance(recording, list | tuple) and len(recording) == 2
            if not is_pair and not callable(recording):
                raise InvalidInputError(
                    f"recordings[{i}] must be a pair (points, timestamps) or a callable, not "
                    f"{type(recording).__name__}"
                )
        self.stream = stream
        self.recordings = recordings
        self.features = features
        self.max_bars = max_bars
        self.chunk_size = chunk_size
        self.device = torch.device("cpu" if device is None else device)

    def __iter__(self) -> Iterator[StreamSample]:
        """Yield the samples of this worker's recordings, one recording after another."""
        worker = get_worker_info()
        if worker is not None and self.device.type != "cpu":
            raise LifecycleError(
                f"a worker process cannot hand over tensors on {self.device}: use num_workers=0"
            )
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for i in range(first, len(self.recordings), step):
            yield from self._samples(i)

    def _samples(self, i: int) -> Iterator[StreamSample]:
        """Yield the samples of one recording."""
        stream = self.stream()
        row_of = {window_id: row for row, window_id in enumerate(stream.windows)}
        n_scales = len(row_of)
        held: tuple[Tensor, Tensor] | None = None
        for instant in self._instants(stream, i):
            rows = torch.tensor([row_of[update.window_id] for update in instant])
            new, known, dropped = self._shown(instant)
            if held is None:
                held = (
                    new.new_zeros(n_scales, *new.shape[1:]),
                    known.new_zeros(n_scales, *known.shape[1:]),
                )
            here = sent(rows, self.device)
            held = held[0].index_copy(0, here, new), held[1].index_copy(0, here, known)
            meta = {
                "timestamp": instant[0].timestamp,
                "recording": i,
                "ticked": torch.zeros(n_scales, dtype=torch.bool).index_fill(0, rows, True),
                "n_dropped": torch.zeros(n_scales, dtype=torch.int64).index_copy(0, rows, dropped),
            }
            yield *held, meta

    def _instants(self, stream: Any, i: int) -> Iterator[list[Any]]:
        """Yield the updates of a recording that have one time."""
        for points, timestamps in self._batches(i):
            for _, updates in groupby(stream.push(points, timestamps), _time_of):
                yield list(updates)
        for _, updates in groupby(stream.flush(), _time_of):
            yield list(updates)

    def _batches(self, i: int) -> Iterator[tuple[Any, Any]]:
        """Yield what to push of one recording."""
        recording = self.recordings[i]
        if callable(recording):
            yield from recording()
            return
        points, timestamps = recording
        for start in range(0, len(timestamps), self.chunk_size):
            part = slice(start, start + self.chunk_size)
            yield points[part], timestamps[part]

    def _shown(self, instant: Sequence[Any]) -> tuple[Tensor, Tensor, Tensor]:
        """Return features, or bars, of the scales that tick; what is known; how many are left out.

        The last one is on the host.
        """
        rows = [rows_of(update.diagram, None, update.window_id) for update in instant]
        dropped = torch.zeros(len(rows), dtype=torch.int64)
        if self.features is None:
            dropped = torch.tensor([max(0, len(each) - self.max_bars) for each in rows])
            rows = [_longest(each, self.max_bars) for each in rows]
        length = self.max_bars if self.features is None else None
        bars, mask = (sent(torch.from_numpy(x), self.device) for x in pad(rows, length=length))
        if self.features is None:
            return bars, mask, dropped
        with torch.no_grad():
            found = self.features(bars, mask)
        return found, found.new_ones(len(found), dtype=torch.bool), dropped


def _longest(rows: Float32Array, most: int) -> Float32Array:
    """Return the longest bars, in the order they had."""
    if len(rows) <= most:
        return rows
    return rows[np.sort(np.argsort(rows[:, 0] - rows[:, 1], kind="stable")[:most])]


def _time_of(update: Any) -> float:
    return float(update.timestamp)
