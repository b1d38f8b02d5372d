"""Times as ISO 8601 text."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

__all__ = ["iso_seconds"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_PATTERN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?"
    r" ?(?:([Zz])|([+-]\d\d)(?::?(\d\d))?)?"
)


def iso_seconds(text: str) -> float:
    """Return a time such as ``2026-01-02T03:04:05.6Z`` in seconds since 1970.

    A time without a zone is UTC.

    Raises
    ------
    ValueError
        If the text is no such time.
    """
    found = _PATTERN.fullmatch(text)
    if found is None:
        raise ValueError(text)
    *numbers, fraction, _, hours, minutes = found.groups()
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    zone = timezone.utc
    if hours is not None:
        offset = timedelta(hours=int(hours), minutes=int(f"{hours[0]}{minutes or 0}"))
        zone = timezone(offset)
    moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    whole = (moment - _EPOCH) // timedelta(seconds=1)
    return whole + float(f"0.{fraction or 0}")
