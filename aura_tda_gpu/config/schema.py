"""The JSON schema of a file of settings."""

from __future__ import annotations

import math
from typing import Any

from .base import Section

__all__ = ["document_schema"]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def document_schema(settings: type[Section]) -> dict[str, Any]:
    """Return the schema (draft 2020-12) of a document whose one key holds some settings.

    Parameters
    ----------
    settings : type of Section
        The settings below that key.
    """
    raw = settings.model_json_schema()
    sections = raw.pop("$defs", {})
    return {
        "$schema": _DRAFT,
        "title": "Settings of a multi-scale stream",
        "type": "object",
        "properties": {settings.path: _section(raw, sections)},
        "required": [settings.path],
        "additionalProperties": False,
    }


def _section(raw: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any]:
    """Return one section with those inside it in their place."""
    inner = {}
    for name, schema in raw["properties"].items():
        reference = schema.get("$ref")
        if reference is None:
            inner[name] = _setting(schema)
        else:
            inner[name] = _section(sections[reference.rpartition("/")[2]], sections)
    return {
        "description": raw["description"].partition("\n")[0].replace("``", "`"),
        "type": "object",
        "properties": inner,
        "additionalProperties": False,
    }


def _setting(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one key; a limit that may be infinite takes null for none."""
    kept = {name: value for name, value in schema.items() if name != "title"}
    if kept["default"] == math.inf:
        kept.update(type=["number", "null"], default=None)
    return kept
