"""Settings from several places: defaults < file < environment < keywords or options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any, NamedTuple

from ..errors import ConfigError
from .base import FaultySettings
from .hints import nearest
from .model import Config, setting_fields
from .yaml_text import parse_yaml, read_settings, shown_name

__all__ = ["DEFAULT", "PREFIX", "Layers", "flat", "layered", "origins", "resolve", "variable"]

PREFIX = "AURA_TDA_"
DEFAULT = "default"
_BESIDE = {"engine.dtm_mass": {"engine.metric": "dtm"}}  # what a key is checked beside
_Found = dict[str, tuple[Any, str]]  # key: value, origin


class Layers(NamedTuple):
    """Settings and where each of them came from.

    Attributes
    ----------
    config : Config
        The effective settings.
    origins : dict of str to str
        For every key below ``streaming_tda``, dotted: ``"default"``, the name of the file, that
        of the variable, or the label.
    """

    config: Config
    origins: dict[str, str]


def layered(
    path: str | PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    given: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Config:
    """Return the settings of a file, an environment and a call, merged key by key.

    Parameters
    ----------
    path : str or path-like, optional
        YAML file of settings; wins over the defaults.
    environ : mapping of str to str, optional
        Variables such as ``AURA_TDA_MEMORY__MAX_MB``, their values read as YAML; win over the
        file. An empty one counts as not set. None stands for no environment.
    given : mapping of str to object, optional
        Values by their keys below ``streaming_tda``, such as ``"memory.max_mb"``; win over all
        else. None counts as not given.
    labels : mapping of str to str, optional
        How the user wrote the keys of ``given``, such as ``"--max-memory-mb"``.

    Raises
    ------
    ConfigError
        If a name is unknown or a value cannot be taken, be it overruled or not. The message names
        all faults, and for each its file, variable or label.
    """
    return resolve(path, environ, given, labels).config


def origins(
    path: str | PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    given: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return where every setting comes from: see `layered` and `Layers`."""
    return resolve(path, environ, given, labels).origins


def resolve(
    path: str | PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    given: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Layers:
    """Return the settings with their origins, each source read once: see `layered`."""
    found: _Found = {}
    faults: list[str] = []
    if path is not None:
        _add_file(path, found, faults)
    _add_environment(environ or {}, found, faults)
    _add_given(given or {}, labels or {}, found, faults)
    if faults:
        raise ConfigError("; ".join(faults))
    config = Config(**_nested({key: value for key, (value, _) in found.items()}))
    return Layers(
        config, {key: found[key][1] if key in found else DEFAULT for key in setting_fields()}
    )


def variable(key: str) -> str:
    """Return the name of the environment variable of a key below ``streaming_tda``."""
    return PREFIX + key.upper().replace(".", "__")


def _add_file(path: str | PathLike[str], found: _Found, faults: list[str]) -> None:
    try:
        settings = read_settings(path)
    except ConfigError as error:
        faults.append(str(error))
        return
    try:
        Config(**settings)
    except ConfigError as error:
        faults.append(f"{path}: {error}")
        return
    found.update({key: (value, str(path)) for key, value in flat(settings)})


def _add_environment(environ: Mapping[str, str], found: _Found, faults: list[str]) -> None:
    keys = {variable(key): key for key in setting_fields()}
    for name in sorted(environ):
        text = environ[name]
        if not name.startswith(PREFIX) or not text.strip():
            continue
        if name not in keys:
            faults.append(f"{shown_name(name)}: {_unknown(name)}")
            continue
        try:
            value = parse_yaml(text)
        except ConfigError as error:
            faults.append(f"{name}: {error}")
            continue
        _add(keys[name], value, name, found, faults)


def _add_given(
    given: Mapping[str, Any], labels: Mapping[str, str], found: _Found, faults: list[str]
) -> None:
    known = setting_fields()
    for key, value in given.items():
        if value is None:
            continue
        label = labels.get(key, key)
        if key in known:
            _add(key, value, label, found, faults)
        else:
            close = _nearest_key(key)
            faults.append(f"{label}: unknown key" + (f"; did you mean {close}?" if close else ""))


def _add(key: str, value: Any, origin: str, found: _Found, faults: list[str]) -> None:
    """Add one setting that can be taken, or what is wrong with it under the name it came with."""
    try:
        Config(**_nested({**_BESIDE.get(key, {}), key: value}))
    except FaultySettings as error:
        faults += [f"{origin}: {fault.what}" for fault in error.faults]
    else:
        found[key] = (value, origin)


def _unknown(name: str) -> str:
    """Return what to say of an unknown variable; its section may be wrong or missing."""
    wanted = name.removeprefix(PREFIX).lower().replace("__", ".")
    inside = [key for key in setting_fields() if key.startswith(f"{wanted}.")]
    if inside:
        return f"a section is set key by key, as {variable(inside[0])}"
    close = _nearest_key(wanted)
    if close is None:
        return f"unknown variable; they are named as {variable('memory.max_mb')}"
    return f"unknown variable; did you mean {variable(close)}?"


def _nearest_key(wanted: str) -> str | None:
    keys = list(setting_fields())
    ends = {key.rpartition(".")[2]: key for key in keys}
    name = wanted.rpartition(".")[2]
    return ends.get(name) or nearest(wanted, {key: key for key in keys}) or nearest(name, ends)


def flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested settings by their dotted keys."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        section, _, name = key.rpartition(".")
        (nested.setdefault(section, {}) if section else nested)[name] = value
    return nested
