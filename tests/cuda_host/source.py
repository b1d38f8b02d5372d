"""From the text of a .cu file to the translation unit that g++ compiles."""

from __future__ import annotations

import re

from .errors import EmulatorCompileError

__all__ = ["kernel_names", "translation_unit"]

_NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)
_BOUNDS = r"(?:__launch_bounds__\s*\(([^(),]*)[^()]*\)\s*)?"
_KERNEL = re.compile(rf'extern\s+"C"\s+__global__\s+{_BOUNDS}void\s+{_BOUNDS}(\w+)\s*\(')
_DYNAMIC = re.compile(
    r"extern\s+__shared__\s+(?:(?:__align__|alignas)\s*\(\s*\d+\s*\)\s*)?"
    r"([A-Za-z_][\w:\s]*?)\s+(\w+)\s*\[\s*\]\s*;"
)


def _without_comments(source: str) -> str:
    """Blank out comments, keeping strings and line numbers."""

    def blank(match: re.Match[str]) -> str:
        text = match.group()
        return text if text.startswith('"') else " " + "\n" * text.count("\n")

    return _NOT_CODE.sub(blank, source)


def _kernels(code: str) -> dict[str, str]:
    """Kernels of a text without comments, each with the threads of its launch bounds."""
    found: dict[str, str] = {}
    for before, after, name in _KERNEL.findall(code):
        found[name] = before or after or found.get(name, "")
    return found


def kernel_names(source: str) -> list[str]:
    """Names of the ``extern "C" __global__ void`` kernels of a text, in order."""
    return list(_kernels(_without_comments(source)))


def translation_unit(source: str, name: str, *, process: bool = False) -> str:
    """Wrap the kernels into the emulator's header, their table and its entry points.

    Parameters
    ----------
    source : str
        Text of the kernels, includes already inlined.
    name : str
        File name that messages give.
    process : bool
        Whether the result is a program that serves one launch, rather than a library.

    Raises
    ------
    EmulatorCompileError
        There is no kernel, or dynamic shared memory is declared in another form than
        ``extern __shared__ T name[];``.
    """
    code = _without_comments(source)
    kernels = _kernels(code)
    if not kernels:
        raise EmulatorCompileError(f'{name}: no `extern "C" __global__ void` kernel', "")
    code = _DYNAMIC.sub(
        r"\1* const \2 [[maybe_unused]] = reinterpret_cast<\1*>(cuda_host::dynamic_shared);",
        code,
    )
    if left := re.search(r"extern\s+__shared__[^;]*;", code):
        raise EmulatorCompileError(
            f"{name}: only `extern __shared__ T name[];` is emulated", left.group()
        )
    table = "".join(
        f'    cuda_host::kernel<&{name}>("{name}", {bounds or 1024}),\n'
        for name, bounds in kernels.items()
    )
    return (
        ("#define CUDA_HOST_PROCESS\n" if process else "")
        + f'#include "cuda_host.h"\nnamespace {{\n#line 1 "{name}"\n{code}\n}}\n'
        + f'#line 1 "{name}.table"\n'
        + f"static const cuda_host::Kernel cuda_host_kernels[] = {{\n{table}    {{}}}};\n"
        + '#include "entry.h"\n'
    )
