"""What is in the wheel and the sdist, and what their metadata promise."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = {"plot", "sklearn", "torch", "test", "bench", "parquet", "cuda12", "cuda13"}


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(dist):
    (path,) = dist.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def test_the_wheel_holds_every_module_and_nothing_else(wheel):
    packed = {name for name in wheel.namelist() if name.endswith(".py")}
    assert packed == {str(p.relative_to(ROOT)) for p in (ROOT / "aura_tda_gpu").rglob("*.py")}
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"aura_tda_gpu"}
    assert not [name for name in wheel.namelist() if "__pycache__" in name]


@pytest.mark.parametrize("name", ["ppg_heartpy_data2.csv", "HEARTPY_LICENSE"])
def test_the_wheel_holds_the_recording_and_its_licence(wheel, name):
    assert wheel.read(f"aura_tda_gpu/data/{name}") == (ROOT / "examples/data" / name).read_bytes()


def test_the_wheel_is_typed_and_licensed(wheel, metadata):
    assert "aura_tda_gpu/py.typed" in wheel.namelist()
    assert metadata["License-Expression"] == "MIT"
    licences = [name for name in wheel.namelist() if name.endswith("/licenses/LICENSE")]
    assert wheel.read(licences[0]) == (ROOT / "LICENSE").read_bytes()


def test_the_command_is_installed(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "aura-tda = aura_tda_gpu.cli:main" in wheel.read(name).decode()


def test_metadata(metadata):
    assert metadata["Name"] == "aura-tda-gpu"
    assert metadata["Requires-Python"] == ">=3.10"
    assert set(metadata.get_all("Provides-Extra")) == EXTRAS


def test_nobody_is_made_to_install_a_peer_or_an_optional_package(metadata):
    needed = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    names = {re.match(r"[\w-]+", line)[0].lower() for line in needed}
    assert names == {"numba", "numpy", "pydantic", "pyyaml", "rich", "scipy", "structlog", "typer"}


def test_the_gpu_extras_and_the_environment_agree(metadata):
    lines = [line for line in metadata.get_all("Requires-Dist") if "extra == 'cuda1" in line]
    assert {line.partition(";")[0].strip() for line in lines} == {
        "cupy-cuda12x!=14.1.0,>=13",
        "cupy-cuda13x!=14.1.0,>=13.6",
        "nvidia-ml-py>=12",
    }
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    environment = {line for line in dependencies if isinstance(line, str)}
    needed = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert {"cupy>=13,!=14.1.0", "nvidia-ml-py>=12", *needed} <= environment


def test_agpl_stays_in_the_benchmarks():
    for folder in ("aura_tda_gpu", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            imports = re.findall(r"^\s*(?:from|import) (gph|giotto\w*)\b", path.read_text(), re.M)
            assert imports == [], path


def test_the_sdist_holds_sources_and_tests(dist):
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "Makefile",
        "tests/test_packaging.py",
    } <= names
    assert {"aura_tda_gpu/py.typed", "configs/streaming_tda.yaml"} <= names
    assert "examples/data/ppg_heartpy_data2.csv" in names
    assert not [name for name in names if name.startswith((".venv", ".git/", "out/"))]
