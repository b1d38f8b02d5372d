"""The live view: what it shows, how often, and what it leaves behind."""

from __future__ import annotations

import io
import re
import threading
import time

import numpy as np
import pytest
from rich.console import Console

from aura_tda_gpu.cli.watch.state import Rates
from aura_tda_gpu.cli.watch.view import WatchView
from aura_tda_gpu.config import Config
from aura_tda_gpu.streaming.stats import StreamStats

from ..fakes import rows, update

INF = np.inf
SCALES = (100, 1000, 10000, 60000)
LOOPS = [(0.5, 3.5 - i / 100) for i in range(200)]


class Clock:
    """A clock that stands still until told otherwise."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def watch(scales=SCALES, *, width=80, height=24, terminal=True, encoding=None, **options):
    """Return a view, its clock and the file that it writes to."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding) if encoding else io.StringIO()
    console = Console(
        file=file,
        force_terminal=terminal,
        width=width,
        height=height,
        color_system=None,
        legacy_windows=False,
        _environ={"TERM": "xterm"},
    )
    clock = Clock()
    settings = Config(scales=scales, memory={"max_mb": 64})
    return WatchView(console, settings, clock=clock, **options), clock, file


def page(view) -> list[str]:
    """Return the screen of a view, line by line."""
    with view.console.capture() as captured:
        view.console.print(view, end="")
    lines = captured.get().splitlines()
    assert all(len(line) <= view.console.width for line in lines)
    assert len(lines) <= view.console.height
    return lines


def panels(lines) -> list[list[str]]:
    """Return the panels of a page of one column."""
    tops = [i for i, line in enumerate(lines) if line.startswith("╭")]
    ends = [i for i, line in enumerate(lines) if line.startswith("╰")]
    return [lines[top : end + 1] for top, end in zip(tops, ends, strict=True)]


def test_four_scales_fill_a_small_terminal():
    view, clock, _ = watch(queue_depth=lambda: (12, 10_000))
    for name, n in zip(SCALES, (5, 50, 500, 3000), strict=True):
        found = update(
            LOOPS,
            window_id=f"scale_{name}ms",
            n_points=n,
            n_vertices=min(n, 512),
            error_bound=0.01 if n > 512 else 0.0,
        )
        view.see(rows(100), rows(100), [found])
    clock.now += 2
    lines = page(view)
    assert len(lines) == 24
    assert lines[0].split("  ")[:3] == ["400 points", "200 points/s", "queue 12/10,000"]
    assert lines[0].endswith("0:00:02")
    shown = panels(lines)
    assert [len(panel) for panel in shown] == [6, 6, 6, 5]
    assert "scale_100ms · 1 s · exact · 5 points ─" in shown[0][0]
    assert "error ≤ 0.01 · 3,000 points, 512 landmarks" in shown[3][0]
    assert "H1 " in shown[0][1]
    assert "0.5 → 3.5" in shown[0][1]
    assert "0.5 ticks/s · p50 2.0 p99 2.0 ms · +196 H1 +1 H0 · axis to 4" in shown[0][-1]
    assert "+197 H1 +1 H0" in shown[3][-1]


def test_one_scale_takes_the_whole_screen():
    view, _, _ = watch([1000])
    view.see(rows(1), rows(1), [update(LOOPS)])
    (panel,) = panels(page(view))
    assert len(panel) == 23
    assert "+179 H1" in panel[-1]


def test_wide_terminals_have_columns():
    view, _, _ = watch(width=160)
    lines = page(view)
    assert len(lines) == 24
    assert [line.count("╭") for line in lines if "╭" in line] == [2, 2]
    assert {len(line.rstrip()) for line in lines[1:]} == {160}


