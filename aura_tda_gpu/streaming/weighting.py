"""Landmarks with weights: the metric ``"dtm"`` of a window, and its certificate.

The weights are those of `persistence.weights`, of each landmark with respect to all rows of the
window, so that rows which are equal count as often as they came. Every square is looked at: where
a tenth of the rows makes a weight, that is 1.5 to 4 times as fast as asking a kd-tree for them.

The bound. Let every row be within eps of a landmark and every landmark within eps of a row, and
pair each row x with the landmarks l within eps of it. Distances of pairs differ by at most 2 eps.
The weight f is a quadratic mean of distances to points, so it changes by no more than a place
moves (Minkowski's inequality, and the k nearest of one place are k candidates of the other):
``|f(x) - f(l)| <= eps``. So the values ``V(x, y) = |x - y| + f(x) + f(y)`` of pairs differ by at
most 4 eps. This holds for x = y, too, where V is the value 2 f(x) at which a vertex enters; and as
f(x) is at most ``f(y) + |x - y|``, no edge comes before its ends. Hence any finite set of landmarks
that are paired with the vertices of a simplex of value t spans one of value at most t + 4 eps, and
the other way round; so by Chazal, de Silva and Oudot, "Persistence stability for geometric
complexes" (Geom. Dedicata 2014), sections 4 and 5, the diagrams are at most 4 eps apart, twice as
far as without weights. They may be as far: on a line, landmarks at 0 and 10 with nearly all rows at
1 and 9 have weights of about eps = 1 and meet at 12, the rows have none and meet at 8.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..persistence import backends
from ..persistence.arrays import Float64Array
from ..persistence.diagram import Diagram
from ..persistence.engine import Float32Array
from ..persistence.rips import RipsOptions, compute_diagram
from ..persistence.weighted import told
from ..persistence.weights import base_metric, distances_to_measure
from .frame import coordinates
from .landmarks import Landmarks, cast_error, rounding
from .ring_buffer import RingBuffer

__all__ = ["Weighting", "weighted_error"]

_SUMS = 2.0**-21  # of a value: the weights' casts and the sums of an edge, twice over


class Weighting:
    """Diagrams of landmarks that are weighted by all rows; nothing is kept between ticks.

    Parameters
    ----------
    options : RipsOptions
        Checked settings, their metric ``"dtm"``.
    max_landmarks : int
        Largest number of vertices.
    """

    def __init__(self, options: RipsOptions, max_landmarks: int) -> None:
        assert options.dtm_mass is not None
        self._mass = options.dtm_mass
        self._options = options
        self._engine, self._reason = backends.resolve(
            options.backend, max_landmarks, options.homology_dimensions, kept=True
        )

    def diagram(self, ring: RingBuffer, n: int, chosen: Landmarks) -> tuple[Diagram, Landmarks]:
        """Return the diagram of the landmarks of the ``n`` oldest rows of the buffer.

        Returns
        -------
        diagram : Diagram
        chosen : Landmarks
            The same, with the bound that holds with weights.
        """
        points = np.ascontiguousarray(chosen.points, np.float32)
        rows = coordinates(ring, n, chosen.origin)
        weights = distances_to_measure(points, rows, self._mass)
        del rows  # a rebuild needs their room
        diagram = compute_diagram(points, self._options, self._engine, self._reason, weights)
        diagram.info = {**diagram.info, **told(self._mass, n), "n_rechecked": 0}
        error = weighted_error(points.astype(np.float64), weights, chosen.radius)
        return diagram, replace(chosen, error_bound=error)


def weighted_error(shifted: Float64Array, weights: Float32Array, radius: float) -> float:
    """Bound the bottleneck distance of the diagrams of weighted landmarks and window.

    Parameters
    ----------
    shifted : ndarray of float64, shape (m, dim)
        The landmarks less the origin.
    weights : ndarray of float32, shape (m,)
        Of the landmarks, with respect to the rows in float32.
    radius : float
        Covering radius.

    Returns
    -------
    float
        ``4 (radius + 2 cast) + 2 rounding``: a cast moves landmarks and rows, and with them places
        and points of a weight; the rounding is that of values up to the enclosing radius, once of
        the landmarks and once of the window. So it holds for the rows as they were pushed and for
        their float32 coordinates. 0.0 if the radius is: a row that equals a landmark enters with
        it.
    """
    if radius == 0.0:
        return 0.0
    metric, dim = base_metric("dtm"), shifted.shape[1]
    moved = 4 * (radius + 2 * cast_error(shifted, radius, metric))
    gaps = shifted - shifted[0]
    far = math.sqrt(float((gaps * gaps).sum(axis=1).max()))
    value = (far + 2 * float(weights.max())) * (1 + _SUMS) + moved
    return math.nextafter(moved + 2 * _blur(value + _blur(value, dim), dim), math.inf)


def _blur(value: float, dim: int) -> float:
    """Bound the error of a float32 value of an edge."""
    return rounding(value, dim, "euclidean") + value * _SUMS
