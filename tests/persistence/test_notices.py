"""Whoever waits for a compiler at a terminal is told so, once it has taken a second."""

from __future__ import annotations

import io
import sys
import time

import pytest

from aura_tda_gpu.persistence import notices


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "_PATIENCE_S", 0.02)


def said(n_compiled: int, seconds: float = 0.3, stream: type[io.StringIO] = Terminal) -> str:
    """Return what is printed while so many kernels are compiled in a time."""
    counts = iter([0, n_compiled])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stream())
        with notices.compiling_told(lambda: next(counts)):
            time.sleep(seconds)
        printed: str = sys.stderr.getvalue()
    return printed


def test_one_line_at_a_terminal() -> None:
    (line,) = said(1).splitlines()
    assert "once per installation" in line
    assert "aura-tda doctor" in line


def test_nothing_where_kernels_are_loaded_or_quickly_there() -> None:
    assert said(0) == said(1, seconds=0.0) == ""


def test_nothing_where_the_caller_tells_it() -> None:
    with notices.told_by_caller():
        assert said(1) == ""


def test_a_file_gets_no_line_but_the_log_a_record(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "aura_tda_gpu"):
        assert said(1, seconds=1.0, stream=io.StringIO) == ""
    assert len(caplog.records) == 1
