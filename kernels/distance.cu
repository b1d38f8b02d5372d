// K1: distance matrices and enclosing radii, arithmetic pinned: float32, coordinates in order,
// round to nearest, no fused multiply-add.

#include "common.cuh"

constexpr int SIDE = 32;    // points along one side of a block's square
constexpr int COORDS = 16;  // coordinates staged at a time
constexpr int ROWS = 8;     // threadIdx.y; a thread owns SIDE / ROWS entries

struct Squares {
    static __device__ __forceinline__ float add(float sum, float x, float y) {
        const float step = __fsub_rn(y, x);
        return __fadd_rn(sum, __fmul_rn(step, step));
    }
    static __device__ __forceinline__ float end(float sum) { return __fsqrt_rn(sum); }
};

struct Sides {
    static __device__ __forceinline__ float add(float sum, float x, float y) {
        return __fadd_rn(sum, fabsf(__fsub_rn(y, x)));
    }
    static __device__ __forceinline__ float end(float sum) { return sum; }
};

struct Largest {
    static __device__ __forceinline__ float add(float sum, float x, float y) {
        return fmaxf(sum, fabsf(__fsub_rn(y, x)));
    }
    static __device__ __forceinline__ float end(float sum) { return sum; }
};

// points (windows, n, dim), out (windows, n, n); grid (n / SIDE, n / SIDE, windows).
template <class Metric>
__device__ __forceinline__ void pairwise(const float* points, float* out, int n, int dim) {
    __shared__ float left[COORDS][SIDE + 1], right[COORDS][SIDE + 1];
    points += (size_t)blockIdx.z * n * dim;
    out += (size_t)blockIdx.z * n * n;
    const int first_a = SIDE * blockIdx.y, first_b = SIDE * blockIdx.x;
    const int b = first_b + threadIdx.x;
    float sums[SIDE / ROWS] = {};
    for (int first = 0; first < dim; first += COORDS) {
        const int coords = min(COORDS, dim - first);
        __syncthreads();
        for (int i = threadIdx.y * SIDE + threadIdx.x; i < SIDE * COORDS; i += SIDE * ROWS) {
            const int point = i / COORDS, coord = i % COORDS;
            const int row = min(first_a + point, n - 1), column = min(first_b + point, n - 1);
            if (coord < coords) {
                left[coord][point] = points[(size_t)row * dim + first + coord];
                right[coord][point] = points[(size_t)column * dim + first + coord];
            }
        }
        __syncthreads();
        for (int coord = 0; coord < coords; ++coord) {
            const float y = right[coord][threadIdx.x];
#pragma unroll
            for (int r = 0; r < SIDE / ROWS; ++r)
                sums[r] = Metric::add(sums[r], left[coord][threadIdx.y + r * ROWS], y);
        }
    }
#pragma unroll
    for (int r = 0; r < SIDE / ROWS; ++r) {
        const int a = first_a + threadIdx.y + r * ROWS;
        if (a < n && b < n) out[(size_t)a * n + b] = Metric::end(sums[r]);
    }
}

extern "C" __global__ void __launch_bounds__(SIDE * ROWS)
    distance_euclidean(const float* points, float* out, int n, int dim) {
    pairwise<Squares>(points, out, n, dim);
}

extern "C" __global__ void __launch_bounds__(SIDE * ROWS)
    distance_manhattan(const float* points, float* out, int n, int dim) {
    pairwise<Sides>(points, out, n, dim);
}

extern "C" __global__ void __launch_bounds__(SIDE * ROWS)
    distance_chebyshev(const float* points, float* out, int n, int dim) {
    pairwise<Largest>(points, out, n, dim);
}

// Write new points into their slots. A thread a coordinate; grid (blocks, windows). points (windows,
// n, dim), fresh (windows, n_come, dim), slots (windows, n_come), ended by -1 where there are fewer.
extern "C" __global__ void place_points(
    float* points, const float* fresh, const int* slots, int n_come, int n, int dim) {
    const int at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= n_come * dim) return;
    const int slot = slots[(size_t)blockIdx.y * n_come + at / dim];
    if (slot >= 0)
        points[((size_t)blockIdx.y * n + slot) * dim + at % dim] =
            fresh[(size_t)blockIdx.y * n_come * dim + at];
}

// Rows from some slots to all: rows (windows, n_rows, n), `none` to and from slots without a point.
//
// A thread an entry; grid (blocks of v, n_rows, windows). points (windows, n, dim), holds (windows,
// n): 0 where there is no point; slots (windows, n_rows), ended by -1 where there are fewer.
template <class Metric>
__device__ __forceinline__ void some_rows(
    const float* points, const unsigned char* holds, const int* slots, float* rows, int n_rows,
    int n, int dim, float none) {
    const int v = blockIdx.x * blockDim.x + threadIdx.x;
    const size_t row = (size_t)blockIdx.z * n_rows + blockIdx.y;
    const int slot = slots[row];
    if (v >= n || slot < 0) return;
    points += (size_t)blockIdx.z * n * dim;
    float length = none;
    if (holds[(size_t)blockIdx.z * n + v]) {
        float sum = 0.0f;
        for (int coord = 0; coord < dim; ++coord)
            sum = Metric::add(sum, points[(size_t)slot * dim + coord],
                              points[(size_t)v * dim + coord]);
        length = Metric::end(sum);
    }
    rows[row * n + v] = length;
}

extern "C" __global__ void rows_euclidean(const float* points, const unsigned char* holds,
                                          const int* slots, float* rows, int n_rows, int n, int dim,
                                          float none) {
    some_rows<Squares>(points, holds, slots, rows, n_rows, n, dim, none);
}

extern "C" __global__ void rows_manhattan(const float* points, const unsigned char* holds,
                                          const int* slots, float* rows, int n_rows, int n, int dim,
                                          float none) {
    some_rows<Sides>(points, holds, slots, rows, n_rows, n, dim, none);
}

extern "C" __global__ void rows_chebyshev(const float* points, const unsigned char* holds,
                                          const int* slots, float* rows, int n_rows, int n, int dim,
                                          float none) {
    some_rows<Largest>(points, holds, slots, rows, n_rows, n, dim, none);
}

// r_enc (windows,), all ones before: the smallest row maximum. A warp a row; grid (rows, windows).
extern "C" __global__ void enclosing_radius(const unsigned* bits, unsigned* r_enc, int n) {
    const int a = blockIdx.x * warps_per_block() + warp_id();
    if (a >= n) return;
    const unsigned* row = bits + ((size_t)blockIdx.y * n + a) * n;
    unsigned farthest = 0;
    for (int b = lane_id(); b < n; b += WARP) farthest = max(farthest, row[b]);
    farthest = warp_max(farthest);
    if (lane_id() == 0) atomicMin(&r_enc[blockIdx.y], farthest);
}
