"""The same loop seen at several time scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from .lifeline import ratio_of
from .loops import Loop, nearby

__all__ = ["Links", "LoopOfScale"]

LINKED_AT_ONCE = 8  # longest loops of a scale
_NEW, _KEPT = 0.5, 0.25  # similarity at which a link is made, and up to which it stays


@dataclass(frozen=True, slots=True, eq=False)
class LoopOfScale:
    """A feature of dimension 1 as its scale showed it last.

    Attributes
    ----------
    id : str
        Name of the feature.
    birth, persistence : float
        Its bar.
    radius : float
        Covering radius of the landmarks.
    loop : Loop
        Where it is.
    """

    id: str
    birth: float
    persistence: float
    radius: float
    loop: Loop


@dataclass
class Links:
    """Which loops of neighbouring scales are one.

    The similarity of two loops is the smaller persistence over the larger, times the share of
    their points that lie near the other loop: within the larger birth and the covering radii. Two
    loops are linked at one half, and stay so down to a quarter; each is linked to at most one loop
    of each neighbouring scale. Of each scale the eight longest loops are looked at.

    Attributes
    ----------
    groups : dict of str to int
        Group of each feature.
    pairs : set of (str, str)
        Linked features, the finer scale first.
    next_group : int
        Number of the next group.
    """

    groups: dict[str, int] = field(default_factory=dict)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    next_group: int = 0
    _shares: dict[tuple[str, str], tuple[Loop, Loop, float]] = field(default_factory=dict)
    _settled: bool = True

    def open(self, feature: str) -> None:
        """Give a new feature a group of its own."""
        self.groups[feature] = self.next_group
        self.next_group += 1

    def close(self, feature: str) -> None:
        """Forget a feature; the others of its group stay in it."""
        del self.groups[feature]
        if any(feature in pair for pair in self._shares):
            self.pairs = {pair for pair in self.pairs if feature not in pair}
            self._shares = {p: held for p, held in self._shares.items() if feature not in p}

    def link(self, finer: Sequence[LoopOfScale], coarser: Sequence[LoopOfScale]) -> None:
        """Link the loops of two neighbouring scales anew."""
        if not finer or not coarser:
            return
        table = np.array([[self._similarity(f, c) for c in coarser] for f in finer])
        names = {f.id for f in finer}, {c.id for c in coarser}
        pairs = {p for p in self.pairs if p[0] not in names[0] and p[1] not in names[1]}
        for i, j in zip(*linear_sum_assignment(-table), strict=True):
            if table[i, j] > 0:
                pairs.add((finer[i].id, coarser[j].id))
        self._settled &= pairs == self.pairs
        self.pairs = pairs

    def regroup(self) -> None:
        """Let features that links connect have the smallest of their groups, others another one."""
        if self._settled:
            return
        self._settled = True
        taken: set[int] = set()
        for members in sorted(self._connected(), key=lambda m: min(self.groups[f] for f in m)):
            group = min(self.groups[feature] for feature in members)
            if group in taken:
                group, self.next_group = self.next_group, self.next_group + 1
            taken.add(group)
            self.groups.update(dict.fromkeys(members, group))

    def _connected(self) -> list[list[str]]:
        """Return the features that links connect; oldest first where they have equal groups."""
        root = {feature: feature for feature in self.groups}
        for finer, coarser in self.pairs:
            while root[finer] != finer:
                finer = root[finer]
            while root[coarser] != coarser:
                coarser = root[coarser]
            root[coarser] = finer
        found: dict[str, list[str]] = {}
        for feature in self.groups:
            top = feature
            while root[top] != top:
                top = root[top]
            found.setdefault(top, []).append(feature)
        return list(found.values())

    def _similarity(self, finer: LoopOfScale, coarser: LoopOfScale) -> float:
        """Return the similarity of two loops; 0 if it is too small, 1 more if they are linked."""
        pair = finer.id, coarser.id
        is_linked = pair in self.pairs
        least = _KEPT if is_linked else _NEW
        ratio = ratio_of(finer.persistence, coarser.persistence)
        if ratio < least:
            return 0.0
        held = self._shares.get(pair)
        if held is None or held[0] is not finer.loop or held[1] is not coarser.loop:
            reach = max(finer.birth, coarser.birth) + finer.radius + coarser.radius
            held = finer.loop, coarser.loop, nearby(finer.loop, coarser.loop, reach)
            self._shares[pair] = held
        similarity = ratio * held[2]
        return similarity + is_linked if similarity >= least else 0.0
