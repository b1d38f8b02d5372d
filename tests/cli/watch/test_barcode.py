"""Bars as text: their place, their order, and what is certain."""

from __future__ import annotations

import numpy as np
import pytest

from aura_tda_gpu.cli.watch.barcode import ASCII, axis_end, bar_lines, number

from ..fakes import update

INF = np.inf
WIDTH = 3 + 20 + 1 + 19  # twenty cells for the bar


def drawn(found, n_lines=9, width=WIDTH, **options):
    """Return the text of each bar, its dimension, cells and numbers apart."""
    lines, axis = bar_lines(found.diagram, n_lines, width, **options)
    texts = [line.plain for line in lines]
    assert all(len(text) <= width for text in texts)
    cells = width - 23
    return axis, [(text[:2], text[3 : 3 + cells], text[4 + cells :].split()) for text in texts]


def test_bars_share_an_axis_that_ends_at_a_round_number():
    axis, lines = drawn(update([(5, 9.9), (2, 4), (7, 7.25)], parts=[]))
    assert axis == 10
    assert [cells.rstrip() for _, cells, _ in lines] == [
        " " * 10 + "█" * 10,
        " " * 4 + "█" * 4,
        " " * 14 + "▌",
    ]
    assert [words for _, _, words in lines] == [
        ["5", "→", "9.9"],
        ["2", "→", "4"],
        ["7", "→", "7.25"],
    ]


def test_half_cells():
    _, lines = drawn(update([(0.25, 9.75), (0.25, 0.5)], parts=[(0, 10)]))
    assert lines[0][1] == "▐" + "█" * 18 + "▌"
    assert lines[1][1].rstrip() == "▐"


def test_open_bars_reach_the_end():
    axis, lines = drawn(update([(5, INF), (6, INF)], truncated=[1], parts=[(0, INF)]))
    assert axis == 6
    assert all(cells.endswith("▶") for _, cells, _ in lines)
    assert [words[2] for _, _, words in lines] == ["∞", "cut", "∞"]


def test_loops_come_first_and_parts_take_the_room_that_is_left():
    loops = [(1, 2 + i) for i in range(300)]
    found = update(loops, parts=[(0, INF), (0, 3), (0, 2)])
    assert [name for name, _, _ in drawn(found, n_lines=4)[1]] == ["H1"] * 4
    assert drawn(found, n_lines=4)[1][0][2] == ["1", "→", "301"]
    few = update(loops[:2], parts=[(0, INF), (0, 3), (0, 2)])
    assert [name for name, _, _ in drawn(few, n_lines=4)[1]] == ["H1", "H1", "H0", "H0"]
    assert drawn(found, n_lines=0) == (1, [])


@pytest.mark.parametrize(
    ("bound", "dim"), [(0.0, [False, False]), (0.5, [False, True]), (np.nan, [True, True])]
)
def test_what_the_bound_does_not_make_certain_is_dim(bound, dim):
    found = update([(1, 5), (1, 1.9)], parts=[], error_bound=bound)
    lines, _ = bar_lines(found.diagram, 9, WIDTH)
    styles = [" ".join(str(span.style) for span in line.spans[1:]) for line in lines]
    assert ["dim" in style for style in styles] == dim


def test_a_terminal_without_the_signs():
    _, lines = drawn(update([(4, INF)], parts=[(0, 5)]), glyphs=ASCII)
    text = "".join("".join([name, cells, *words]) for name, cells, words in lines)
    assert text.isascii()
    assert "#>" in text


@pytest.mark.parametrize("width", [1, 10, 24])
def test_little_room(width):
    lines, _ = bar_lines(update([(1, 2)]).diagram, 9, width)
    assert len(lines) == 2


@pytest.mark.parametrize("largest", [1e-30, 0.1, 0.3, 1, 9.99, 10, 131, 1e30])
def test_the_axis_is_long_enough_and_not_much_longer(largest):
    assert largest <= axis_end(largest) <= 1.51 * largest


@pytest.mark.parametrize("largest", [0.0, INF])
def test_an_axis_of_nothing(largest):
    assert axis_end(largest) == 1


def test_numbers_are_short():
    values = [0.0, 1.0, 131.04198, 123456.7, 1.23456e-5, 0.00012345, 1e30]
    assert [number(value) for value in values[:3]] == ["0", "1", "131"]
    assert all(len(number(value)) <= 9 for value in values)
