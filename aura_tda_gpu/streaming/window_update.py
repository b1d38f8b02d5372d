"""What one window says at one tick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..persistence.arrays import Float64Array
from ..persistence.diagram import Diagram
from ..persistence.engine import Float32Array, Int64Array
from ..types import PersistenceUpdate, TDAStreamEvent

__all__ = ["WindowUpdate"]


@dataclass(eq=False, repr=False)
class WindowUpdate(PersistenceUpdate):
    """What one window says at one tick.

    Parameters
    ----------
    births, deaths, dimensions, timestamp, window_id
        As in `PersistenceUpdate`.
    diagram : Diagram
        The same bars as arrays; its vertex ``i`` is the point ``vertex_ids[i]``. ``info`` says
        more: ``landmarks`` (the strategy), ``n_changed`` (landmarks opened since the previous
        tick plus landmarks closed: two for one that took the place of another, up to twice
        ``max_landmarks``), ``covering_radius`` (the largest distance of a row to its landmark, or
        of a landmark to a row, rounded up) and ``rho`` (within which a row joins a landmark).
    error_bound : float
        0.0 if the diagram is that of all ``n_points`` rows, as float32 less the origin, else a
        bound of the bottleneck distance to it. It is nan where landmarks meet a
        ``max_edge_length`` less than the enclosing radius of the landmarks plus the bound: a bar
        may then be cut short in one of the two diagrams only. Where landmarks stand for it,
        ``diagram.info["landmark_error"]`` bounds the distance of what is born and dies below
        ``max_edge_length - landmark_error``.
    n_points : int
        Rows of the window.
    n_vertices : int
        Points the engine saw: the distinct rows, or landmarks.
    vertex_ids : ndarray of int64, shape (n_vertices,)
        Point ids: the position of a row among all rows ever pushed. A landmark has the id of the
        row that opened it, which may have left the window before it does.
    vertices : ndarray of float64, shape (n_vertices, dim)
        Where these points are, to float32 precision; scaled to length one under ``"cosine"``.
    duration_seconds, slide_seconds : float
        Length of the window, and distance of two ticks.
    skipped_ticks : int
        Ticks of this scale left out since its previous update.
    latency_seconds : float
        Work done for this tick, in wall-clock time; in a stream with taking the rows that came
        with it, and those that landmarks had not seen. What windows on a GPU take together counts
        for each of those that tick then.
    n_overflowed : int
        Rows of this window that were pushed out for want of memory; they are not among
        ``n_points``, and ``error_bound`` does not speak of them.
    features : ndarray of float32 or None
        What the processor's feature hook made of the diagram; None without a processor.
    events : sequence of TDAStreamEvent
        What happened to the features of this window since its previous update; empty without a
        `FeatureTracker`.
    feature_ids : mapping of int to tuple of (str or None)
        By homology dimension, the feature that each bar of the diagram belongs to; empty without a
        `FeatureTracker`.
    all : tuple of WindowUpdate
        On the update that `StreamingTDAProcessor.process_point` returns: every update the
        point brought about, by time, then finest scale first. Empty elsewhere.
    """

    diagram: Diagram
    error_bound: float
    n_points: int
    n_vertices: int
    vertex_ids: Int64Array
    vertices: Float64Array
    duration_seconds: float
    slide_seconds: float
    skipped_ticks: int
    latency_seconds: float
    n_overflowed: int = 0
    features: Float32Array | None = None
    events: Sequence[TDAStreamEvent] = ()
    feature_ids: Mapping[int, Sequence[str | None]] = field(default_factory=dict)
    all: tuple[WindowUpdate, ...] = ()

    def __repr__(self) -> str:
        return (
            f"WindowUpdate({self.window_id} at {self.timestamp:g} s: "
            f"{self.n_points} {'point' if self.n_points == 1 else 'points'}, {self.diagram})"
        )
