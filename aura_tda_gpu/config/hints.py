"""What somebody may have meant by a setting that cannot be taken."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

__all__ = ["corrections", "nearest"]

_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)\s*([^\W\d_]*|%)\s*")
_LONGEST = 200
_MOST_DIGITS = 15
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_MS = {
    1: "ms msec millisecond milliseconds",
    1000: "s sec second seconds",
    60_000: "m min minute minutes",
    3_600_000: "h hour hours",
    86_400_000: "d day days",
}
_MB = {1: "m mb mib", 1024: "g gb gib", 1024**2: "t tb tib"}
_PARTS = {"us": Decimal("1e-3"), "µs": Decimal("1e-3"), "ns": Decimal("1e-6")}
_SUFFIXES: dict[str, dict[str, Decimal]] = {
    "milliseconds": _PARTS | {word: Decimal(n) for n, text in _MS.items() for word in text.split()},
    "MB": {word: Decimal(n) for n, text in _MB.items() for word in text.split()},
    "a share of 1": {"%": Decimal("0.01")},
}


def nearest(name: str, known: Mapping[str, str]) -> str | None:
    """Return what the known name most like a mistyped one stands for, None if none is like it."""
    close = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.65)
    return known[close[0]] if close else None


def hint(name: str, known: Mapping[str, str]) -> str:
    """Return what to add to a message about an unknown name: the nearest one, or nothing."""
    close = nearest(name, known)
    return "" if close is None else f"; did you mean {close}?"


def corrections(value: Any, field: FieldInfo, *, item: bool) -> Iterator[Any]:
    """Yield what may have been meant by a value; it need not be in range.

    Parameters
    ----------
    value : object
        The value that cannot be taken.
    field : FieldInfo
        The setting it was given to.
    item : bool
        Whether it is one item of a list.
    """
    kind = field.annotation
    extra = field.json_schema_extra
    unit = str(extra.get("unit")) if isinstance(extra, dict) else ""
    if kind is bool:
        yield from [_WORDS[word] for word in [str(value).lower()] if word in _WORDS]
    elif get_origin(kind) is tuple and not item:
        parts = value[:_LONGEST].strip(" []").split(",") if isinstance(value, str) else [value]
        numbers = [_number(part, unit) for part in parts]
        yield from [] if None in numbers else [numbers]
    elif isinstance(value, str) and (choices := _choices(kind)):
        yield from difflib.get_close_matches(
            value[:_LONGEST].lower().strip(), choices, 1, cutoff=0.8
        )
    else:
        number = _number(value, unit)
        # the same value again would be refused, and explained, without end
        yield from [] if number is None or type(number) is type(value) else [number]


def _choices(kind: Any) -> list[str]:
    return [choice for choice in get_args(kind) if isinstance(choice, str)]


def _number(value: Any, unit: str) -> int | float | None:
    """Return a number in ``unit`` that a value spells, whole ones as int."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _NUMBER.fullmatch(value[:_LONGEST]) if isinstance(value, str) else None
    if found is None:
        return None
    factor = _SUFFIXES.get(unit, {}).get(found[2].lower()) if found[2] else Decimal(1)
    number = Decimal(found[1])
    if factor is None or abs(number.adjusted()) > _MOST_DIGITS:
        return None
    number *= factor
    return int(number) if number == int(number) else float(number)
