"""A window as bytes: points, ids, settings, and the bars of its last diagrams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SnapshotError
from .history import History, NamedBars
from .slots import FREE, SlotTable, WindowContent
from .snapshots import pack, unpack

__all__ = ["read", "write"]

_KIND, _VERSION, _OLDEST = "RipsWindow", 2, 1  # version 1 has no dtm_mass


def write(meta: Mapping[str, Any], content: WindowContent, history: History) -> bytes:
    """Write a window.

    Parameters
    ----------
    meta : mapping
        Its settings, ``capacity`` and ``dim`` among them.
    content, history
        What it holds, and its last diagrams.
    """
    table = content.slots
    live = table.live
    told = {"next_id": table.next_id, "is_current": history.is_current}
    arrays: dict[str, npt.NDArray[Any]] = {
        "points": content.points[live],
        "slots": live,
        "ids": table.ids[live],
        **history.before.arrays("before"),
        **history.now.arrays("now"),
    }
    if content.origin is not None:
        arrays["origin"] = content.origin
    return pack(_KIND, _VERSION, {**meta, **told}, arrays)


def read(data: bytes) -> tuple[dict[str, Any], WindowContent, History]:
    """Return what `write` wrote; cycles of the diagrams are left out.

    Raises
    ------
    SnapshotError
        If it is no snapshot of a window, cut short, altered, or of another version.
    """
    meta, arrays = unpack(data, _KIND, _VERSION, oldest=_OLDEST)
    meta.setdefault("dtm_mass", None)
    try:
        return _read(meta, arrays)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise SnapshotError(f"the snapshot does not describe a window: {error}") from error


def _read(
    meta: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> tuple[dict[str, Any], WindowContent, History]:
    ids = np.full(meta["capacity"], FREE, np.int64)
    ids[arrays["slots"]] = arrays["ids"]
    points = np.zeros((meta["capacity"], meta["dim"]), np.float32)
    points[arrays["slots"]] = arrays["points"]
    origin = arrays.get("origin")
    if origin is not None:
        origin.flags.writeable = False
    content = WindowContent(SlotTable.of(ids, meta["next_id"]), points, origin)
    before, now = NamedBars.read("before", arrays), NamedBars.read("now", arrays)
    return meta, content, History(before, now, meta["is_current"])
