"""The state of a tracker as bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ...persistence.kernels.track_columns import TRACK, WIDTH
from ...persistence.snapshots import pack, unpack
from .history import History
from .lapsed import Lapsed
from .lifeline import Lifeline
from .links import Links
from .loops import Loop
from .scale import ScaleState
from .tracks import Records, records

__all__ = ["read", "write"]

KIND, VERSION = "FeatureTracker", 2

Arrays = dict[str, npt.NDArray[Any]]

_COLUMNS = [name for name in TRACK.names or () if name not in ("ring", "kept", "outcome")]
_SCALARS = ("scale", "duration", "timestamp", "error_bound", "error")
_LINE = tuple(name for name in Lifeline.__slots__ if name not in ("times", "births", "deaths"))


def write(
    settings: Mapping[str, Any],
    states: Iterable[ScaleState],
    links: Links,
    finished: Iterable[Lifeline],
) -> bytes:
    """Return everything a tracker keeps."""
    arrays: Arrays = {}
    meta: dict[str, Any] = {
        "settings": dict(settings),
        "scales": [_state(state, i, arrays) for i, state in enumerate(states)],
        "groups": links.groups,
        "pairs": sorted(map(list, links.pairs)),
        "next_group": links.next_group,
        "finished": [],
    }
    for i, line in enumerate(finished):
        meta["finished"].append({name: getattr(line, name) for name in _LINE})
        arrays[f"finished.{i}"] = np.stack([line.times, line.births, line.deaths], axis=1)
    return pack(KIND, VERSION, meta, arrays)


def read(
    data: bytes,
) -> tuple[dict[str, Any], dict[str, ScaleState], Links, list[Lifeline]]:
    """Return what `write` wrote: settings, scales by name, links, features that ended.

    Raises
    ------
    SnapshotError
        If the bytes are no snapshot of a tracker, cut short, altered, or of another version.
    """
    meta, arrays = unpack(data, KIND, VERSION)
    length = meta["settings"]["history"]
    states = [_read_state(told, i, arrays, length) for i, told in enumerate(meta["scales"])]
    links = Links(meta["groups"], {(a, b) for a, b in meta["pairs"]}, meta["next_group"])
    finished = []
    for i, told in enumerate(meta["finished"]):
        times, births, deaths = arrays[f"finished.{i}"].T
        told["cycle"] = tuple(map(tuple, told["cycle"]))
        finished.append(Lifeline(**told, times=times, births=births, deaths=deaths))
    return meta["settings"], {state.scale: state for state in states}, links, finished


def _state(state: ScaleState, number: int, arrays: Arrays) -> dict[str, Any]:
    """Put a scale's arrays with the others, and return the rest of it."""
    for k, whole in state.tracks.items():
        tracks = records(whole)
        for name in _COLUMNS:
            arrays[f"{number}.{k}.{name}"] = tracks[name]
        features = tracks[tracks["serial"] >= 0]
        rings, counts = features["ring"].tolist(), features["kept"].tolist()
        lives = [state.histories[k].of(*held) for held in zip(rings, counts, strict=True)]
        arrays[f"{number}.{k}.lengths"] = np.array([len(life) for life in lives], np.int64)
        arrays[f"{number}.{k}.lives"] = np.concatenate([np.empty((0, 3)), *lives])
    loops = []
    for (k, serial), loop in state.loops.items():
        label = f"{number}.loop.{k}.{serial}"
        arrays[f"{label}.ids"], arrays[f"{label}.places"] = loop.ids, loop.places
        loops.append([k, serial, loop.walks, loop.timestamp])
    lapsed = []
    for i, one in enumerate(state.lapsed):
        label = f"{number}.lapsed.{i}"
        arrays[f"{label}.ids"], arrays[f"{label}.places"] = one.loop.ids, one.loop.places
        bar = [one.serial, one.birth, one.persistence, one.last]
        lapsed.append([*bar, one.loop.walks, one.loop.timestamp])
    serials = [[k, serial] for k, serial in state.next_serial.items()]
    return {
        **{n: getattr(state, n) for n in _SCALARS},
        "next_serial": serials,
        "loops": loops,
        "lapsed": lapsed,
    }


def _read_state(told: Mapping[str, Any], number: int, arrays: Arrays, length: int) -> ScaleState:
    tracks: dict[int, Records] = {}
    histories: dict[int, History] = {}
    for k, _ in told["next_serial"]:
        tracks[k] = np.empty(len(arrays[f"{number}.{k}.serial"]), TRACK)
        for name in _COLUMNS:
            tracks[k][name] = arrays[f"{number}.{k}.{name}"]
        tracks[k]["ring"], tracks[k]["kept"], tracks[k]["outcome"] = -1, 0, 0
        histories[k] = History(length)
        rows = np.flatnonzero(tracks[k]["serial"] >= 0)
        tracks[k]["ring"][rows] = rings = histories[k].open(len(rows), rows[:0])
        tracks[k]["kept"][rows] = lengths = arrays[f"{number}.{k}.lengths"]
        lives = np.split(arrays[f"{number}.{k}.lives"], np.cumsum(lengths)[:-1])
        for ring, life in zip(rings.tolist(), lives, strict=False):
            histories[k].fill(ring, life)
    loops = {}
    for k, serial, walks, timestamp in told["loops"]:
        label = f"{number}.loop.{k}.{serial}"
        loops[k, serial] = Loop(
            tuple(map(tuple, walks)),
            arrays[f"{label}.ids"],
            arrays[f"{label}.places"],
            timestamp,
        )
    lapsed = []
    for i, (serial, birth, persistence, last, walks, timestamp) in enumerate(told["lapsed"]):
        label = f"{number}.lapsed.{i}"
        ids, places = arrays[f"{label}.ids"], arrays[f"{label}.places"]
        loop = Loop(tuple(map(tuple, walks)), ids, places, timestamp)
        lapsed.append(Lapsed(serial, birth, persistence, last, loop))
    return ScaleState(
        **{name: told[name] for name in _SCALARS},
        tracks={k: table.view(np.int64).reshape(-1, WIDTH) for k, table in tracks.items()},
        next_serial=dict(told["next_serial"]),
        loops=loops,
        histories=histories,
        lapsed=tuple(lapsed),
    )
