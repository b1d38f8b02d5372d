"""The ghost cover once more, a row at a time, in plain Python."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from aura_tda_gpu.persistence.kernels.cover import _UP, _WIDER
from aura_tda_gpu.persistence.kernels.nearest import TINY

Row = tuple[float, ...]


@dataclass
class Landmark:
    place: Row
    name: int
    newest: int
    back: float = 0.0


@dataclass
class NaiveCover:
    """At most ``k`` landmarks by slot, and bounds of the member distances by bucket."""

    k: int
    metric: str
    capacity: int
    slots: dict[int, Landmark] = field(default_factory=dict)
    buckets: dict[int, tuple[float, int]] = field(default_factory=dict)
    rho: float = 0.0
    settled: float = -math.inf

    def gap(self, a: Row, b: Row) -> float:
        steps = [abs(x - y) for x, y in zip(a, b, strict=True)]
        if self.metric == "chebyshev":
            return max(steps)
        total = 0.0
        for step in steps:
            total += step if self.metric == "manhattan" else step * step
        return total

    def distance(self, a: Row, b: Row) -> float:
        gap = self.gap(a, b)
        if a == b or self.metric != "euclidean":
            return gap
        return max(math.sqrt(gap), TINY)

    def nearest(self, place: Row) -> tuple[int, float]:
        def rank(slot: int) -> tuple[float, bool, int]:
            other = self.slots[slot].place
            return self.gap(place, other), place != other, slot

        if not self.slots:
            return -1, math.inf
        slot = min(self.slots, key=rank)
        return slot, self.distance(place, self.slots[slot].place)

    def take(self, row: int, place: Row, name: int, bucket: int, live: int) -> None:
        slot, distance = self.nearest(place)
        if distance > self.rho and len(self.slots) == self.k:
            self.expire(max(live, row + 1 - self.capacity))
            if len(self.slots) == self.k:
                self.thin(row, bucket)
                slot, distance = self.nearest(place)
                if len(self.slots) == self.k:
                    self.rho = max(self.rho, distance)
        if distance <= self.rho:
            self.slots[slot].newest, self.slots[slot].back = row, distance
            self.note(row, bucket, distance)
        else:
            slot = min(set(range(self.k)) - set(self.slots))
            self.slots[slot] = Landmark(place, name, row)

    def expire(self, live: int) -> None:
        self.slots = {slot: one for slot, one in self.slots.items() if one.newest >= live}

    def note(self, row: int, bucket: int, distance: float) -> None:
        if distance > 0:
            before, _ = self.buckets.get(bucket, (0.0, 0))
            self.buckets[bucket] = (max(before, distance), row)

    def thin(self, row: int, bucket: int) -> None:
        keep = 3 * self.k // 4
        if keep == 0:
            return
        keepers = [max(self.slots, key=lambda slot: self.slots[slot].newest)]

        def to_keepers(slot: int) -> tuple[float, int]:
            return min(
                (self.gap(self.slots[slot].place, self.slots[other].place), order)
                for order, other in enumerate(keepers)
            )

        while len(keepers) < keep:
            rest = [slot for slot in sorted(self.slots) if slot not in keepers]
            keepers.append(max(rest, key=lambda slot: to_keepers(slot)[0]))
        rest = [slot for slot in sorted(self.slots) if slot not in keepers]
        homes = {slot: keepers[to_keepers(slot)[1]] for slot in rest}
        away = {
            slot: self.distance(self.slots[slot].place, self.slots[home].place)
            for slot, home in homes.items()
        }
        for slot in rest:
            home, one = self.slots[homes[slot]], self.slots.pop(slot)
            if one.newest > home.newest:
                home.newest, home.back = one.newest, (away[slot] + one.back) * _UP
        radius = max(away.values())
        self.buckets = {
            key: ((bound + radius) * _UP, last) for key, (bound, last) in self.buckets.items()
        }
        self.note(row - 1, bucket, radius)
        self.rho = max(self.rho, radius * _WIDER)

    def settle(self, live: int, tick: int) -> float:
        self.expire(live)
        bounds = [bound for bound, last in self.buckets.values() if last >= live]
        eps = max([*bounds, *(one.back for one in self.slots.values())], default=0.0)
        if tick > self.settled:
            self.settled = tick
            share = len(self.slots) / self.k
            if eps == 0:
                self.rho = 0.0
            elif share < 0.5:
                factor = 0.5 if share < 0.125 else 0.75 if share < 0.25 else 0.9
                self.rho = min(self.rho * factor, eps)
        return eps
