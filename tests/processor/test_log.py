"""Silent unless somebody listens, structured if somebody does."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from aura_tda_gpu.log import get_logger

from .helpers import cloud, processor

PROGRAM = """
import asyncio, logging, sys
import numpy as np
from aura_tda_gpu import AuraTDAError, StreamingTDAProcessor

LISTEN
calls = []


def fail(updates):
    calls.append(1)
    if len(calls) == 2:
        raise RuntimeError("broken hook")


async def main():
    async with StreamingTDAProcessor([100], max_memory_mb=4, hooks=[fail]) as tda:
        lagging = tda.subscribe_to_updates(limit=1)
        try:
            await tda.process_batch(np.zeros((100, 2)), np.arange(100) / 1000)
        except AuraTDAError:
            pass
        await tda.process_batch([], [])

asyncio.run(main())
"""

LISTEN = """
import structlog
handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(structlog.stdlib.ProcessorFormatter(
    processors=[
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.JSONRenderer(),
    ]
))
logging.getLogger("aura_tda_gpu").addHandler(handler)
logging.getLogger("aura_tda_gpu").setLevel(logging.INFO)
"""


def run(listen: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.replace("LISTEN", listen)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout, done.stderr


def test_silent_by_default() -> None:
    assert run("") == ("", "")


def test_silent_even_where_others_log_errors() -> None:
    assert run("logging.getLogger('other').setLevel(logging.DEBUG)") == ("", "")


def test_structured_for_who_listens() -> None:
    out, err = run(LISTEN)
    assert err == ""
    lines = [json.loads(line) for line in out.splitlines()]
    events = [line["event"] for line in lines]
    assert events[0] == "started"
    assert events[-1] == "closed"
    assert events.count("tick_failed") == 1
    assert events.count("subscriber_lags") == 1
    failed = next(line for line in lines if line["event"] == "tick_failed")
    assert failed["level"] == "error"
    assert failed["error"] == "RuntimeError: broken hook"
    assert "broken hook" in failed["exception"]
    assert failed["logger"].startswith("aura_tda_gpu.")
    assert lines[0]["scales"] == [100]


def test_the_level_decides(caplog: pytest.LogCaptureFixture) -> None:
    log = get_logger("aura_tda_gpu.test")
    with caplog.at_level(logging.WARNING, "aura_tda_gpu"):
        log.info("unheard", number=1)
        log.warning("heard", number=2)
    (record,) = caplog.records
    assert isinstance(record.msg, dict)
    assert (record.msg["event"], record.msg["number"]) == ("heard", 2)


@pytest.mark.asyncio
async def test_start_and_end_are_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aura_tda_gpu")
    async with processor() as tda:
        await tda.process_batch(*cloud(20))
    told = [record.msg["event"] for record in caplog.records if isinstance(record.msg, dict)]
    assert told == ["started", "closed"]


@pytest.mark.asyncio
async def test_late_points_are_logged_at_powers_of_two(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "aura_tda_gpu")
    async with processor() as tda:
        for k in range(20, 0, -1):
            await tda.process_batch(*cloud(1, k))
        assert tda.stats.stream.late == 19
    told: list[Any] = [record.msg for record in caplog.records]
    assert [(line["event"], line["n_points"]) for line in told] == [
        ("points_late", n) for n in (1, 2, 4, 8, 16)
    ]
