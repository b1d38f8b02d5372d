"""Each primitive against plain numpy, in every way of running the kernels."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cuda_host import EmulatedModule

KERNELS = Path(__file__).with_name("kernels")
ODD_BLOCKS = (1, 31, 32, 33, 250, 1024)


@pytest.fixture(params=["assembly", "ucontext", "sanitized"])
def module(request: pytest.FixtureRequest, load: Callable[..., EmulatedModule]) -> EmulatedModule:
    settings = {
        "assembly": {},
        "ucontext": {"defines": ("CUDA_HOST_UCONTEXT",)},
        "sanitized": {"sanitize": True},
    }
    return load("primitives.cu", timeout=10.0, **settings[request.param])


def warps(x: np.ndarray) -> np.ndarray:
    """Cut into rows of 32, the last one filled up with zeros."""
    return np.concatenate([x, np.zeros(-len(x) % 32, x.dtype)]).reshape(-1, 32)


def ballots(p: np.ndarray) -> np.ndarray:
    """What every thread gets from a ballot of its warp."""
    words = ((warps(p) != 0).astype(np.uint64) << np.arange(32, dtype=np.uint64)).sum(axis=1)
    return np.repeat(words.astype(np.uint32), 32)[: len(p)]


@pytest.mark.parametrize(
    ("grid", "block"),
    [((1,), (1,)), ((3, 2), (5, 4, 3)), ((2, 3, 4), (33,)), ((1, 1, 2), (1, 2, 64))],
)
def test_every_thread_of_every_block_runs_once(module, grid, block) -> None:
    n_blocks, n_threads = int(np.prod(grid)), int(np.prod(block))
    out = np.full(n_blocks * n_threads, -1, np.int32)
    module.get_function("where")(grid, block, (out,))
    expected = 1000 * np.arange(n_blocks)[:, None] + np.arange(n_threads)
    np.testing.assert_array_equal(out, expected.ravel())


@pytest.mark.parametrize("block", ODD_BLOCKS)
def test_sums_through_static_shared_memory(module, rng, block) -> None:
    n_blocks = 5
    x = rng.integers(-1000, 1000, n_blocks * block - block // 2).astype(np.int32)
    out = np.zeros(n_blocks, np.int32)
    module.get_function("block_sum")((n_blocks,), (block,), (x, out, np.int32(len(x))))
    padded = np.concatenate([x, np.zeros(block // 2, np.int32)])
    np.testing.assert_array_equal(out, padded.reshape(n_blocks, block).sum(axis=1))
    assert module.counts.barriers == 10 * n_blocks


@pytest.mark.parametrize("block", ODD_BLOCKS)
def test_dynamic_shared_memory(module, rng, block) -> None:
    x = rng.normal(size=block)
    expected = x[::-1].copy()
    module.get_function("reversed")((1,), (block,), (x,), shared_mem=8 * block)
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("block", ODD_BLOCKS)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_votes_of_a_block(module, rng, block, share) -> None:
    x = (rng.random(block) < share).astype(np.int32)
    out = np.full((block, 3), -1, np.int32)
    module.get_function("block_votes")((1,), (block,), (x, out))
    expected = [[x.sum(), x.all(), x.any()]] * block
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("block", ODD_BLOCKS)
def test_votes_of_a_warp(module, rng, block) -> None:
    x = rng.integers(0, 3, block).astype(np.int32)
    x[:32] = 1
    out = np.zeros((block, 5), np.uint32)
    module.get_function("warp_votes")((1,), (block,), (x, out))
    alive = ballots(np.ones(block, np.int32))
    ballot = ballots(x)
    alike = np.array([ballots(x == v)[i] for i, v in enumerate(x)], np.uint32)
    parity = np.where(np.arange(block) % 2, 0xAAAAAAAA, 0x55555555).astype(np.uint32)
    expected = np.stack([ballot, ballot != 0, ballot == alive, alike, ballot & parity], axis=1)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(("kernel", "dtype"), [("shuffle_float", "f4"), ("shuffle_ulong", "u8")])
@pytest.mark.parametrize("width", [1, 4, 32])
@pytest.mark.parametrize("by", [0, 1, 3, 17, 31])
def test_shuffles(module, rng, kernel, dtype, width, by) -> None:
    x = rng.integers(0, 2**40, 32).astype(dtype)
    out = np.zeros((4, 32), dtype)
    module.get_function(kernel)((1,), (32,), (x, out, np.int32(by), np.int32(width)))
    lane = np.arange(32)
    first = lane - lane % width
    up = np.where(lane % width >= by, lane - by, lane)
    down = np.where(lane % width + by < width, lane + by, lane)
    xor = np.where(lane ^ by < first + width, lane ^ by, lane)
    sources = [first + by % width, up, down, xor]
    np.testing.assert_array_equal(out, [x[s] for s in sources])


@pytest.mark.parametrize("n", [1, 31, 33, 95, 100])
def test_lanes_that_have_returned_are_not_waited_for(module, rng, n) -> None:
    x = rng.integers(0, 2, n).astype(np.int32)
    out = np.zeros(n, np.uint32)
    module.get_function("early_return")((2,), (64,), (x, out, np.int32(n)))
    np.testing.assert_array_equal(out, np.concatenate([ballots(x[:64]), ballots(x[64:])]))


def test_atomics_of_32_bits(module, rng) -> None:
    x = rng.integers(0, 2**20, (7, 99)).astype(np.uint32)
    out = np.array([0, 2**32 - 1, 0, 2**32 - 1, 0, 0, 0, 5], np.uint32)
    lowest, total = np.zeros(1, np.int32), np.zeros(1, np.float32)
    module.get_function("atomics32")((7,), (99,), (x, out, lowest, total))
    flat = x.ravel()
    reduced = [f.reduce(flat) for f in (np.bitwise_and, np.bitwise_or, np.bitwise_xor)]
    np.testing.assert_array_equal(out[:6], [flat.sum(dtype="u4"), flat.min(), flat.max(), *reduced])
    assert out[6] in flat
    assert out[7] == 5 + flat.sum(dtype=np.uint32)
    assert lowest[0] == -int(flat.max())
    assert total[0] == flat.size


def test_atomics_of_64_bits(module, rng) -> None:
    x = rng.integers(0, 2**60, (3, 65)).astype(np.uint64)
    out = np.array([0, 2**64 - 1, 0, 0, 0], np.uint64)
    module.get_function("atomics64")((3,), (65,), (x, out))
    flat = x.ravel()
    union = np.bitwise_or.reduce(flat)
    np.testing.assert_array_equal(out, [flat.sum(), flat.min(), flat.max(), union, flat.max()])


@pytest.mark.parametrize("n_blocks", [1, 2, 57])
def test_the_last_block_sees_what_the_others_wrote(module, n_blocks) -> None:
    part, ticket = np.zeros(n_blocks, np.int32), np.zeros(1, np.uint32)
    total = np.zeros(1, np.int32)
    module.get_function("last_block")((n_blocks,), (33,), (part, ticket, total))
    assert total[0] == n_blocks * (n_blocks + 1) // 2


def test_shared_memory_outlives_an_interruption_by_other_blocks(module) -> None:
    counter, wrong = np.zeros(1, np.uint32), np.zeros(1, np.int32)
    module.get_function("interleaved")((20,), (32,), (counter, wrong), shared_mem=128)
    assert counter[0] == 20 * 32 * 50
    assert wrong[0] == 0


@pytest.mark.parametrize(
    ("kernel", "grid", "block"), [("waits_for_thread", 1, 70), ("waits_for_block", 3, 1)]
)
def test_waiting_by_an_atomic_lets_the_others_run(module, kernel, grid, block) -> None:
    flag, out = np.zeros(1, np.uint32), np.zeros(grid * block, np.int32)
    module.get_function(kernel)((grid,), (block,), (flag, out))
    np.testing.assert_array_equal(out, 1)


def test_bits(module, rng) -> None:
    x = np.concatenate([[0, 1, 2**31, 2**32 - 1], rng.integers(0, 2**32, 60)]).astype(np.uint32)
    out = np.zeros((7, 64), np.int32)
    module.get_function("bits")((1,), (64,), (x, out))
    words = [int(v) for v in x]
    expected = [
        [v.bit_count() for v in words],
        [v.bit_count() for v in words],
        [32 - v.bit_length() for v in words],
        [64 - (v << 20).bit_length() if v else 64 for v in words],
        [(v & -v).bit_length() for v in words],
        [(v & -v).bit_length() + 20 if v else 0 for v in words],
        np.array([int(f"{v:032b}"[::-1], 2) for v in words], np.uint32).view(np.int32),
    ]
    np.testing.assert_array_equal(out, expected)


def test_arithmetic_is_rounded_after_every_step(module, rng) -> None:
    x = rng.uniform(0.1, 10, (256, 2)).astype(np.float32)
    out = np.zeros((9, 256), np.float32)
    module.get_function("rounded")((1,), (256,), (x, out))
    a, b = x.T
    up = (a.astype(float) * b).astype(np.float32)
    up = np.where(up < a.astype(float) * b, np.nextafter(up, np.float32(np.inf)), up)
    expected = [a + b, a - b, a * b, np.sqrt(a), -a, a * a + b * b]
    expected += [np.minimum(a, b), np.maximum(a, b), up]
    np.testing.assert_array_equal(out, expected)


def test_a_warp_passes_values_on(module) -> None:
    out = np.zeros(32, np.int32)
    module.get_function("passed_on")((1,), (32,), (out,))
    np.testing.assert_array_equal(out, (np.arange(32) + 4) % 32)


def test_a_seed_fixes_the_order_of_execution() -> None:
    source = (KERNELS / "primitives.cu").read_text()

    def last_writers(seed: int) -> list[int]:
        kernel = EmulatedModule(source, name="primitives.cu", seed=seed).get_function("atomics32")
        x, seen = np.arange(200, dtype=np.uint32), []
        for _ in range(4):
            out, lowest, total = np.zeros(8, "u4"), np.zeros(1, "i4"), np.zeros(1, "f4")
            kernel((4,), (50,), (x, out, lowest, total))
            seen.append(int(out[6]))
        return seen

    assert last_writers(1) == last_writers(1) != last_writers(2)
    assert len(set(last_writers(1))) > 1


def test_the_kernels_of_these_tests_are_cuda(tmp_path) -> None:
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("nvcc is not on the path")
    command = [nvcc, "-std=c++17", "-arch=sm_75", "-cubin", "-o", str(tmp_path / "out")]
    command.append(str(KERNELS / "primitives.cu"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
