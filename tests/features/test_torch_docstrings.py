"""The examples in the docstrings of the layers and steps run as they are printed."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = {
    "river": None,
    "sklearn_rips": "sklearn",
    "sklearn_vectors": "sklearn",
    "sklearn_windows": "sklearn",
    "torch_data": "torch",
    "torch_layers": "torch",
    "torch_perslay": "torch",
    "torch_rips": "torch",
}


@pytest.mark.parametrize("name", MODULES)
def test_the_examples(name):
    if MODULES[name] is not None:
        pytest.importorskip(MODULES[name], reason=f"{MODULES[name]} is not installed")
    found = doctest.testmod(import_module(f"aura_tda_gpu.features.{name}"))
    assert found.attempted
    assert not found.failed
