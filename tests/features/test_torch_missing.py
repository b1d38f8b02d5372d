"""torch and scikit-learn come when asked for, and are told by name when they are missing."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize(
    "code",
    [
        "import aura_tda_gpu.features",
        "from aura_tda_gpu import features; features.pad([])",
        "from aura_tda_gpu import MultiScaleStream; MultiScaleStream([100]).push([[0.0]], [0.0])",
    ],
)
def test_nothing_imports_them_by_the_way(code):
    done = run(f"import sys\n{code}\nprint('torch' in sys.modules, 'sklearn' in sys.modules)")
    assert done.stdout == "False False\n", done.stderr


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [("torch", "torch", "torch"), ("sklearn", "scikit-learn", "sklearn")],
)
def test_what_is_missing_is_one_error_with_the_way_out(module, package, extra):
    code = f"""
import sys
sys.modules[{module!r}] = None  # as if it were not installed
from aura_tda_gpu.errors import AuraTDAError, MissingDependencyError
try:
    import aura_tda_gpu.features.{module}
except MissingDependencyError as error:
    assert isinstance(error, AuraTDAError) and isinstance(error, ImportError)
    print(error)
"""
    done = run(code)
    line = f"features.{module} needs {package}: pip install 'aura-tda-gpu[{extra}]'\n"
    assert done.stdout == line, done.stderr


def test_a_diagram_without_torch():
    code = """
import sys
sys.modules["torch"] = None
from aura_tda_gpu import vietoris_rips
from aura_tda_gpu.errors import MissingDependencyError
try:
    vietoris_rips([[0.0], [1.0]]).to_torch()
except MissingDependencyError as error:
    print(error)
"""
    assert run(code).stdout == "to_torch needs torch: pip install 'aura-tda-gpu[torch]'\n"
