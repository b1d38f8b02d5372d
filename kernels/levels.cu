// K3: the rows of bits from which lunes are read.

#include "common.cuh"
#include "levels.cuh"

// Entries of a matrix that look as if drawn at random.
__device__ __forceinline__ unsigned sampled_length(const unsigned* bits, int n, unsigned number) {
    unsigned drawn = (number + 1) * 0x9E3779B1u;
    drawn = (drawn ^ drawn >> 15) * 0x85EBCA6Bu;
    drawn ^= drawn >> 13;
    const int u = drawn % n, v = (u + 1 + drawn / n % max(1, n - 1)) % n;
    return bits[(size_t)u * n + v];
}

// Choose the levels of a window from lengths of a sample, more of them among the short ones.
//
// A block of SAMPLES threads a window. bits (windows, n, n); r_enc (windows,): what is longer than
// min(r_enc, longest) is left out.
extern "C" __global__ void __launch_bounds__(SAMPLES)
    choose_levels(const unsigned* bits, const unsigned* r_enc, unsigned longest, int n,
                  unsigned* levels) {
    __shared__ unsigned drawn[SAMPLES], sorted[SAMPLES];
    const int i = threadIdx.x, window = blockIdx.x;
    const unsigned limit = min(r_enc[window], longest);
    const unsigned mine = sampled_length(bits + (size_t)window * n * n, n, i);
    drawn[i] = mine;
    const int fit = __syncthreads_count(mine <= limit);
    int rank = 0;
    for (int other = 0; other < SAMPLES; ++other)
        rank += drawn[other] < mine || (drawn[other] == mine && other < i);
    sorted[rank] = mine;
    __syncthreads();
    if (i >= LEVELS) return;
    constexpr int LAST = LEVELS - 1;
    unsigned level = limit + 1;
    if (i == 0) level = 0;
    else if (i < LAST && fit) level = sorted[fit * i * (i + LAST) / (2 * LAST * LAST)];
    levels[window * LEVELS + i] = level;
}

// Write the rows of all levels.
//
// A warp a row and CHUNK of its entries; grid (chunks, rows / warps, windows). bits (windows, n, n).
extern "C" __global__ void __launch_bounds__(LEVEL_WARPS * WARP)
    level_rows(const unsigned* bits, const unsigned* levels, int n, unsigned* rows, int stride) {
    constexpr int AT_ONCE = 8, PITCH = WARP + 1;  // a word's levels are in banks of their own
    __shared__ unsigned all[LEVEL_WARPS][LEVELS * PITCH];
    unsigned* found = all[warp_id()];
    const int lane = lane_id(), u = blockIdx.y * LEVEL_WARPS + warp_id(), chunk = blockIdx.x;
    if (u >= n) return;
    bits += ((size_t)blockIdx.z * n + u) * n;
    levels += blockIdx.z * LEVELS;
    rows += ((size_t)blockIdx.z * n + u) * LEVELS * stride;
    for (int at = lane; at < LEVELS * PITCH; at += WARP) found[at] = 0;
    __syncwarp();
    const unsigned last = levels[LEVELS - 1];
    const int words = min(WARP, stride - chunk * WARP), at_first = chunk * CHUNK + lane;
    for (int word = 0; word < words; word += AT_ONCE) {
        unsigned length[AT_ONCE];
#pragma unroll
        for (int i = 0; i < AT_ONCE; ++i) {
            const int v = at_first + (word + i) * WARP;
            length[i] = v < n ? bits[v] : last;
        }
#pragma unroll
        for (int i = 0; i < AT_ONCE; ++i)
            if (length[i] < last)
                atomicOr(&found[level_of(levels, length[i]) * PITCH + word + i], 1u << lane);
    }
    __syncwarp();
    const int word = chunk * WARP + lane;
    if (word >= stride) return;
    unsigned nearer = u / WARP == word ? 1u << u % WARP : 0u;
    for (int level = 0; level < LEVELS; ++level) {
        nearer |= found[level * PITCH + lane];
        rows[level * stride + word] = nearer;
    }
}
