"""Write the table of docs/config.md anew from the settings themselves.

Usage: python docs/config_table.py
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo

from aura_tda_gpu.config import setting_fields
from aura_tda_gpu.config.base import unit_of
from aura_tda_gpu.config.yaml_text import ROOT_KEY, yaml_text

PAGE = Path(__file__).with_name("config.md")
BEGIN, END = "<!-- table: python docs/config_table.py -->\n", "<!-- end of table -->\n"
SYMBOLS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def table() -> str:
    """Return the table of all keys in Markdown."""
    head = "| key | default | allowed | unit | meaning |\n|---|---|---|---|---|\n"
    return head + "".join(_row(key, field) for key, field in setting_fields().items())


def with_table(page: str) -> str:
    """Return the page with the table put between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _row(key: str, field: FieldInfo) -> str:
    default, unit = yaml_text(field.default), unit_of(field) or "none"
    cells = [f"`{ROOT_KEY}.{key}`", f"`{default}`", _allowed(field), unit]
    return f"| {' | '.join([*cells, str(field.description)])} |\n"


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
    return f"{_noun(annotation)}{limits}" + (" or `null`" if field.default == math.inf else "")


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
