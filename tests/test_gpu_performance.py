"""What `make bench-gpu` measures, run on the emulator: equal bars first, and a record of it all."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from aura_tda_gpu.persistence import cuda_device, device_stats
from aura_tda_gpu.persistence.cuda import CudaEngine
from aura_tda_gpu.persistence.cuda_kernels import CONSTANTS, KERNELS, Kernels
from aura_tda_gpu.persistence.cuda_launch import Device
from benchmarks import (
    expected,
    gpu_performance,
    gpu_stages,
    gpu_streams,
    gpu_target,
    gpu_windows,
)
from benchmarks.clouds import cloud
from benchmarks.comparison import bars_of
from benchmarks.expected import Oracle
from benchmarks.figures import Figure, as_rows, table
from benchmarks.gpu_floors import Floor, Work, against_floor, floor_of
from benchmarks.gpu_performance import PARTS, main
from benchmarks.gpu_target import emulated_target
from benchmarks.peers import GPU_PEERS
from tests.cuda_host import EmulatedModule, reason_unavailable

REASON = reason_unavailable()
needs_emulator = pytest.mark.skipif(REASON is not None, reason=f"no emulator: {REASON}")

WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
from benchmarks.gpu_performance import main
sys.exit(main(["--emulated", "--only", "replacements", "stream", "--output", sys.argv[1]]))
"""


@pytest.fixture
def run(tmp_path, capsys):
    """Run the measurement on the emulator; return its status, what it printed and its record."""

    def run_with(*arguments):
        path = tmp_path / "record.json"
        status = main(["--emulated", "--output", str(path), *arguments])
        return status, capsys.readouterr().out, json.loads(path.read_text())

    return run_with


@needs_emulator
def test_one_command_measures_everything(run):
    status, printed, record = run()
    assert status == 0
    assert record["failed"] == {}
    assert record["emulated"]
    assert {"machine", "device", "versions", "commit", "settings", *PARTS} <= set(record)
    stages = {"distance", "radius", "lune", "sort", "forest", "reduce", "whole"}
    assert [row["shape"] for row in record["stages"]] == list(gpu_stages.SHAPES)
    for row in record["stages"]:
        assert set(row["median_ms"]) == stages
        assert row["without_k6_ms"] < sum(row["median_ms"].values())
        assert {"distance_euclidean", "packed_tiles", "spanning_forest"} <= set(row["kernels"])
        assert row["checked"] == "the CPU engine"
    assert [(row["n"], row["m"]) for row in record["replacements"]][:2] == [(32, 1), (32, 3)]
    for row in record["replacements"]:
        assert row["paths"] == {"update": gpu_windows.BLOCK}
        assert {"mark_edges", "keep_edges", "commit_rows"} <= set(row["kernels"])
    assert {row["windows"] for row in record["batch"]} == {3}
    assert record["stream"]["checked"].startswith("the CPU's stream")
    assert record["stream"]["points_timed"] == 200
    for part in ("window", "stream"):
        kernels = record[part]["kernels"]
        for name in ("append_rows", "cover_nearest", "cover_take", "cover_settle"):
            assert kernels[name]["floor_ms"] > 0
    assert "replace 1 of 32, lorenz" in printed
    assert "the emulator on the host" in printed


