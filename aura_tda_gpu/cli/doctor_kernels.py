"""``aura-tda doctor --kernels``: compile the CUDA kernels and tell what each takes."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["show_kernels"]


def show_kernels(architectures: list[str], *, as_json: bool) -> None:
    """Compile all CUDA kernels and print what they take, for a machine or for a person.

    Raises
    ------
    ConfigError
        If the name of an architecture is none.
    KernelCompileError
        If a kernel does not compile.
    MissingDependencyError
        If nothing here compiles CUDA.
    """
    from ..errors import ConfigError
    from ..persistence.cuda_compile import compile_all

    for name in architectures:
        if not name.removeprefix("sm_").isdigit() or not name.startswith("sm_"):
            raise ConfigError(f"--arch takes names such as sm_90, not {name!r}")
    found = compile_all(architectures)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if as_json:
        console.print_json(json.dumps(found))
        return
    console.print(f"compiled by {found['compiler']}")
    console.print(_table(found["kernels"]))


def _table(kernels: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("kernel", "architecture"):
        table.add_column(name)
    for name in ("registers", "shared bytes", "spilled bytes"):
        table.add_column(name, justify="right")
    for use in kernels:
        numbers = (use["registers"], use["shared_bytes"], use["spilled_bytes"])
        table.add_row(use["kernel"], use["arch"], *map(str, numbers))
    return table