@pytest.mark.parametrize(
    ("height", "n_panels", "hidden"), [(13, 4, 0), (12, 3, 1), (7, 1, 3), (3, 0, 4), (1, 0, 4)]
)
def test_scales_without_room_are_counted(height, n_panels, hidden):
    view, _, _ = watch(height=height)
    lines = page(view)
    assert len(panels(lines)) == n_panels
    if height > 1:
        assert (f"{hidden} of 4 scales need a taller window" in lines[-1]) == (hidden > 0)


@pytest.mark.parametrize("width", [1, 8, 20, 40])
def test_narrow_terminals(width):
    view, _, _ = watch(width=width)
    view.see(rows(1), rows(1), [update(LOOPS, window_id="scale_100ms")])
    page(view)


def test_windows_with_little_to_show():
    view, _, _ = watch(height=25)
    named = dict(zip("abcd", (f"scale_{ms}ms" for ms in SCALES), strict=True))
    view.see(rows(1), rows(1), [update(parts=[], n_points=0, window_id=named["a"])])
    view.see(rows(1), rows(1), [update([(1, INF)], window_id=named["b"], truncated=[0])])
    view.see(rows(1), rows(1), [update(parts=[], window_id=named["c"])])
    texts = ["\n".join(panel) for panel in panels(page(view))]
    assert "no point in this window" in texts[0]
    assert "axis" not in texts[0]
    assert "1 → cut" in texts[1]
    assert "0 → ∞" in texts[1]
    assert "no bar" in texts[2]
    assert "no tick yet" in texts[3]


def test_errors_of_a_window_and_what_it_lost():
    view, _, _ = watch([1000])
    lossy = update(
        LOOPS, n_points=900, n_vertices=9, error_bound=0.123456, n_overflowed=70, skipped_ticks=3
    )
    view.see(rows(1), rows(1), [lossy])
    text = "\n".join(page(view))
    assert "error ≤ 0.1235" in text
    assert "3 skipped" in text
    assert "70 overflowed" in text
    view.see(rows(1), rows(1), [update(LOOPS, n_points=900, n_vertices=9, error_bound=np.nan)])
    text = "\n".join(page(view))
    assert "no bound" in text
    assert "3 skipped" in text
    assert "overflowed" not in text


def test_equal_points_of_an_exact_window_are_no_landmarks():
    view, _, _ = watch([1000])
    view.see(rows(1), rows(1), [update(LOOPS, n_points=900, n_vertices=1)])
    assert "exact · 900 points, 1 distinct point ─" in page(view)[1]


def test_late_points_are_those_of_the_stream():
    stats = StreamStats(5, 1234, 0, {}, 0, None, 0)
    view, _, _ = watch(stats=lambda: stats)
    assert "1,234 late" in page(view)[0]
    assert "late" not in page(watch()[0])[0]


def test_a_source_without_a_queue():
    assert "queue" not in page(watch(queue_depth=lambda: None)[0])[0]


def test_rates_look_back_a_few_seconds():
    rates = Rates(10.0)
    assert rates.mark(11.0, [100, 1]) == [100, 1]
    for second in range(12, 30):
        assert rates.mark(second, [100, 1])
    assert rates.mark(30.0, [100, 1]) == [0, 0]
    assert rates.mark(31.0, [150, 1]) == [10, 0]
    assert len(rates._marks) < 10


def test_latency_is_that_of_the_latest_ticks():
    view, _, _ = watch([1000])
    for latency in [1.0] * 600 + [0.003] * 600:
        view.see(rows(0), rows(0), [update(latency=latency)])
    assert view.state.scales["scale_1000ms"].latency() == (0.003, 0.003)
    assert "p50 3.0 p99 3.0 ms" in page(view)[-1]


def test_a_message_stands_below_the_panels_and_is_said_again_at_the_end():
    view, _, file = watch(height=12)
    with view:
        view.say("data[1].csv: was replaced")
    assert page(view)[-1] == "data[1].csv: was replaced".ljust(80)
    assert file.getvalue().endswith("data[1].csv: was replaced\n")


