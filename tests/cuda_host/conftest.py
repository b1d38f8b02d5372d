"""Modules of the kernels beside these tests, compiled once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.cuda_host import EmulatedModule, reason_unavailable

_KERNELS = Path(__file__).with_name("kernels")


@pytest.fixture(autouse=True)
def needs_compiler() -> None:
    if reason := reason_unavailable():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def load() -> Callable[..., EmulatedModule]:
    @cache
    def load(name: str, **settings: object) -> EmulatedModule:
        if settings.get("sanitize") and (reason := reason_unavailable(sanitize=True)):
            pytest.skip(reason)
        source = (_KERNELS / name).read_text()
        return EmulatedModule(source, name=name, **settings)  # type: ignore[arg-type]

    return load
