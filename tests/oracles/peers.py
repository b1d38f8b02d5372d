"""The bars of ripser and gudhi, and ours, in one form that can be compared with ==."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aura_tda_gpu.persistence.diagram import Diagram

Bar = tuple[float, float]
Pair = tuple[tuple[int, int], tuple[int, int], bool]


def bars_of(diagram: Diagram, dimension: int) -> list[Bar]:
    return sorted(map(tuple, diagram[dimension].tolist()))


def pairs_of(diagram: Diagram, dimension: int) -> list[Pair]:
    """Birth edge, death edge and truncation of every bar: unique under the order of the edges."""
    return sorted(
        zip(
            map(tuple, diagram.birth_edges[dimension].tolist()),
            map(tuple, diagram.death_edges[dimension].tolist()),
            diagram.truncated[dimension].tolist(),
            strict=True,
        )
    )


def ripser_bars(
    D: npt.NDArray[np.float32], top: int = 1, threshold: float = np.inf
) -> list[list[Bar]]:
    """Bars of dimensions 0 to ``top`` by ripser, which works in float32 as we do."""
    import ripser

    if len(D) == 0:
        return [[] for _ in range(top + 1)]
    diagrams = ripser.ripser(D, distance_matrix=True, maxdim=top, thresh=threshold)["dgms"]
    return [_sorted(diagram) for diagram in diagrams]


def gudhi_bars(
    D: npt.NDArray[np.float32], top: int = 1, threshold: float = np.inf
) -> list[list[Bar]]:
    """Bars of dimensions 0 to ``top`` by gudhi, which keeps our distances in float64."""
    import gudhi

    finite = float(D[np.isfinite(D)].max(initial=0.0))
    rips = gudhi.RipsComplex(
        distance_matrix=D.astype(np.float64), max_edge_length=min(threshold, finite)
    )
    tree = rips.create_simplex_tree(max_dimension=top + 1)
    # without persistence_dim_max, loops of a complex that has no triangle are left out
    tree.compute_persistence(homology_coeff_field=2, min_persistence=-1, persistence_dim_max=True)
    return [_sorted(tree.persistence_intervals_in_dimension(k)) for k in range(top + 1)]


def gudhi_weighted_bars(
    D: npt.NDArray[np.float32],
    births: npt.NDArray[np.float32],
    top: int = 1,
    threshold: float = np.inf,
) -> list[list[Bar]]:
    """Bars of dimensions 0 to ``top`` by gudhi, of edges D and of vertices with births."""
    import gudhi

    tree = gudhi.SimplexTree()
    for v, birth in enumerate(births.tolist()):
        if birth <= threshold:
            tree.insert([v], birth)
    for a, b in zip(*np.triu_indices(len(D), 1), strict=True):
        if D[a, b] <= threshold:
            tree.insert([int(a), int(b)], float(D[a, b]))
    tree.expansion(top + 1)
    tree.compute_persistence(homology_coeff_field=2, min_persistence=-1, persistence_dim_max=True)
    return [_sorted(tree.persistence_intervals_in_dimension(k)) for k in range(top + 1)]


def _sorted(diagram: npt.NDArray[np.float64]) -> list[Bar]:
    bars = np.asarray(diagram, np.float32).reshape(-1, 2)
    return sorted(map(tuple, bars[bars[:, 0] < bars[:, 1]].tolist()))
