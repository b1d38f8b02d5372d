"""Loops that have ended lately, and whether one that is born is one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...persistence.arrays import Float64Array
from .lifeline import ratio_of
from .loops import Loop, nearby

__all__ = ["LAPSE", "Lapsed", "given_back", "still_known"]

LAPSE = 4.0  # lengths of the window for which the name of a loop that has ended is kept
_MOST = 16  # that are kept, the longest
_LEAST = 0.25  # similarity of a loop and the one whose name it gets, as of loops that stay linked


@dataclass(frozen=True, slots=True, eq=False)
class Lapsed:
    """A feature of dimension 1 that has ended.

    Attributes
    ----------
    serial : int
        Its number.
    birth, persistence : float
        Its bar, as it was last seen.
    last : float
        Event time of the tick that showed it last, in seconds.
    loop : Loop
        Its loop, as it was last known.
    """

    serial: int
    birth: float
    persistence: float
    last: float
    loop: Loop


def still_known(lapsed: Iterable[Lapsed], timestamp: float, duration: float) -> tuple[Lapsed, ...]:
    """Return those whose names may be given back: seen lately, and the longest of them."""
    lately = [one for one in lapsed if timestamp - one.last <= LAPSE * duration]
    return tuple(sorted(lately, key=lambda one: -one.persistence)[:_MOST])


def given_back(
    lapsed: Iterable[Lapsed], born: Iterable[tuple[int, Float64Array, Loop]], error: float
) -> dict[int, Lapsed]:
    """Return what born loops were before, by their rows; each name at most once.

    The similarity is that of `Links`: the smaller persistence over the larger, times the share of
    points that are near the other loop. Pairs from a quarter on, the most similar first.

    Parameters
    ----------
    lapsed : iterable of Lapsed
        Features whose names may be given back.
    born : iterable of (int, ndarray, Loop)
        Row, bar and loop of features that are born.
    error : float
        How far points may be from those of the full windows, for both loops together.
    """
    pairs = sorted(_similar(lapsed, born, error), key=lambda pair: -pair[0])
    found: dict[int, Lapsed] = {}
    given: set[int] = set()
    for _, row, one in pairs:
        if row not in found and one.serial not in given:
            found[row] = one
            given.add(one.serial)
    return found


def _similar(
    lapsed: Iterable[Lapsed], born: Iterable[tuple[int, Float64Array, Loop]], error: float
) -> Iterator[tuple[float, int, Lapsed]]:
    former = list(lapsed)
    for row, bar, loop in born:
        for one in former:
            ratio = ratio_of(float(bar[1] - bar[0]), one.persistence)
            if ratio >= _LEAST:
                reach = max(float(bar[0]), one.birth) + error
                similarity = ratio * nearby(one.loop, loop, reach)
                if similarity >= _LEAST:
                    yield similarity, row, one
