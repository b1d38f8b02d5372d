"""Importing the package is cheap: compiled code and optional packages wait until they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

LATE = ("cupy", "gtda", "matplotlib", "numba", "sklearn", "torch")


def loaded_after(code: str) -> set[str]:
    """Return which of the late packages a fresh interpreter has loaded after running ``code``."""
    script = f"import sys\n{code}\nprint(*(name for name in {LATE!r} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import aura_tda_gpu",
        "import aura_tda_gpu.features",
        "from aura_tda_gpu.persistence.rips import vietoris_rips",
        "from aura_tda_gpu.persistence.vineyard_updates import RipsWindow",
        "from aura_tda_gpu.features import pad",
        "from aura_tda_gpu.persistence import backends; backends.probe()",
    ],
)
def test_imports_are_light(code):
    assert loaded_after(code) == set()


def test_the_probe_can_see_numba():
    run = "from aura_tda_gpu.persistence import backends; backends.resolve('cpu', 2, (0,))"
    assert "numba" in loaded_after(run)
