"""Planted mistakes: each must be seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.cuda_host import EmulatedModule, KernelFault
from tests.cuda_host.build import fills_local_variables

POISON = 0xFFC5A5C5


@pytest.fixture
def module(load: Callable[..., EmulatedModule]) -> EmulatedModule:
    return load("faults.cu", timeout=1.0)


def launch(module: EmulatedModule, kernel: str, *args: np.generic, block: int = 64) -> np.ndarray:
    out = np.zeros(1024, np.int32)
    module.get_function(kernel)((1,), (block,), (out, *args), shared_mem=32)
    return out[:block]


# ---- a missing barrier gives a wrong result in some order of the threads
@pytest.mark.parametrize(
    ("kernel", "block", "expected"),
    [
        ("missing_syncthreads", 256, (np.arange(256) + 64) % 256),
        ("missing_second_syncthreads", 64, np.full(64, 6)),
        ("missing_syncwarp", 32, (np.arange(32) + 1) % 32),
    ],
)
def test_a_missing_barrier_shows_in_every_launch(module, kernel, block, expected) -> None:
    wrong = [not np.array_equal(launch(module, kernel, block=block), expected) for _ in range(20)]
    assert all(wrong)


@pytest.mark.parametrize(("kernel", "block"), [("order_of_threads", 96), ("order_of_lanes", 32)])
def test_the_order_of_threads_is_random(module, kernel, block) -> None:
    places = np.array([launch(module, kernel, block=block) for _ in range(60)])
    np.testing.assert_array_equal(np.sort(places, axis=1), [np.arange(block)] * 60)
    assert len(np.unique(places, axis=0)) == 60
    # any two neighbours run in both orders
    before = places[:, :-1] < places[:, 1:]
    assert np.all(before.any(axis=0) & ~before.all(axis=0))


# ---- barriers that cannot open
def test_a_thread_that_returns_before_a_barrier(module) -> None:
    with pytest.raises(
        KernelFault,
        match=r"returns_before_barrier: no thread can go on in block \(0, 0, 0\): thread 0, 1, 2, "
        r"4 \.\.\. \(63 in all\) at __syncthreads \(faults.cu:\d+\); thread 3 has returned$",
    ):
        launch(module, "returns_before_barrier")


def test_two_barriers_for_the_threads_of_one_block(module) -> None:
    with pytest.raises(
        KernelFault,
        match=r"threads meet at different barriers in block .*: thread 0, 1, 2, 3 \.\.\. \(7 in "
        r"all\) at __syncthreads \(faults.cu:\d+\); thread 7, 8, 9, 10 \.\.\. \(57 in all\) at",
    ):
        launch(module, "two_barriers")


def test_more_barriers_for_some_threads_than_for_others(module) -> None:
    with pytest.raises(
        KernelFault, match=r"thread 0, 2, 4, 6 \.\.\. \(32 in all\) has returned; th"
    ):
        launch(module, "loop_of_own_length")


# ---- warp collectives that cannot complete
def test_a_collective_waits_for_a_lane_at_a_barrier(module) -> None:
    with pytest.raises(
        KernelFault,
        match=r"\(16 in all\) at __ballot_sync with mask 0xffffffff \(faults.cu:\d+\); "
        r"thread 16, 17, 18, 19 \.\.\. \(48 in all\) at __syncthreads",
    ):
        launch(module, "lane_elsewhere")


def test_two_votes_for_the_lanes_of_one_mask(module) -> None:
    with pytest.raises(
        KernelFault,
        match=r"thread 0, 1, 2, 3 \.\.\. \(9 in all\) at __ballot_sync .*; thread 9, 10, 11, 12 "
        r"\.\.\. \(23 in all\) at __ballot_sync",
    ):
        launch(module, "two_votes", block=32)


def test_masks_that_differ(module) -> None:
    with pytest.raises(KernelFault, match=r"with mask 0xffffffff .*; thread 16.* at __syncthreads"):
        launch(module, "masks_differ", block=32)


@pytest.mark.parametrize(
    ("kernel", "what"),
    [
        ("not_in_mask", "a warp collective is called by a lane that its mask does not name"),
        ("odd_width", "the width of a shuffle is no power of two up to 32"),
    ],
)
def test_collectives_called_wrongly(module, kernel, what) -> None:
    with pytest.raises(KernelFault, match=rf"{what} \(faults.cu:\d+\) in thread \(\d+, 0, 0\)"):
        launch(module, kernel, block=32)


def test_a_lane_that_has_returned_has_nothing_to_give(module) -> None:
    out = launch(module, "reads_lost_lane", block=32).view(np.uint32)
    assert set(np.delete(out, 5)) == {POISON}


# ---- what nobody wrote
def test_unwritten_shared_memory_is_poisoned(module) -> None:
    out = launch(module, "reads_unwritten_shared", block=32).view(np.uint32)
    np.testing.assert_array_equal(out, np.where(np.arange(32) % 2, 1, POISON))


def test_shared_memory_is_not_inherited_from_another_block(module) -> None:
    out = np.zeros(10, np.uint32)
    module.get_function("reads_last_block")((10,), (1,), (out,))
    np.testing.assert_array_equal(out, [1, *[POISON] * 9])


def test_without_poison_shared_memory_is_left_alone(load) -> None:
    module = load("faults.cu", poison=False)
    out = launch(module, "reads_unwritten_shared", block=32).view(np.uint32)
    assert POISON not in out


def test_local_variables_are_poisoned_where_the_compiler_can(module) -> None:
    if not fills_local_variables():
        pytest.skip("this g++ does not know -ftrivial-auto-var-init")
    out = np.array([3, 5], np.uint32)
    module.get_function("reads_unset_local")((1,), (1,), (out,))
    assert out[0] == 0xFEFEFEFE


# ---- faults of the processor, and loops without end
@pytest.mark.parametrize(
    ("kernel", "args", "what"),
    [
        ("writes_at", (np.int64(2**40),), "access to memory that is not there"),
        (
            "writes_dynamic_at",
            (np.int32(8),),
            "dynamic shared memory is written 0 bytes past its end",
        ),
        ("deep_stack", (), "stack overflow"),
        ("divides", (), "integer division by zero"),
        ("asserts", (), r"assertion out\[0\] == 12 fails \(faults.cu:\d+\)"),
        ("traps", (), r"__trap\(\) \(faults.cu:\d+\)"),
        ("aborts", (), r"abort\(\) in thread"),
        ("spins", (), "still running after 1 s"),
    ],
)
def test_a_fault_becomes_an_error_and_the_next_launch_runs(module, kernel, args, what) -> None:
    with pytest.raises(KernelFault, match=rf"faults.cu: {kernel}: {what}.* block \(0, 0, 0\)$"):
        launch(module, kernel, *args, block=1)
    np.testing.assert_array_equal(launch(module, "no_fault"), np.arange(64))


# ---- the sanitizers
@pytest.mark.parametrize(
    ("kernel", "args", "what"),
    [
        ("writes_at", (np.int64(1024),), "heap-buffer-overflow"),
        ("writes_at", (np.int64(-1),), "heap-buffer-overflow"),
        ("writes_shared_at", (np.int32(8),), "insufficient space|global-buffer-overflow"),
        ("writes_dynamic_at", (np.int32(8),), "use-after-poison"),
        ("divides", (), "division by zero"),
        ("overflows", (), "signed integer overflow"),
        ("returns_before_barrier", (), "no thread can go on"),
        ("asserts", (), "assertion"),
        ("spins", (), "still running after 1 s"),
    ],
)
def test_the_sanitizers_see(load, kernel, args, what) -> None:
    module = load("faults.cu", sanitize=True, timeout=1.0)
    with pytest.raises(KernelFault, match=what):
        launch(module, kernel, *args)


def test_the_sanitizers_see_a_step_past_a_part_of_an_array(load) -> None:
    module = load("faults.cu", sanitize=True, timeout=1.0)
    x = np.arange(100, dtype=np.int32)
    out = np.zeros(1, np.int32)
    kernel = module.get_function("reads_at")
    kernel((1,), (1,), (x[:50], out, np.int32(49)))
    assert out[0] == 49
    with pytest.raises(KernelFault, match="heap-buffer-overflow"):
        kernel((1,), (1,), (x[:50], out, np.int32(50)))


def test_arrays_that_overlap_stay_so_under_the_sanitizers(load) -> None:
    module = load("faults.cu", sanitize=True, timeout=1.0)
    x = np.arange(100, dtype=np.int32)
    module.get_function("reads_at")((1,), (1,), (x, x[10:20], np.int32(77)))
    assert x[10] == 77
    assert x[11] == 11
