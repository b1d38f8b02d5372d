"""Fixtures and settings shared by all tests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings

from aura_tda_gpu.persistence import cost_model

settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)


STEADY = cost_model.MachineCosts(
    rebuild=2e-9, notes=0.5, mark=1e-9, recheck=2.5e-10, rebuild_start=1e-4, update_start=1e-4
)


@pytest.fixture(autouse=True)
def steady_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let windows take the same paths on every machine, however busy it is."""
    monkeypatch.setitem(cost_model._MEASURED, "cpu", STEADY)
    monkeypatch.setattr(cost_model.CostModel, "_learn", lambda *_: None)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240229)


@pytest.fixture(params=["reference", "cpu"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)
