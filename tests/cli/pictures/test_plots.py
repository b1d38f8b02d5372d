"""Pictures are drawn for whatever diagrams there are."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from aura_tda_gpu import MultiScaleStream, vietoris_rips
from aura_tda_gpu.cli.pictures import plots
from aura_tda_gpu.cli.pictures.diagram import diagram_figure
from aura_tda_gpu.cli.pictures.history import History, longest_loops
from aura_tda_gpu.cli.pictures.loops import draw_signal, loops_figure
from aura_tda_gpu.cli.sources.base import Chunk
from aura_tda_gpu.errors import ConfigError, MissingDependencyError

from ..commands import circle, circle_csv, invoke
from ..fakes import update

SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("points", "dimensions", "threshold"),
    [
        (circle(100)[:, 1:], (0, 1), np.inf),
        (circle(100)[:, 1:], (1,), np.inf),
        (circle(120)[:, 1:], (0, 1), 0.3),
        (np.zeros((5, 2)), (0, 1), np.inf),
        (np.zeros((0, 2)), (0, 1), np.inf),
        (np.random.default_rng(0).normal(size=(400, 2)), (0, 1), np.inf),
    ],
)
def test_every_diagram_can_be_drawn(tmp_path, points, dimensions, threshold):
    diagram = vietoris_rips(
        points, homology_dimensions=dimensions, max_edge_length=threshold, backend="cpu"
    )
    diagram.error_bound = 0.1
    figure = diagram_figure(diagram, "a title")
    _, right = figure.axes
    shown = sum(len(c.get_offsets()) for c in right.collections if c.get_sizes().size)
    assert shown == len(diagram)
    png, svg = plots.save(figure, tmp_path / "new", "a")
    assert png.read_bytes().startswith(SIGNATURE)
    assert "<svg" in svg.read_text()


def history_of(rows, scales):
    stream = MultiScaleStream(scales=scales)
    updates = stream.push(rows[:, 1:], rows[:, 0]) + stream.flush()
    numbers = np.arange(len(rows))
    chunk = Chunk(rows[:, 1:], rows[:, 0], numbers, numbers)
    history = History()
    history.see(chunk, chunk, updates)
    return history, updates


@pytest.mark.parametrize("offset", [0.0, 1.7e9, -50.0])
def test_loops_over_time(tmp_path, offset):
    rows = circle()
    rows[:, 0] += offset
    history, updates = history_of(rows, [500, 1000])
    assert len(history.signals) == 2
    figure = loops_figure(history, names=["x", "y"], title="circle")
    assert len(figure.axes) == 3
    label = figure.axes[-1].get_xlabel()
    assert label == ("time (s), counted from 1700000000" if offset == 1.7e9 else "time (s)")
    for axes, scale in zip(figure.axes[1:], (500, 1000), strict=True):
        mine = [u for u in updates if u.window_id == f"scale_{scale}ms"]
        drawn = axes.lines[1].get_ydata()
        np.testing.assert_allclose(drawn, [longest_loops(u)[0] for u in mine])
    plots.save(figure, tmp_path, "a")


def test_the_band_reaches_to_twice_the_error_bound():
    history, updates = history_of(circle(), [1000])
    (bounds,) = history.bounds.values()
    assert not bounds.high.any()
    updates = [replace(update, error_bound=0.25) for update in updates]
    axes = loops_figure(remembered(updates)).axes[1]
    band = axes.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(0.5)
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "not certain (up to twice the error bound)" in texts
    diagram = updates[-1].diagram
    diagram.error_bound = 0.25
    right = diagram_figure(diagram, "").axes[1]
    (band,) = [c for c in right.collections if c.get_label().startswith("not certain")]
    assert band.get_label() == "not certain: up to 0.5 long"
    x, y = band.get_paths()[0].vertices.T
    assert (y - x).max() == pytest.approx(0.5)


def test_where_no_bound_is_known_nothing_is_certain(tmp_path):
    _, updates = history_of(circle(), [1000])
    updates = [replace(update, error_bound=np.inf) for update in updates]
    updates[-1].diagram.error_bound = np.inf
    figure = loops_figure(remembered(updates))
    axes = figure.axes[1]
    band = axes.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(axes.get_ylim()[1])
    plots.save(figure, tmp_path, "a")
    plots.save(diagram_figure(updates[-1].diagram, ""), tmp_path, "b")


def remembered(updates):
    """Return a history of one signal and some updates."""
    rows = circle(10)
    chunk = Chunk(rows[:, 1:2], rows[:, 0], np.arange(10), np.arange(10))
    history = History()
    history.see(chunk, chunk, updates)
    return history


def test_names_with_a_dollar_or_an_underscore(tmp_path):
    history, _ = history_of(circle(), [1000])
    figure = loops_figure(history, names=["_a", "$_^{$"], title="cost_$_in_$.csv")
    texts = figure.axes[0].get_legend().get_texts()
    assert [text.get_text() for text in texts] == ["_a", "$_^{$"]
    plots.save(figure, tmp_path, "a")
    figure = diagram_figure(vietoris_rips(np.zeros((2, 2))), "a $^$ b")
    plots.save(figure, tmp_path, "b")


def test_more_columns_than_are_shown_are_told(tmp_path):
    rows = np.column_stack([circle(200), circle(200)[:, 1:], np.zeros(200)])
    history, _ = history_of(rows, [1000])
    top = loops_figure(history, names=list("abcde")).axes[0]
    assert top.get_title(loc="left") == "the first 3 of 5 columns"
    assert loops_figure(history_of(circle(), [1000])[0]).axes[0].get_title(loc="left") == ""


def test_a_gap_in_time_is_not_drawn_over():
    t = np.concatenate([np.arange(0, 1, 0.01), np.arange(5, 6, 0.01)])
    chunk = Chunk(np.ones((len(t), 1)), t, np.arange(len(t)), np.arange(len(t)))
    history = History()
    history.see(chunk, chunk, [])
    axes = plots.new_figure(4, 2).subplots()
    draw_signal(axes, history.signals)
    x, y = axes.lines[0].get_data()
    assert len(x) == 2 * len(t) + 1
    assert np.isnan(y[200])
    assert not np.isnan(np.delete(y, 200)).any()
    assert (x[199], x[201]) == pytest.approx((0.99, 5))


def test_longest_loops_of_few_and_open_bars():
    square = np.array([[0, 0], [0, 1], [1, 1], [1, 0]], np.float64)
    stream = MultiScaleStream(scales=[1000])
    (update,) = stream.push(square, np.full(4, 0.05)) + stream.flush()
    assert longest_loops(update) == pytest.approx((np.sqrt(2) - 1, 0))
    stream = MultiScaleStream(scales=[1000], max_edge_length=1.2)
    (update,) = stream.push(square, np.full(4, 0.05)) + stream.flush()
    assert longest_loops(update) == (0, 0)
    stream = MultiScaleStream(scales=[1000], homology_dimensions=(0,))
    (update,) = stream.push(square, np.full(4, 0.05)) + stream.flush()
    assert longest_loops(update) == (0, 0)


def test_scales_as_people_write_them():
    assert plots.scale_name("scale_100ms") == "100 ms"
    assert plots.scale_name("scale_4000ms") == "4 s"
    assert plots.scale_name("scale_1500ms") == "1.5 s"
    assert plots.scale_name("else") == "else"


def test_a_title_says_what_the_vertices_are():
    head = "window of 1 s that ends at 1 s, "
    assert plots.title_of(update(n_points=1)) == f"{head}1 point"
    equal = update(n_points=9, n_vertices=4)
    assert plots.title_of(equal) == f"{head}9 points, 4 distinct points"
    for bound in (0.1, np.nan):
        covered = update(n_points=900, n_vertices=1, error_bound=bound)
        assert plots.title_of(covered) == f"{head}900 points, 1 landmark"


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    figure = diagram_figure(vietoris_rips(np.zeros((2, 2))), "")
    with pytest.raises(ConfigError, match="file"):
        plots.save(figure, tmp_path / "file", "a")


def test_without_matplotlib_plot_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"aura-tda-gpu\[plot\]"):
        plots.require_matplotlib()
    path = tmp_path / "a.csv"
    path.write_text(circle_csv())
    done = invoke("run", path, "--time-column", "t", "--plot", tmp_path / "pics")
    assert done.exit_code == 2
    assert "pip install 'aura-tda-gpu[plot]'" in done.stderr
    assert not (tmp_path / "pics").exists()
