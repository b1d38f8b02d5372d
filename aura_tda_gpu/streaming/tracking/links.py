"""The same loop seen at several time scales."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import TypeAlias

import numpy as np
from scipy.optimize import linear_sum_assignment

from .lifeline import ratio_of
from .loops import Loop, nearby

__all__ = ["Links", "LoopOfScale"]

LINKED_AT_ONCE = 8  # longest loops of a scale
_Share: TypeAlias = tuple[Loop, Loop, float, float]  # two loops, reach, share of points within it

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
    _shares: dict[tuple[str, str], _Share] = field(default_factory=dict)

    def after(
        self,
        born: Iterable[str],
        dead: Iterable[str],
        scales: Iterable[Sequence[LoopOfScale]],
    ) -> Links:
        """Return the links after an instant; these are left as they are.

        Parameters
        ----------
        born, dead : iterable of str
            Features that are new, each with a group of its own at first, and those that have
            ended; the others of a group stay in it.
        scales : iterable of sequence of LoopOfScale
            The longest loops of every scale, finest scale first.
        """
        after = Links(self.groups, self.pairs, self.next_group)
        gone = set(dead)
        if gone:
            after.groups = {f: group for f, group in self.groups.items() if f not in gone}
            after.pairs = {pair for pair in self.pairs if gone.isdisjoint(pair)}
        numbers = dict(zip(born, count(after.next_group)))
        after.groups = {**after.groups, **numbers} if numbers else after.groups
        after.next_group += len(numbers)
        kept = after.pairs
        for finer, coarser in pairwise(scales):
            after._link(finer, coarser, self._shares)
        if after.pairs != kept:
            after._regroup()
        return after

    def _link(
        self,
        finer: Sequence[LoopOfScale],
        coarser: Sequence[LoopOfScale],
        known: Mapping[tuple[str, str], _Share],
    ) -> None:
        """Link the loops of two neighbouring scales anew."""
        if not finer or not coarser:
            return
        rows = [[self._similarity(f, c, known) for c in coarser] for f in finer]
        names = {f.id for f in finer}, {c.id for c in coarser}
        pairs = {p for p in self.pairs if p[0] not in names[0] and p[1] not in names[1]}
        if any(map(any, rows)):
            for i, j in zip(*linear_sum_assignment(-np.array(rows)), strict=True):
                if rows[i][j] > 0:
                    pairs.add((finer[i].id, coarser[j].id))
        self.pairs = pairs

    def _regroup(self) -> None:
        """Let features that links connect have the smallest of their groups that is free."""
        groups = dict(self.groups)
        taken: set[int] = set()
        for members in sorted(self._connected(), key=lambda m: min(self.groups[f] for f in m)):
            free = {self.groups[feature] for feature in members} - taken
            if free:
                group = min(free)
            else:
                group, self.next_group = self.next_group, self.next_group + 1
            taken.add(group)
            groups.update(dict.fromkeys(members, group))
        self.groups = groups

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

    def _similarity(
        self,
        finer: LoopOfScale,
        coarser: LoopOfScale,
        known: Mapping[tuple[str, str], _Share],
    ) -> float:
        """Return the similarity of two loops; 0 if it is too small, 1 more if they are linked."""
        pair = finer.id, coarser.id
        is_linked = pair in self.pairs
        least = _KEPT if is_linked else _NEW
        ratio = ratio_of(finer.persistence, coarser.persistence)
        if ratio < least:
            return 0.0
        reach = max(finer.birth, coarser.birth) + finer.radius + coarser.radius
        held = known.get(pair)
        if held is None or held[:3] != (finer.loop, coarser.loop, reach):
            held = finer.loop, coarser.loop, reach, nearby(finer.loop, coarser.loop, reach)
        self._shares[pair] = held
        similarity = ratio * held[3]
        return similarity + is_linked if similarity >= least else 0.0
