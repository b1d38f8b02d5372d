"""The CUDA sources: found, put together, compiled once, and accepted by the real compiler."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from aura_tda_gpu.cli.app import app
from aura_tda_gpu.errors import AuraTDAError, KernelCompileError
from aura_tda_gpu.persistence import cuda_compile, cuda_device, cuda_kernels
from aura_tda_gpu.persistence.cuda_kernels import (
    CONSTANTS,
    KERNELS,
    STAGES,
    Kernels,
    kernel_folder,
    kernel_source,
)

ROOT = Path(__file__).resolve().parent.parent.parent
NVCC = shutil.which("nvcc")
needs_nvcc = pytest.mark.skipif(NVCC is None, reason="nvcc was not found")


KERNEL = r'extern "C" __global__ void(?:\s+__launch_bounds__\([^)]*\))?\s+(\w+)\('


@pytest.fixture
def sources(tmp_path):
    """A copy of the sources that may be broken."""
    return Path(shutil.copytree(ROOT / "kernels", tmp_path / "kernels"))


def test_every_kernel_is_where_it_is_said_to_be():
    found = {
        name: stage
        for stage in STAGES
        for name in re.findall(KERNEL, (ROOT / "kernels" / f"{stage}.cu").read_text())
    }
    assert found == KERNELS
    assert {path.stem for path in (ROOT / "kernels").glob("*.cu")} == set(STAGES)


def test_every_kernel_is_in_the_readme():
    text = (ROOT / "kernels/README.md").read_text()
    assert [name for name in KERNELS if f"`{name}`" not in text] == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_source_is_one_text_with_each_header_once(stage):
    text = kernel_source(stage)
    assert "#include" not in text
    assert text.count("typedef unsigned long long edge_t;") == 1
    assert f"constexpr int CHUNK = {CONSTANTS['CHUNK']};" in text
    assert text.isascii()


def test_the_packaged_copy_comes_before_the_repository(monkeypatch, tmp_path, sources):
    assert kernel_folder() == ROOT / "kernels"
    assert kernel_folder(sources) == sources
    package = tmp_path / "elsewhere/aura_tda_gpu"
    (package / "persistence").mkdir(parents=True)
    shutil.copytree(sources, package / "kernels")
    shutil.copytree(sources, package.parent / "kernels")
    monkeypatch.setattr(cuda_kernels, "__file__", str(package / "persistence/cuda_kernels.py"))
    assert kernel_folder() == package / "kernels"
    shutil.rmtree(package / "kernels")
    assert kernel_folder() == package.parent / "kernels"


def test_sources_that_are_not_there(tmp_path, sources):
    with pytest.raises(KernelCompileError, match="not found"):
        kernel_source("lune", tmp_path)
    (sources / "lune.cuh").unlink()
    with pytest.raises(KernelCompileError, match=r"lune\.cuh.*cannot be read") as caught:
        kernel_source("lune", sources)
    assert caught.value.file == "lune.cuh"
    assert isinstance(caught.value, AuraTDAError)


def test_a_stage_is_compiled_once_and_a_failure_is_remembered():
    asked = []

    class Module:
        def get_function(self, name):
            return name.upper()

    def compile_source(source, *, name):
        asked.append(name)
        if name == "lune":
            raise KernelCompileError("does not compile", file="lune.cu", log="line 3: no")
        return Module()

    kernels = Kernels(compile_source)
    assert kernels["distance_euclidean"] == "DISTANCE_EUCLIDEAN"
    assert kernels["distance_manhattan"] == "DISTANCE_MANHATTAN"
    assert kernels["distance_euclidean"] == "DISTANCE_EUCLIDEAN"
    for name in ("lune_tiles", "lune_components", "lune_tiles"):
        with pytest.raises(KernelCompileError, match=r"lune\.cu: does not compile\nline 3: no"):
            kernels[name]
    assert asked == ["distance", "lune"]
    with pytest.raises(KeyError):
        kernels["no_such_kernel"]


@needs_nvcc
@pytest.mark.parametrize("stage", STAGES)
def test_nvcc_takes_it_for_every_architecture_without_a_warning(stage):
    uses = cuda_compile.compile_by_nvcc(NVCC, stage, cuda_compile.ARCHITECTURES)
    names = [name for name, where in KERNELS.items() if where == stage]
    assert {(use.kernel, use.arch) for use in uses} == {
        (name, arch) for name in names for arch in cuda_compile.ARCHITECTURES
    }
    assert len(uses) == len(names) * len(cuda_compile.ARCHITECTURES)
    for use in uses:
        assert 8 < use.registers <= 128
        assert use.spilled_bytes <= 64
        assert use.shared_bytes <= 48 * 1024
    blocks = {"spanning_forest": 64, "reduce_columns": 64}  # 1024 threads share 65 536 registers
    assert all(use.registers <= blocks.get(use.kernel, 128) for use in uses)


@needs_nvcc
def test_what_nvcc_refuses_is_told(monkeypatch, sources):
    text = (sources / "forest.cu").read_text()
    (sources / "forest.cu").write_text(text.replace("int mine = 0;", "int mine = zero;"))
    monkeypatch.setattr(cuda_compile, "kernel_source", lambda stage: kernel_source(stage, sources))
    with pytest.raises(KernelCompileError, match=r'forest\.cu.*\n[^$]*"zero" is undefined') as info:
        cuda_compile.compile_by_nvcc(NVCC, "forest", ["sm_90"])
    assert info.value.file == "forest.cu"
    assert "zero" in info.value.log


@needs_nvcc
def test_the_command_compiles_them():
    done = CliRunner().invoke(app, ["doctor", "--kernels", "--arch", "sm_90", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["compiler"] == NVCC
    assert {use["kernel"] for use in found["kernels"]} == set(KERNELS)
    assert {use["arch"] for use in found["kernels"]} == {"sm_90"}


def test_the_command_without_a_compiler(monkeypatch):
    monkeypatch.setattr(cuda_compile.shutil, "which", lambda name: None)
    monkeypatch.setattr(cuda_device, "load_driver", lambda: None)
    done = CliRunner().invoke(app, ["doctor", "--kernels"])
    assert done.exit_code == 2
    assert "nvcc was not found, and NVRTC cannot: no NVIDIA driver was found" in done.stderr


class Assembler:
    """NVRTC of two architectures, whose assembler tells of every kernel it finds."""

    class NVRTCError(RuntimeError):
        pass

    def __init__(self):
        self.options = []

    def getSupportedArchs(self):
        return (80, 90)

    def createProgram(self, source, name, headers, include_names):
        return re.findall(KERNEL, source)

    def compileProgram(self, program, options):
        self.options = options
        if "-arch=sm_10" in options:
            raise self.NVRTCError("NVRTC_ERROR_INVALID_OPTION")

    def getProgramLog(self, program):
        (arch,) = [option.removeprefix("-arch=") for option in self.options if "-arch" in option]
        return "\n".join(
            f"ptxas info    : Compiling entry function '{name}' for '{arch}'\n"
            f"ptxas         .     0 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads\n"
            f"ptxas info    : Used 40 registers, used 1 barriers, 128 bytes smem"
            for name in program
        )

    def destroyProgram(self, program):
        pass


@pytest.fixture
def by_nvrtc(monkeypatch):
    cupy = ModuleType("cupy")
    cupy.cuda = ModuleType("cupy.cuda")
    cupy.cuda.nvrtc = Assembler()
    for name, module in (("cupy", cupy), ("cupy.cuda", cupy.cuda)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(cuda_compile.shutil, "which", lambda name: None)


@pytest.mark.parametrize("asked", [(), ("sm_80", "sm_90")])
def test_nvrtc_compiles_for_a_list_of_architectures(by_nvrtc, asked):
    found = cuda_compile.compile_all(asked)
    assert found["compiler"] == "NVRTC"
    assert {(use["kernel"], use["arch"]) for use in found["kernels"]} == {
        (name, arch) for name in KERNELS for arch in ("sm_80", "sm_90")
    }
    for use in found["kernels"]:
        told = use["registers"], use["shared_bytes"], use["spilled_bytes"]
        assert told == (40, 128, 12)
        assert use["stage"] == KERNELS[use["kernel"]]


def test_an_architecture_that_nvrtc_does_not_know(by_nvrtc):
    with pytest.raises(KernelCompileError, match=r"distance\.cu"):
        cuda_compile.compile_all(["sm_10"])


def test_the_command_knows_what_an_architecture_is():
    done = CliRunner().invoke(app, ["doctor", "--kernels", "--arch", "hopper"])
    assert done.exit_code == 2
    assert "sm_90, not 'hopper'" in done.stderr