def test_the_last_tick_of_each_scale_stays_when_the_screen_has_gone():
    view, _, file = watch([1000, 4000])
    with view:
        view.see(rows(1), rows(1), [update(LOOPS, timestamp=t) for t in (1.0, 2.0)])
        view.say("a notice")
    _, _, after = file.getvalue().partition("\x1b[?1049l")
    told = "scale_1000ms at 2 s: 5 points, exact, 200 H1, longest 3"
    assert [line for line in after.splitlines() if "\x1b" not in line] == [told, "a notice"]


def test_terminals_without_the_signs():
    view, _, _ = watch([1000], encoding="ascii")
    view.see(rows(1), rows(1), [update(LOOPS, error_bound=0.1, n_points=9, n_vertices=8)])
    text = "\n".join(page(view))
    assert text.isascii()
    assert "error <= 0.1" in text


def test_the_terminal_is_left_as_it_was():
    view, _, file = watch()
    before = threading.active_count()
    during = []

    def interrupted():
        with view:
            during.append(threading.active_count())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert during == [before + 1]
    assert threading.active_count() == before
    text = file.getvalue()
    for start, end in (("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?25l", "\x1b[?25h")):
        assert text.count(start) == text.count(end) == 1
        assert text.index(start) < text.index(end)


def test_seeing_does_not_draw():
    view, _, _ = watch()
    drawn: list[str] = []
    with view:
        view._live.refresh = lambda: drawn.append(threading.current_thread().name)
        started = time.monotonic()
        for _ in range(1000):
            view.see(rows(1), rows(1), [update(window_id="scale_100ms")])
        assert len(drawn) <= (time.monotonic() - started) / 0.1 + 1
        until = time.monotonic() + 10
        while not drawn and time.monotonic() < until:
            time.sleep(0.01)
    assert set(drawn) == {"aura-tda-watch"}


def test_a_silent_source_still_has_a_clock():
    view, clock, file = watch([1000])
    with view:
        for now, text in ((100.0, "0:00:00"), (200.0, "0:01:40")):
            clock.now = now
            until = time.monotonic() + 10
            while text not in file.getvalue() and time.monotonic() < until:
                time.sleep(0.01)
            assert text in file.getvalue()


def test_a_view_that_fails_says_so_at_the_end():
    failed = threading.Event()

    def fail(now):
        failed.set()
        raise RuntimeError("no picture")

    def failing(error=None):
        view, _, _ = watch()
        failed.clear()
        with view:
            view._look = fail
            assert failed.wait(10)
            if error is not None:
                raise error

    with pytest.raises(RuntimeError, match="no picture"):
        failing()
    with pytest.raises(KeyboardInterrupt):
        failing(KeyboardInterrupt())


def test_a_terminal_that_has_gone_does_not_end_the_run():
    view, _, _ = watch()
    gone = threading.Event()

    def fail(now):
        gone.set()
        raise OSError("no terminal")

    with view:
        look, view._look = view._look, fail
        assert gone.wait(10)
        view._look = look


def test_a_line_a_second_where_there_is_no_terminal():
    view, clock, file = watch([1000, 4000], terminal=False)
    with view:
        for i in range(31):
            clock.now = 100 + i / 10
            view.see(rows(10), rows(10), [update(LOOPS, timestamp=i / 10)])
            if i == 15:
                view.say("a[b]: was replaced")
    lines = file.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[1] == "a[b]: was replaced"
    assert lines[0] == (
        "0:00:01  110 points  110 points/s  |  "
        "scale_1000ms at 1 s: 5 points, exact, 200 H1, longest 3"
    )
    assert "\x1b" not in file.getvalue()


def test_the_last_state_is_printed_once():
    view, _, file = watch([1000], terminal=False)
    with view:
        view.see(rows(7), rows(7), [])
    assert file.getvalue() == "0:00:00  7 points  0 points/s\n"
    with watch([1000], terminal=False)[0] as silent:
        pass
    assert re.fullmatch("0:00:00  0 points .*\n", silent.console.file.getvalue())
