"""Points that come too late: counted, and told once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aura_tda_gpu import MultiScaleStream


def warnings(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.msg for record in caplog.records if isinstance(record.msg, dict)]


def test_the_first_late_point_is_a_warning_and_only_that(caplog: pytest.LogCaptureFixture) -> None:
    stream = MultiScaleStream([100], allowed_lateness_ms=50)
    stream.push(np.zeros((3, 2)), [0.0, 1.0, 0.96])
    assert not warnings(caplog)
    for t in (0.9, 0.5, 0.1):
        stream.push([0.0, 0.0], t)
    (told,) = warnings(caplog)
    assert told["event"] == "points_late"
    assert (told["n_points"], told["allowed_lateness_ms"]) == (1, 50)
    assert stream.stats.late == 3


def test_after_a_flush_the_stream_goes_on_and_older_points_are_late() -> None:
    stream = MultiScaleStream([1000])
    stream.push(np.zeros((2, 2)), [0.0, 0.55])
    stream.flush()
    assert stream.stats.watermark == pytest.approx(0.6)
    stream.push(np.zeros((2, 2)), [0.58, 0.7])
    assert (stream.stats.accepted, stream.stats.late) == (3, 1)
    assert [update.timestamp for update in stream.flush()] == [pytest.approx(0.7 + 0.1)]
