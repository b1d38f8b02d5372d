"""Fixtures of the tests of the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from .commands import circle_csv


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "circle.csv"
    path.write_text(circle_csv())
    return path
