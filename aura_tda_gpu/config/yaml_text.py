"""YAML without its traps: text keys, each of them once, and numbers as JSON writes them."""

from __future__ import annotations

import math
import re
import reprlib
from os import PathLike
from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigError

__all__ = ["ROOT_KEY", "parse_yaml", "read_settings", "shown", "shown_name", "yaml_text"]

ROOT_KEY = "streaming_tda"

_LONGEST_NAME = 60
_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)$")
# JSON writes 1e-05, which YAML 1.1 takes for text
_FLOAT = re.compile(
    r"[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+"
    r"|\.(?:inf|Inf|INF))$|\.(?:nan|NaN|NAN)$"
)
# what PyYAML lets escape when a value contradicts its tag, such as `!!bool 7`
_BAD_TAG = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
_TAB_INDENT = re.compile(r" *\t")
_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_RESOLVERS = {
    first: [(tag, shape) for tag, shape in pairs if tag in (f"{_TAG}bool", f"{_TAG}null")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _StrictLoader(yaml.SafeLoader):
    """A safe loader whose mappings have text keys only, each of them once.

    ``1:30``, ``010``, ``1_0`` and dates are text: YAML 1.1 makes other numbers of them, in silence.
    """

    yaml_implicit_resolvers = _RESOLVERS

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not key.tag.endswith(":str"):
                raise _problem(key, "is not text")
            if key.value in seen:
                raise _problem(key, "is repeated")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_StrictLoader.add_implicit_resolver(f"{_TAG}int", _INTEGER, list("-+0123456789"))
_StrictLoader.add_implicit_resolver(f"{_TAG}float", _FLOAT, list("-+0123456789."))


def read_settings(path: str | PathLike[str]) -> dict[str, Any]:
    """Read what a YAML file holds under ``streaming_tda``, its values unchecked.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not YAML, has a key that is repeated or not text, or holds
        anything beside that one mapping. The message names the file.
    """
    try:
        if not isinstance(path, str | PathLike):
            raise ConfigError("the name of a file is needed")
        document = _read_yaml(Path(path))
        if not isinstance(document, dict) or set(document) != {ROOT_KEY}:
            raise ConfigError(f"the file needs one top-level key, {ROOT_KEY}, and no other")
        settings = document[ROOT_KEY]
        if not isinstance(settings, dict):
            raise ConfigError(f"{ROOT_KEY} must be a mapping, got {shown(settings)}")
        return settings
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error.__cause__


def parse_yaml(text: str) -> Any:
    """Return what a text of YAML holds.

    Raises
    ------
    ConfigError
        If it is not YAML, or a key is repeated or not text; names line and column.
    """
    try:
        return yaml.load(text, _StrictLoader)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_placed(error, text)) from error
    except (yaml.YAMLError, *_BAD_TAG) as error:
        raise ConfigError(f"is not valid YAML: {' '.join(str(error).split())}") from error


def yaml_text(value: Any) -> str:
    """Return a value as YAML on one line."""
    return yaml.safe_dump([value], default_flow_style=True, width=math.inf).strip()[1:-1]


def shown(value: object) -> str:
    """Return a value as a message shows it, cut short."""
    try:
        return reprlib.repr(value)
    except ValueError:
        return "an integer of thousands of digits"


def shown_name(name: str) -> str:
    """Return a name as a message shows it: as it is, if it is short and fit for a line."""
    return name if name.isprintable() and len(name) <= _LONGEST_NAME else shown(name)


def _read_yaml(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not UTF-8 text: byte {error.start} is wrong") from error
    except ValueError as error:  # a null character in the name
        raise ConfigError(f"cannot be read: {error}") from error
    return parse_yaml(text)


def _problem(key: yaml.Node, what: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=f"key {key.value!r} {what}", problem_mark=key.start_mark)


def _placed(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return f"{error.problem}"
    if _TAB_INDENT.match(_LINE_END.split(text)[mark.line]):
        return f"line {mark.line + 1}: tabs cannot indent YAML, use spaces"
    return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
