"""Times as text."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from aura_tda_gpu.cli.sources.iso_time import iso_seconds

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01", 0),
        ("1969-12-31T23:59:59.5Z", -0.5),
        ("2026-01-02T12:00Z", NOON),
        ("2026-01-02T12:00:00", NOON),
        ("2026-01-02 12:00:00 Z", NOON),
        ("2026-01-02t12:00:00z", NOON),
        ("2026-01-02T12:00:04.6Z", NOON + 4.6),
        ("2026-01-02T12:00:04,625000000Z", NOON + 4.625),
        ("2026-01-02T14:30:00+02:30", NOON),
        ("2026-01-02T11:00:00-01", NOON),
        ("2026-01-02T11:30:00-0030", NOON),
    ],
)
def test_times(text, seconds):
    assert iso_seconds(text) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12:00",
        "2026",
        "2026-13-01",
        "2026-02-30",
        "2026-01-02T24:00:00",
        "2026-01-02T12:00:61",
        "2026-01-02T12",
        "2026-01-02T12:00:00+25:00",
        "2026-01-02T12:00:00 or so",
        "02.01.2026",
    ],
)
def test_what_is_no_time(text):
    with pytest.raises(ValueError):  # noqa: PT011 - whoever asks words it anew
        iso_seconds(text)
