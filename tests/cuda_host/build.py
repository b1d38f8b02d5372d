"""Compiling for the host, once for each text: results lie under ``build/cuda_host``."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from .errors import EmulatorCompileError, EmulatorUnavailable
from .source import translation_unit

__all__ = ["compile_source", "fills_local_variables", "reason_unavailable"]

_INCLUDE = Path(__file__).with_name("include")
_CACHE = Path(__file__).parents[2] / "build" / "cuda_host"
_FLAGS = (
    "-std=c++17",
    "-ffp-contract=off",
    "-fno-strict-aliasing",
    "-fstack-clash-protection",
    "-Wall",
    "-Wno-unknown-pragmas",
    "-Wno-unused",
    "-Werror=return-type",
    "-Werror=uninitialized",
)
_LIBRARY = ("-O2", "-fPIC", "-shared", "-fvisibility=hidden")
_SANITIZED = (
    "-O1",
    "-g",
    "-fsanitize=address,undefined",
    "-fsanitize-sections=cuda_shared",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
)


@cache
def _compiler() -> tuple[str, str, bool] | None:
    """Path and version of g++, and whether it can fill variables that nobody set."""
    path = shutil.which(os.environ.get("CXX", "g++"))
    if path is None:
        return None
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    if "clang" in done.stdout or done.returncode:
        return None
    probe = [path, "-ftrivial-auto-var-init=pattern", "-fsyntax-only", "-x", "c++", os.devnull]
    fills = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    return path, done.stdout.splitlines()[0], fills


@cache
def _sanitizers_link() -> bool:
    compiler = _compiler()
    if compiler is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "empty.cpp"
        source.write_text("int main() { return 0; }\n")
        command = [compiler[0], *_SANITIZED, str(source), "-o", str(Path(folder) / "empty")]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def fills_local_variables() -> bool:
    """Whether local variables that nobody set can be given a pattern."""
    compiler = _compiler()
    return compiler is not None and compiler[2]


def reason_unavailable(*, sanitize: bool = False) -> str | None:
    """Why nothing can be emulated here, or None when it can."""
    if os.name != "posix":
        return "the CUDA host emulator needs a POSIX system"
    if _compiler() is None:
        return "the CUDA host emulator needs g++ (on the path, or named by CXX)"
    if sanitize and not _sanitizers_link():
        return "g++ cannot link -fsanitize=address,undefined"
    return None


def _command(*, sanitize: bool, poison: bool, defines: tuple[str, ...]) -> list[str]:
    compiler = _compiler()
    assert compiler is not None
    flags = [*_FLAGS, *(_SANITIZED if sanitize else _LIBRARY), *(f"-D{d}" for d in defines)]
    if poison and fills_local_variables():
        flags.append("-ftrivial-auto-var-init=pattern")
    return [compiler[0], *flags, f"-I{_INCLUDE}"]


def _key(parts: list[str]) -> str:
    digest = hashlib.sha256()
    headers = [p.read_text() for p in sorted(_INCLUDE.glob("*.h"))]
    for part in [*parts, *headers]:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:24]


def compile_source(
    source: str,
    name: str,
    *,
    sanitize: bool,
    poison: bool,
    defines: tuple[str, ...] = (),
) -> Path:
    """Compile kernels, or find what was compiled from the same text before.

    Returns
    -------
    Path
        A shared library, or with ``sanitize`` a program that serves one launch.

    Raises
    ------
    EmulatorUnavailable
        There is no g++.
    EmulatorCompileError
        g++ refuses the text.
    """
    if reason := reason_unavailable(sanitize=sanitize):
        raise EmulatorUnavailable(reason)
    compiler = _compiler()
    assert compiler is not None
    text = translation_unit(source, name, process=sanitize)
    command = _command(sanitize=sanitize, poison=poison, defines=defines)
    stem = "".join(c if c.isalnum() else "_" for c in name)
    result = _CACHE / f"{stem}-{_key([text, compiler[1], *command])}"
    if result.exists():
        return result
    _CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_CACHE) as folder:
        unit, built = Path(folder) / "unit.cpp", Path(folder) / "built"
        unit.write_text(text)
        done = subprocess.run(
            [*command, str(unit), "-o", str(built)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise EmulatorCompileError(f"{name} does not compile for the host", done.stderr)
        # another process may have built the same meanwhile
        built.replace(result)
    return result