@needs_emulator
def test_numba_is_not_needed(tmp_path):
    path = tmp_path / "record.json"
    command = [sys.executable, "-W", "error", "-c", WITHOUT_NUMBA, str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(path.read_text())
    assert record["compared_with"].startswith("stored digests")
    assert (
        record["replacements"][0]["checked"] == "a rebuild each time, the reference engine at last"
    )
    assert record["stream"]["checked"] == "the reference engine"


@needs_emulator
@pytest.mark.parametrize("without_numba", [[], ["--without-numba"]])
def test_other_bars_stop_a_part_before_its_times_and_the_others_go_on(
    run, monkeypatch, without_numba
):
    def one_bit_off(diagram):
        bars = {k: array.copy() for k, array in bars_of(diagram).items()}
        bars[0][-1, 1] = np.nextafter(bars[0][-1, 1], np.float32(0))
        return bars

    monkeypatch.setattr(gpu_stages, "bars_of", one_bit_off)
    status, printed, record = run("--only", "stages", "batch", *without_numba)
    assert status == 1
    assert "other bars in H0" in record["failed"]["stages"]
    assert "stages: not measured, SystemExit: " in printed
    assert "rebuild without K6" not in printed
    assert "windows of 24" in printed
    assert "stages" not in record
    assert record["batch"]


@needs_emulator
def test_a_part_without_memory_is_named_and_the_record_is_written(run, monkeypatch):
    def refuse(*_):
        raise MemoryError("no room")

    monkeypatch.setitem(PARTS, "batch", refuse)
    status, printed, record = run("--only", "batch", "window")
    assert status == 1
    assert record["failed"] == {"batch": "MemoryError: no room"}
    assert record["window"]["points_per_s"] > 0
    assert "batch: not measured, MemoryError: no room" in printed


@needs_emulator
def test_a_stream_that_takes_too_long_says_how_far_it_came(run):
    _, printed, record = run("--only", "stream", "--stream-limit", "0")
    assert record["stream"]["points_per_s"] is None
    assert "0 points in 0 s did not fill the longest window" in printed


@needs_emulator
def test_other_landmarks_stop_the_stream(monkeypatch):
    theirs = gpu_streams._updates

    def one_off(points, times, backend):
        updates = theirs(points, times, backend)
        if backend == "cuda":
            updates[3].vertex_ids = updates[3].vertex_ids + 1
        return updates

    monkeypatch.setattr(gpu_streams, "_updates", one_off)
    with emulated_target(), pytest.raises(SystemExit, match="other landmarks than on the CPU"):
        gpu_streams.check_stream(Oracle(use_cpu=True), 200)


@needs_emulator
def test_kernels_are_timed_only_while_it_lasts():
    with emulated_target() as target:
        kernels = target.engine.device.kernels
        with target.timed_kernels() as timed:
            gpu_stages._whole(target, cloud("torus", 20))
            times = timed.collect()
            assert timed.collect() == {}
        assert target.engine.device.kernels is kernels
    assert set(times) <= set(KERNELS)
    assert len(times["distance_euclidean"]) == 1
    assert all(ms > 0 for each in times.values() for ms in each)


@needs_emulator
def test_the_kernels_of_an_update_are_known_by_their_floors():
    with emulated_target() as target:
        row = gpu_windows._replacements(target, Oracle(use_cpu=True), "torus", 24, 2, 2)
    floors = {name for name, told in row["kernels"].items() if told["floor_ms"] is not None}
    assert floors == set(row["kernels"])


class Entered(SimpleNamespace):
    """What can be made the current one."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


class Cupy:
    """numpy with what is asked of CuPy's device, whose events happen at once."""

    def __init__(self) -> None:
        event = SimpleNamespace(record=lambda: None, synchronize=lambda: None)
        properties = {"name": b"NVIDIA Host", "multiProcessorCount": 2, "totalGlobalMem": 1 << 30}
        attributes = {"ClockRate": 1_500_000, "MultiProcessorCount": 2}
        device = {
            "id": 0,
            "compute_capability": "90",
            "pci_bus_id": "0:0",
            "attributes": attributes,
        }
        self.cuda = SimpleNamespace(
            Event=lambda: event,
            get_elapsed_time=lambda start, stop: 0.5,
            get_current_stream=lambda: SimpleNamespace(ptr=0),
            Device=lambda *_: Entered(**device),
            Stream=SimpleNamespace(null=Entered()),
            nvrtc=SimpleNamespace(getVersion=lambda: (13, 0)),
            runtime=SimpleNamespace(
                getDeviceProperties=lambda number: properties,
                driverGetVersion=lambda: 13000,
                runtimeGetVersion=lambda: 13000,
                getDevice=lambda: 0,
            ),
        )
        self.pooled = 1000

    def __getattr__(self, name):
        return getattr(np, name)

    def get_default_memory_pool(self):
        self.pooled += 500
        return SimpleNamespace(total_bytes=lambda: self.pooled, free_all_blocks=lambda: None)


@needs_emulator
def test_the_record_names_device_and_versions(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(device_stats, "_POLLERS", {})
    monkeypatch.setattr(gpu_target, "COPIED_BYTES", 1 << 20)
    monkeypatch.setattr(Device, "on_host", True)  # its arrays are
    engine = CudaEngine(Cupy(), Kernels(EmulatedModule))
    monkeypatch.setattr(cuda_device, "cuda_engine", lambda: engine)
    monkeypatch.setattr(cuda_device, "check_size", lambda n: None)
    path = tmp_path / "record.json"
    sizes = ["--sizes", "40", "--repeats", "1", "--window-points", "200", "--landmarks", "16"]
    parts = ["--only", "stages", "window", "--push", "50", "--output", str(path)]
    assert main([*sizes, *parts]) == 0
    record = json.loads(path.read_text())
    assert not record["emulated"]
    assert record["device"]["name"] == "NVIDIA Host"
    assert record["device"]["nvrtc"] == [13, 0]
    assert record["device"]["nvml"]["unavailable"].startswith("NVML needs nvidia-ml-py")
    assert record["stages"][0]["peaks"]["warp_instructions_per_s"] == 1.5e9 * 2 * 4
    assert record["stages"][0]["peaks"]["bytes_per_s"] == 2e3 * (1 << 20) / 0.5
    assert record["window"]["device_bytes"] > 0
    assert record["window"]["joules_per_million_points"] is None
    assert "NVIDIA Host; bars are compared with the CPU engine" in capsys.readouterr().out


def test_without_a_device_one_line_says_so(monkeypatch, capsys):
    monkeypatch.setattr(cuda_device, "why_not", lambda: "no NVIDIA driver was found")
    assert main([]) == 1
    told = capsys.readouterr().out
    assert told == "nothing was measured: backend 'cuda': no NVIDIA driver was found\n"


def test_the_targets_of_the_full_run():
    args = gpu_performance._arguments([])
    wanted = set(gpu_windows.WANTED_MS)
    assert {(shape, n, share) for shape in ("lorenz", "torus") for n, share in args.cases} == wanted
    assert set(gpu_stages.WANTED_MS) <= set(args.sizes)
    assert tuple(args.batch) in gpu_windows.WANTED_BATCH_MS
    assert args.rate == gpu_streams.WANTED_POINTS_PER_S
    assert args.scales == gpu_streams.FOUR_SCALES == [100, 1_000, 10_000, 60_000]
    assert args.window_points == gpu_streams.WANTED_WINDOW_POINTS
    assert list(PARTS)[-1] == "peers"
    assert list(GPU_PEERS) == ["Ripser++", "giotto-ph"]


def test_a_figure_and_its_target():
    met = Figure("a", 1.0, "ms", 2.0)
    missed = Figure("b", 1.0, "points/s", 2.0, at_least=True)
    unknown = Figure("c", None, "GB", 2.0, note="no device")
    assert [figure.met for figure in (met, missed, unknown)] == [True, False, None]
    assert Figure("d", 1.0, "ms").met is None
    lines = table([met, missed, unknown]).splitlines()
    assert lines[0].endswith("1 ms  <= 2 ms, met")
    assert lines[1].endswith(">= 2 points/s, NOT met")
    assert lines[2].endswith("<= 2 GB, not measured  (no device)")
    assert as_rows([met])[0] == {
        **{"name": "a", "value": 1.0, "unit": "ms", "wanted": 2.0},
        **{"at_least": False, "note": "", "met": True},
    }


def test_a_floor_is_the_slowest_of_its_parts():
    peaks = {"bytes_per_s": 1e12, "l2_bytes_per_s": 2e12, "warp_instructions_per_s": 1e12}
    floor = Floor(bytes=1e9, l2_bytes=4e9, instructions=3e9)
    assert floor.milliseconds(peaks) == 3.0
    work = Work(1024, 3)
    told = against_floor("enclosing_radius", 0.01, work, peaks)
    assert told["bytes_per_s"] == pytest.approx(4 * 1024**2 / 1e-5)
    assert told["times_floor"] == pytest.approx(0.01 / (4 * 1024**2 / 1e12 * 1e3))
    assert against_floor("cover_measure", 1.0, work, peaks) == {"ms": 1.0, "floor_ms": None}


def test_floors_are_those_of_the_documents():
    edges = 1024 * 1023 // 2
    tiles = floor_of("lune_tiles", Work(1024, 3, edges=edges))
    assert tiles.instructions == pytest.approx(70 * edges)
    assert tiles.l2_bytes == pytest.approx(1408 * edges)
    packed = floor_of("packed_tiles", Work(512, 3, edges=edges))
    assert packed.instructions == pytest.approx(22.6 * edges, rel=0.01)
    assert packed.l2_bytes == pytest.approx(384 * edges)
    rows = floor_of("level_rows", Work(2048, 3))
    assert rows.bytes == pytest.approx(34e6, rel=0.02)
    assert rows.instructions == pytest.approx(5.4e6, rel=0.02)
    assert floor_of("lune_components", Work(1024, 3, listed=1000)).l2_bytes == 1536 * 1000
    assert floor_of("noted_components", Work(1024, 3, listed=170_000)).l2_bytes == pytest.approx(
        4.2e9, rel=0.01
    )
    assert floor_of("distance_chebyshev", Work(2048, 10)).bytes == pytest.approx(17e6, rel=0.02)
    assert floor_of("mark_edges", Work(2048, 3, changed=1)).bytes == pytest.approx(17e6, rel=0.02)


def test_work_is_read_from_the_counters():
    counts = np.zeros((2, CONSTANTS["COUNTS"]), np.int32)
    for name, value in (("N_LONG", 10), ("N_RNG", 20), ("N_SPLIT", 3), ("N_REPS", 8)):
        counts[:, CONSTANTS[name]] = value
    work = Work.counted(32, 3, counts)
    assert (work.windows, work.edges, work.rng, work.relations) == (2, 2 * (496 - 10), 40, 10)


class TestOracle:
    """Bars that are right, with numba and without."""

    def test_stored_digests_are_those_of_the_cpu(self):
        oracle = Oracle(use_cpu=False)
        points = cloud("torus", 1024)
        right = expected._digest_of_bars(bars_of(expected.vietoris_rips(points, backend="cpu")))
        stored = oracle._stored["torus 1024"]
        if stored["points"] != expected._digest(points):
            pytest.skip("the mathematics library of this machine rounds otherwise")
        assert stored["bars"] == right
        given = []
        told = oracle.check("torus", 1024, lambda p: given.append(p) or bars_of_cpu(p))
        assert told == "a stored digest"
        assert len(given[0]) == 1024
        with pytest.raises(SystemExit, match="torus, n = 1024: other bars than stored"):
            oracle.check("torus", 1024, lambda p: bars_of_cpu(p[1:]))

    def test_other_points_go_to_the_reference_engine(self, monkeypatch):
        oracle = Oracle(use_cpu=False)
        monkeypatch.setitem(oracle._stored, "torus 1024", {"points": "others", "bars": ""})
        told = oracle.check("torus", 1024, bars_of_cpu)
        assert told == "the reference engine on 64 of the points"
        with pytest.raises(SystemExit, match="64 of torus, n = 1024: other bars"):
            oracle.check("torus", 1024, lambda p: bars_of_cpu(p[1:]))

    def test_too_many_points_without_numba_are_not_compared_and_it_says_so(self):
        points = cloud("torus", 80)
        assert Oracle(use_cpu=False).check_points(points, {}, "any") == (
            "nothing: numba is not installed"
        )


def bars_of_cpu(points):
    return bars_of(expected.vietoris_rips(points, backend="cpu"))
