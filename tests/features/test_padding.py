"""Diagrams of several forms become one array."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aura_tda_gpu import vietoris_rips
from aura_tda_gpu.errors import ConfigError, InvalidInputError, NotComputedError
from aura_tda_gpu.features import pad


def test_diagrams(rng):
    clouds = [rng.normal(size=(n, 2)) for n in (30, 9, 20)]
    diagrams = [vietoris_rips(cloud) for cloud in clouds]
    values, mask = pad(diagrams)
    assert values.dtype == np.float32
    assert mask.sum(1).tolist() == [len(diagram) for diagram in diagrams]
    for row, there, diagram in zip(values, mask, diagrams, strict=True):
        for dimension in (0, 1):
            bars = row[there & (row[:, 2] == dimension)]
            assert np.array_equal(bars[:, :2], diagram[dimension])
        assert not row[~there].any()
    only, there = pad(diagrams, dimension=1, length=50)
    assert only.shape == (3, 50, 3)
    assert (only[there][:, 2] == 1).all()
    mappings = [{k: d[k] for k in d.dimensions} for d in diagrams]
    assert np.array_equal(pad(mappings)[0], values)
    with pytest.raises(NotComputedError, match="dimension 2 was not computed"):
        pad(diagrams, dimension=2)
    assert pad(mappings, dimension=2)[0].shape == (3, 1, 3)


@pytest.mark.parametrize("make", [np.asarray, torch.as_tensor])
def test_arrays(make):
    tables = [np.array([[0.0, 1.0], [0.5, 2.0]]), np.zeros((0, 2)), np.array([[3.0, np.inf]])]
    values, mask = pad([make(table) for table in tables], dimension=1)
    assert type(values) is type(make(tables[0]))
    assert mask.tolist() == [[True, True], [False, False], [True, False]]
    assert values.tolist() == [
        [[0, 1, 1], [0.5, 2, 1]],
        [[0, 0, 0], [0, 0, 0]],
        [[3, np.inf, 1], [0, 0, 0]],
    ]
    mixed = make(np.array([[0.0, 1.0, 0.0], [0.0, 2.0, 1.0]]))
    assert pad([mixed], dimension=1)[0].tolist() == [[[0, 2, 1]]]


def test_gradients_pass():
    bars = [torch.rand(n, 2, dtype=torch.float64, requires_grad=True) for n in (3, 1)]
    values, _ = pad(bars, dimension=1)
    (values[:, :, 0] * values[:, :, 1]).sum().backward()
    for table in bars:
        assert torch.equal(table.grad, table.detach().flip(1))


@pytest.mark.parametrize("make", [np.asarray, torch.as_tensor])
def test_a_mapping_without_the_dimension_is_of_the_kind_of_the_others(make):
    one, none = {1: make(np.array([[0.0, 1.0]]))}, {0: make(np.array([[0.0, 2.0]]))}
    for mappings, there in (([one, none, {}], [1, 0, 0]), ([{}, none, one], [0, 0, 1])):
        values, mask = pad(mappings, dimension=1)
        assert type(values) is type(one[1])
        assert values.dtype == one[1].dtype
        assert mask[:, 0].tolist() == there


def test_nothing():
    values, mask = pad([])
    assert (values.shape, mask.shape) == ((0, 1, 3), (0, 1))


@pytest.mark.parametrize(
    ("diagrams", "options", "said"),
    [
        ([np.zeros((1, 3)), 3], {}, "diagram 1 must be an array of numpy, CuPy or torch, not int"),
        (
            [np.zeros((1, 2))],
            {},
            r"diagram 0 must have shape \(n, 3\), or \(n, 2\) with dimension=",
        ),
        ([np.zeros((1, 4))], {"dimension": 1}, r"diagram 0 must have shape .* not \(1, 4\)"),
        ([{1: np.zeros(3)}], {}, r"bars of diagram 0 must have shape \(n, 2\), not \(3,\)"),
        ([np.zeros((4, 3))], {"length": 3}, "diagram 0 has 4 bars, more than length=3"),
        (
            [np.zeros((1, 3)), np.zeros((1, 3), np.float32)],
            {},
            "diagram 1 is numpy float32 on cpu, but diagram 0 is numpy float64 on cpu",
        ),
        ([np.zeros((1, 3)), torch.zeros(1, 3)], {}, "diagram 1 is torch .* diagram 0 is numpy"),
    ],
)
def test_what_cannot_be_padded(diagrams, options, said):
    with pytest.raises(InvalidInputError, match=said):
        pad(diagrams, **options)


@pytest.mark.parametrize(
    "single", [None, 3, np.zeros((4, 3)), torch.zeros(4, 3), {0: np.zeros((4, 2))}, "diagram"]
)
def test_a_single_diagram_is_no_sequence_of_them(single):
    given = vietoris_rips(np.eye(3)) if isinstance(single, str) else single
    with pytest.raises(InvalidInputError, match=r"pass a single diagram as \[diagram\]"):
        pad(given)


@pytest.mark.parametrize("number", [-1, "1", 1.0, True])
def test_settings(number):
    with pytest.raises(ConfigError, match="length must be an integer from 0 on"):
        pad([np.zeros((1, 3))], length=number)
    with pytest.raises(ConfigError, match="dimension must be an integer from 0 on"):
        pad([np.zeros((1, 2))], dimension=number)
