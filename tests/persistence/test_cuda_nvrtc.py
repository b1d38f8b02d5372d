"""What is asked of NVRTC, and how what it compiles is kept and loaded."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from aura_tda_gpu.errors import KernelCompileError
from aura_tda_gpu.persistence import cuda_nvrtc
from aura_tda_gpu.persistence.cuda_kernels import STAGES, kernel_source
from aura_tda_gpu.persistence.cuda_nvrtc import compiled, module_of_current_device


class Nvrtc:
    """NVRTC as CuPy binds it; compiles to its own options and source."""

    class NVRTCError(RuntimeError):
        pass

    def __init__(self):
        self.programs, self.compiled, self.version = {}, [], (13, 0)

    def getVersion(self):
        return self.version

    def getSupportedArchs(self):
        return (75, 80, 90)

    def createProgram(self, source, name, headers, include_names):
        assert headers == include_names == ()
        self.programs[len(self.programs) + 1] = source
        return len(self.programs)

    def compileProgram(self, program, options):
        self.compiled.append(options)
        if "wrong" in self.programs[program]:
            raise self.NVRTCError("NVRTC_ERROR_COMPILATION")

    def getProgramLog(self, program):
        return f"line 1 of {self.programs[program]}"

    def getCUBIN(self, program):
        return b"binary of " + self.programs[program].encode()

    def getPTX(self, program):
        return "text of " + self.programs[program]

    def destroyProgram(self, program):
        self.programs[program] = None


class CUDADriverError(RuntimeError):
    pass


class RawModule:
    def __init__(self, *, path):
        self.path, self.loaded = Path(path), None

    def compile(self):
        self.loaded = self.path.read_bytes()
        if self.loaded[:2] not in (b"bi", b"te"):
            raise CUDADriverError("CUDA_ERROR_INVALID_IMAGE")


@pytest.fixture
def cupy(monkeypatch, tmp_path):
    found = ModuleType("cupy")
    found.capability = "90"
    found.RawModule = RawModule
    found.cuda = ModuleType("cupy.cuda")
    found.cuda.Device = lambda: SimpleNamespace(compute_capability=found.capability)
    found.cuda.nvrtc = Nvrtc()
    found.cuda.driver = ModuleType("cupy.cuda.driver")
    found.cuda.driver.CUDADriverError = CUDADriverError
    for name, module in (("", found), (".cuda", found.cuda), (".cuda.driver", found.cuda.driver)):
        monkeypatch.setitem(sys.modules, f"cupy{name}", module)
    monkeypatch.setenv("CUPY_CACHE_DIR", str(tmp_path / "kept"))
    return found


def test_it_is_compiled_once_and_kept(cupy):
    first = module_of_current_device("good", name="lune")
    assert first.loaded == b"binary of good"
    assert cupy.cuda.nvrtc.compiled == [("-std=c++17", "--fmad=false", "-ftz=false", "-arch=sm_90")]
    assert set(cupy.cuda.nvrtc.programs.values()) == {None}
    again = module_of_current_device("good", name="lune")
    assert again.path == first.path
    assert len(cupy.cuda.nvrtc.compiled) == 1
    assert [file.name for file in first.path.parent.iterdir()] == [first.path.name]


def test_another_source_device_or_compiler_is_compiled_anew(cupy):
    paths = {module_of_current_device("good", name="lune").path}
    paths.add(module_of_current_device("better", name="lune").path)
    cupy.capability = "80"
    paths.add(module_of_current_device("good", name="lune").path)
    cupy.cuda.nvrtc.version = 13, 1
    paths.add(module_of_current_device("good", name="lune").path)
    assert len(paths) == len(cupy.cuda.nvrtc.compiled) == 4


def test_a_device_that_the_compiler_does_not_know_takes_text_of_an_older_one(cupy):
    cupy.capability = "121"
    module = module_of_current_device("good", name="lune")
    assert module.loaded == b"text of good"
    assert module.path.suffix == ".ptx"
    assert "-arch=compute_90" in cupy.cuda.nvrtc.compiled[0]


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(cupy, monkeypatch, tmp_path):
    file = tmp_path / "file"
    file.write_text("not a folder")
    monkeypatch.setenv("CUPY_CACHE_DIR", str(file))
    module = module_of_current_device("good", name="lune")
    assert module.loaded == b"binary of good"
    assert file not in module.path.parents


def test_the_log_of_what_does_not_compile(cupy):
    told = r"lune.cu: does not compile\nline 1 of wrong"
    with pytest.raises(KernelCompileError, match=told):
        module_of_current_device("wrong", name="lune")
    assert not (Path(cuda_nvrtc.cache_folder())).exists()


def test_what_cannot_be_loaded_is_not_kept(cupy):
    path = module_of_current_device("good", name="lune").path
    path.write_bytes(b"")
    with pytest.raises(KernelCompileError, match=r"(?s)cannot be loaded from .*INVALID_IMAGE"):
        module_of_current_device("good", name="lune")
    assert module_of_current_device("good", name="lune").loaded == b"binary of good"


def test_without_a_setting_it_is_kept_where_cupy_keeps_its_own(monkeypatch):
    monkeypatch.delenv("CUPY_CACHE_DIR", raising=False)
    assert cuda_nvrtc.cache_folder() == Path.home() / ".cupy" / "kernel_cache"


@pytest.mark.parametrize("stage", STAGES)
def test_nvrtc_itself(stage):
    nvrtc = pytest.importorskip("cupy").cuda.nvrtc
    try:
        known = nvrtc.getSupportedArchs()
    except Exception as error:
        pytest.skip(f"CuPy finds no NVRTC: {error}")
    source = kernel_source(stage)
    assert compiled(source, stage, f"sm_{known[-1]}", nvrtc)[:4] == b"\x7fELF"
    text = compiled(source, stage, f"compute_{known[0]}", nvrtc)
    assert b".visible .entry" in text
    assert b".ftz" not in text
