"""Running the command in this process and in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner, Result

from aura_tda_gpu.cli.app import app

ROOT = Path(__file__).parents[2]
SCALES = ("--scales", "500,1000")
TIME = ("--time-column", "t")


def invoke(*args: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)


def start(*args: object, **options: Any) -> subprocess.Popen[str]:
    """Start the command in a process of its own."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "aura_tda_gpu.cli", *map(str, args)],
        env={**os.environ, "PYTHONPATH": path},
        text=True,
        **options,
    )


def updates(text: str) -> list[dict[str, Any]]:
    """Read JSON lines; anything else in the text is an error."""
    return [json.loads(line) for line in text.splitlines()]


def until(condition: Callable[[], bool], seconds: float = 180) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_for_lines(path: Path, n: int) -> None:
    """Wait until a file has at least n lines."""
    until(lambda: path.exists() and path.read_bytes().count(b"\n") >= n)


def circle(n: int = 400) -> np.ndarray:
    """Return n rows: time at 100 Hz, and a point that goes round once in 126 rows."""
    t = np.arange(n) / 100
    return np.stack([t, np.cos(5 * t), np.sin(5 * t)], axis=1).round(6)


def circle_csv(n: int = 400) -> str:
    rows = "\n".join(",".join(map(repr, row)) for row in circle(n).tolist())
    return f"t,x,y\n{rows}\n"
