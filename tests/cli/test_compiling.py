"""Kernels that are compiled by other processes, and when they are."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aura_tda_gpu.cli import warming
from aura_tda_gpu.cli.compiling import CompilingAhead
from aura_tda_gpu.config import Config, EngineConfig
from aura_tda_gpu.persistence import backends, cpu

GIB = 1 << 30
LAZY = """
import numpy as np
from aura_tda_gpu import RipsWindow, vietoris_rips
from aura_tda_gpu.persistence.kernels import cover, listing, sweep
from aura_tda_gpu.streaming.host_cover import HostCover

def known():
    return [bool(kernel.signatures) for kernel in (sweep.sweep, listing.list_part, cover.take)]

vietoris_rips(np.eye(3))
print(known())
RipsWindow(4, 3)
print(known())
HostCover(4, 3, "euclidean", 8, 10)
print(known())
"""


EARLY = """
from aura_tda_gpu import MultiScaleStream
from aura_tda_gpu.persistence import cpu

stream = MultiScaleStream([100], landmarks={landmarks!r})
before = cpu.cache_statistics()
stream.push([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]] * 9, [i / 100 for i in range(36)])
print(cpu.cache_statistics() == before)
"""
PARENT = """
import sys, time
from aura_tda_gpu.cli.compiling import CompilingAhead
from aura_tda_gpu.persistence import backends

backends.usable_cores = lambda: 2
with CompilingAhead(["open({path!r}, 'w').close(); import time; time.sleep(60)"]) as ahead:
    print(ahead._processes.popitem()[1].pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "usable_cores", lambda: 3)
    monkeypatch.setattr(backends, "available_memory", lambda: 8 * GIB)


def writing(path: Path) -> str:
    return f"open({str(path)!r}, 'w').close()"


def test_parts_are_done_once_they_were_waited_for(tmp_path: Path) -> None:
    parts = [writing(tmp_path / name) for name in "ab"]
    with CompilingAhead(parts) as ahead:
        for part in parts:
            ahead.wait(part)
        assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


@pytest.mark.parametrize(
    ("cores", "free", "names"),
    [(1, 8 * GIB, ""), (2, 8 * GIB, "a"), (8, GIB, "a"), (8, GIB - 1, ""), (8, None, "ab")],
)
def test_there_are_as_many_as_cores_and_memory_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, free: int | None, names: str
) -> None:
    monkeypatch.setattr(backends, "usable_cores", lambda: cores)
    monkeypatch.setattr(backends, "available_memory", lambda: free)
    parts = [writing(tmp_path / name) for name in "ab"]
    with CompilingAhead(parts) as ahead:
        for part in parts:
            ahead.wait(part)
        assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_leaving_ends_them_and_a_failure_is_nobodys(tmp_path: Path) -> None:
    started = time.perf_counter()
    with CompilingAhead(["raise SystemExit(3)", "import time; time.sleep(60)"]):
        pass
    assert time.perf_counter() - started < 30


@pytest.mark.parametrize("executable", ["", None, "/no/such/python"])
def test_a_process_that_cannot_be_started_is_done_without(
    monkeypatch: pytest.MonkeyPatch, executable: str | None
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with CompilingAhead(["pass", "pass"]) as ahead:
        ahead.wait("pass")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_a_parent_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "begun"
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(path=str(path))], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert within(lambda: path.exists())
    parent.kill()
    parent.communicate()
    assert within(lambda: not is_alive(pid))


def within(is_true: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("part", [warming._FOLLOWING, warming._UPDATES, warming._LANDMARKS])
def test_every_part_runs(part: str) -> None:
    exec(part)


@pytest.mark.parametrize(
    ("backend", "anew", "tracking", "parts"),
    [
        ("auto", True, True, (warming._FOLLOWING, warming._UPDATES)),
        ("cpu", True, False, (warming._LANDMARKS, warming._UPDATES)),
        ("cpu", False, True, ()),
        ("reference", True, True, ()),
    ],
)
def test_they_are_begun_where_something_has_to_be_compiled(
    monkeypatch: pytest.MonkeyPatch, backend: str, anew: bool, tracking: bool, parts: object
) -> None:
    begun: list[object] = []

    def ahead(given: object) -> CompilingAhead:
        begun.append(given)
        return CompilingAhead(())

    monkeypatch.setattr(warming, "CompilingAhead", ahead)
    monkeypatch.setattr(cpu, "is_compiled_anew", lambda: anew)
    config = Config(engine=EngineConfig(backend=backend))
    warming.warm_up(config, lambda text: None, tracking=tracking)
    assert begun == [parts]


def test_an_empty_cache_is_noticed_by_one_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    ask = "from aura_tda_gpu.persistence import cpu; print(cpu.is_compiled_anew())"
    assert [printed(ask) for _ in range(2)] == [["True"], ["False"]]


def test_a_process_loads_what_it_asks_for() -> None:
    cpu.warm_up()
    assert printed(LAZY) == [
        "[True, False, False]",
        "[True, True, False]",
        "[True, True, True]",
    ]


@pytest.mark.parametrize("landmarks", ["cover", "maxmin"])
def test_a_stream_has_its_kernels_before_its_first_points(landmarks: str) -> None:
    assert printed(EARLY.format(landmarks=landmarks)) == ["True"]


def printed(text: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
