"""Write the table of docs/config.md anew from the settings themselves.

Usage: python docs/config_table.py
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aura_tda_gpu.config import Config

PAGE = Path(__file__).with_name("config.md")
BEGIN, END = "<!-- table: python docs/config_table.py -->\n", "<!-- end of table -->\n"
SYMBOLS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def table() -> str:
    """Return the table of all keys in Markdown."""
    head = "| key | default | allowed | acted on | meaning |\n|---|---|---|---|---|\n"
    return head + "".join(_rows(Config, "streaming_tda"))


def with_table(page: str) -> str:
    """Return the page with the table put between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _rows(section: type[BaseModel], path: str) -> list[str]:
    rows = []
    for name, field in section.model_fields.items():
        key = f"{path}.{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            rows += _rows(field.annotation, key)
            continue
        extra = field.json_schema_extra
        acted_on = "later" if isinstance(extra, dict) and extra.get("acted_on") is False else "now"
        cells = [f"`{key}`", _yaml(field.default), _allowed(field), acted_on, field.description]
        rows.append(f"| {' | '.join(str(cell) for cell in cells)} |\n")
    return rows


def _yaml(value: Any) -> str:
    if value is None:
        return "`null`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{list(value)}`"
    return "`.inf`" if value == math.inf else f"`{value}`"


def _allowed(field: FieldInfo) -> str:
    annotation, inner = field.annotation, get_args(field.annotation)
    if inner and isinstance(inner[0], str):
        return ", ".join(f"`{choice}`" for choice in inner)
    limits = _limits(field.metadata)
    if inner and inner[-1] is Ellipsis:
        limits = _limits(m for item in get_args(inner[0])[1:] for m in item.metadata)
        return f"list of different {_noun(get_args(inner[0])[0])}s{limits}"
    if inner:
        return f"{_noun(inner[0])}{limits} or `null`"
    return f"{_noun(annotation)}{limits}"


def _noun(kind: Any) -> str:
    return {int: "integer", float: "number", bool: "`true` or `false`"}[kind]


def _limits(metadata: Any) -> str:
    found = [
        f"{symbol} {getattr(item, name)}"
        for item in metadata
        for name, symbol in SYMBOLS.items()
        if getattr(item, name, None) is not None
    ]
    return f" {' and '.join(found)}" if found else ""


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
