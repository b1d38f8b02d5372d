"""The highest load that some streams bear, by bisection."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["highest_load"]


def highest_load(
    bears: Callable[[float], bool], start: float, *, precision: float, most: float = 1e9
) -> tuple[float | None, float | None]:
    """Bracket the highest rate that is borne.

    Parameters
    ----------
    bears : callable
        Whether a rate is borne; taken to hold for all smaller ones, too.
    start : float
        Rate that is tried first. It is doubled, or halved, until the answer changes.
    precision : float
        The bracket's ends differ by at most this share of the lower one.
    most : float
        Rates are not larger, and not smaller than ``start / 1024``.

    Returns
    -------
    borne : float or None
        Highest rate that was tried and borne; None if none was.
    not_borne : float or None
        Lowest rate that was tried and not borne; None if all were.
    """
    borne: float | None = None
    failed: float | None = None
    rate = start
    while borne is None or failed is None:
        if bears(rate):
            borne = rate
            if failed is None and rate >= most:
                return borne, None
        else:
            failed = rate
            if borne is None and rate <= start / 1024:
                return None, failed
        if borne is None:
            rate = rate / 2
        elif failed is None:
            rate = min(most, rate * 2)
    while failed - borne > precision * borne:
        middle = (borne * failed) ** 0.5
        if bears(middle):
            borne = middle
        else:
            failed = middle
    return borne, failed
