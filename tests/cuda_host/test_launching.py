"""What is refused before anything runs."""

from __future__ import annotations

import re

import numpy as np
import pytest

from aura_tda_gpu.errors import AuraTDAError
from tests.cuda_host import EmulatedKernel, EmulatedModule, EmulatorCompileError, LaunchError
from tests.cuda_host.source import kernel_names

SOURCE = """
// extern "C" __global__ void commented_out(int* a) {}
#define SIDE 8
struct Pair { int a, b; };
extern "C" __global__ void __launch_bounds__(4 * SIDE, 2) mixed(
    const float* in, double* out, unsigned n, bool flag, float4* quads, const void* any,
    unsigned char* bytes, Pair pair) {
    if (flag) out[threadIdx.x] = in[0] + n + pair.b;
}
extern "C" __global__ void none() {}
"""
PAIR = np.array([(1, 2)], dtype=[("a", "i4"), ("b", "i4")])[0]


def good() -> list[object]:
    return [
        np.ones(3, np.float32),
        np.zeros(32),
        np.uint32(4),
        np.bool_(True),
        np.zeros((2, 4), np.float32),
        np.zeros(7, np.int16),
        np.zeros(2, bool),
        PAIR,
    ]


@pytest.fixture(scope="module")
def mixed() -> EmulatedKernel:
    return EmulatedModule(SOURCE, name="mixed.cu").get_function("mixed")


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def test_arguments_arrive(mixed) -> None:
    args = good()
    args[0] = read_only(args[0])
    mixed((1,), (32,), args)
    np.testing.assert_array_equal(args[1], 7.0)


@pytest.mark.parametrize(
    ("at", "value", "what"),
    [
        (0, np.ones(3), "argument 0 of mixed is float64, the kernel takes floats of 4 bytes*"),
        (0, np.ones(3, np.int32), "is int32, the kernel takes floats of 4 bytes*"),
        (0, np.ones(6, np.float32)[::2], "is not C-contiguous"),
        (0, np.ones((2, 3), np.float32).T, "is not C-contiguous"),
        (0, np.float32(1), "is a scalar, the kernel takes an array"),
        (0, [1.0], "is a list: numpy arrays and numpy scalars only"),
        (0, None, "is a NoneType"),
        (1, read_only(np.zeros(32)), "argument 1 of mixed is read-only"),
        (2, 4, "argument 2 of mixed is a int: numpy arrays and numpy scalars only"),
        (2, np.int64(4), "is int64, the kernel takes integers of 4 bytes"),
        (2, np.float32(4), "is float32, the kernel takes integers of 4 bytes"),
        (2, np.zeros(1, np.uint32), "is an array, the kernel takes a scalar"),
        (3, np.uint8(1), "is uint8, the kernel takes bools of 1 bytes"),
        (4, np.zeros(9, np.float32)[1:], "is not aligned to 16 bytes"),
        (4, np.zeros(9, np.dtype("V3")), "has elements of 3 bytes, the kernel 16"),
        (7, np.int64(1), "is int64, the kernel takes structures of 8 bytes"),
    ],
)
def test_a_wrong_argument_is_refused(mixed, at, value, what) -> None:
    args = good()
    args[at] = value
    with pytest.raises(LaunchError, match=re.escape(what)):
        mixed((1,), (32,), args)
    assert not np.any(args[1] if at != 1 else 0)


def test_the_number_of_arguments_is_checked(mixed) -> None:
    with pytest.raises(LaunchError, match="mixed takes 8 arguments, 7 given"):
        mixed((1,), (32,), good()[:-1])


@pytest.mark.parametrize(
    ("grid", "block", "what"),
    [
        ((0,), (1,), r"grid of mixed is \(0,\)"),
        ((1, 65536), (1,), "grid of mixed"),
        ((1, 1, 1, 1), (1,), "grid of mixed"),
        ((70000, 65535), (1,), "more blocks than the emulator runs"),
        ((1,), (1, 1, 65), "block of mixed"),
        ((1,), (33,), "block of mixed has 33 threads, at most 32"),
    ],
)
def test_a_wrong_shape_is_refused(mixed, grid, block, what) -> None:
    with pytest.raises(LaunchError, match=what):
        mixed(grid, block, good())


def test_much_dynamic_shared_memory_must_be_asked_for() -> None:
    kernel = EmulatedModule(SOURCE, name="mixed.cu").get_function("none")
    kernel((1,), (1,), (), shared_mem=49152)
    with pytest.raises(LaunchError, match="its max_dynamic_shared_size_bytes is 49152"):
        kernel((1,), (1,), (), shared_mem=49153)
    kernel.max_dynamic_shared_size_bytes = 232448
    kernel((1,), (1,), (), shared_mem=232448)
    with pytest.raises(LaunchError, match="is launched with 232449 bytes"):
        kernel((1,), (1,), (), shared_mem=232449)


def test_kernels_are_found_by_name() -> None:
    module = EmulatedModule(SOURCE, name="mixed.cu")
    assert module.kernels == kernel_names(SOURCE) == ["mixed", "none"]
    with pytest.raises(LaunchError, match=r"mixed.cu has no kernel 'lune', it has \['mixed', 'non"):
        module.get_function("lune")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("int x;", r'empty.cu: no `extern "C" __global__ void` kernel'),
        ('extern "C" __global__ void k() { nothing(); }', r"empty.cu:1:\d+: error: .nothing. was"),
        ('extern "C" __global__ void k() { __activemask(); }', "use of deleted function"),
        ('extern "C" __global__ void k() { __ballot_sync(1, 1, 1); }', "error"),
        ('extern "C" __global__ void k(short* p) { atomicAdd(p, 1); }', "of 4 or 8 bytes"),
        ('extern "C" __global__ void k(float* p) { atomicXor(p, 1); }', "atomicXor needs integers"),
        (
            'extern "C" __global__ void k() { extern __shared__ int a[4]; }',
            r"only `extern __shared__ T name\[\];` is emulated",
        ),
    ],
)
def test_a_text_that_does_not_compile(text, what) -> None:
    with pytest.raises(EmulatorCompileError, match=what) as caught:
        EmulatedModule(text, name="empty.cu")
    assert isinstance(caught.value, AuraTDAError)
    assert caught.value.log in str(caught.value)
