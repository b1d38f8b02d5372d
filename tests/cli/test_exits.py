"""Exit codes, for errors and for signals."""

from __future__ import annotations

import os
import signal

import pytest
import typer

from aura_tda_gpu.cli.exits import exit_code, exit_codes
from aura_tda_gpu.cli.running import catch_interrupt
from aura_tda_gpu.errors import (
    BackendUnavailable,
    ConfigError,
    InvalidInputError,
    MemoryLimitError,
    MissingDependencyError,
    SourceError,
    UnsupportedError,
)

SIGNALS = [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (BackendUnavailable, 2),
        (ConfigError, 2),
        (MemoryLimitError, 2),
        (MissingDependencyError, 2),
        (UnsupportedError, 2),
        (InvalidInputError, 1),
        (SourceError, 1),
    ],
)
def test_errors_end_with_one_line(capsys, kind, code):
    with pytest.raises(typer.Exit) as caught, exit_codes():
        raise kind("first\n  second")
    assert caught.value.exit_code == code == exit_code(kind("x"))
    assert capsys.readouterr().err == "error: first second\n"


def test_settings_of_the_stream_go_by_their_options(capsys):
    with pytest.raises(typer.Exit), exit_codes():
        raise MemoryLimitError("max_memory_mb is 1, allowed_lateness_ms is 2")
    assert capsys.readouterr().err == "error: --max-memory-mb is 1, --lateness-ms is 2\n"


@pytest.mark.parametrize(("number", "code", "word"), SIGNALS)
def test_the_first_signal_is_noted_and_the_second_one_ends_the_run(capsys, number, code, word):
    before = [signal.getsignal(n) for n, _, _ in SIGNALS]

    def run():
        with exit_codes(), catch_interrupt() as interrupt:
            assert (interrupt.asked, interrupt.exit_code, interrupt.word) == (False, 0, "end")
            os.kill(os.getpid(), number)
            assert (interrupt.asked, interrupt.exit_code, interrupt.word) == (True, code, word)
            os.kill(os.getpid(), number)
            pytest.fail("the second signal did not end it")

    with pytest.raises(typer.Exit) as caught:
        run()
    assert caught.value.exit_code == code
    assert capsys.readouterr().err == f"{word}\n"
    assert [signal.getsignal(n) for n, _, _ in SIGNALS] == before
