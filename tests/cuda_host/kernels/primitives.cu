// One kernel for each primitive of the emulator; valid CUDA C++.

// ---- built-in variables: one thread of a grid writes where it is
extern "C" __global__ void where(int* out) {
    const int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    out[block * blockDim.x * blockDim.y * blockDim.z + thread] = 1000 * block + thread;
}

// ---- block sum: static shared memory and barriers
extern "C" __global__ void block_sum(const int* __restrict__ x, int* out, int n) {
    __shared__ int part[1024];
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    part[threadIdx.x] = i < n ? x[i] : 0;
    for (int width = 1024; width > 1; width /= 2) {
        __syncthreads();
        const int other = threadIdx.x + width / 2;
        if (threadIdx.x < width / 2 && other < blockDim.x) part[threadIdx.x] += part[other];
    }
    if (threadIdx.x == 0) out[blockIdx.x] = part[0];
}

// ---- reversal through dynamic shared memory
template <class T>
__device__ __forceinline__ void reverse_in(T* shared, T* x) {
    shared[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}

extern "C" __global__ void reversed(double* x) {
    extern __shared__ double room[];
    reverse_in(room, x);
}

// ---- votes of a block
extern "C" __global__ void block_votes(const int* x, int* out) {
    const int p = x[threadIdx.x];
    const int n = __syncthreads_count(p), all = __syncthreads_and(p), any = __syncthreads_or(p);
    out[3 * threadIdx.x] = n;
    out[3 * threadIdx.x + 1] = all != 0;
    out[3 * threadIdx.x + 2] = any != 0;
}

// ---- votes of a warp; odd lanes of a second round vote by themselves
extern "C" __global__ void warp_votes(const int* x, unsigned* out) {
    const unsigned full = 0xFFFFFFFFu, odd = 0xAAAAAAAAu;
    const int p = x[threadIdx.x];
    unsigned* mine = out + 5 * threadIdx.x;
    mine[0] = __ballot_sync(full, p);
    mine[1] = __any_sync(full, p) != 0;
    mine[2] = __all_sync(full, p) != 0;
    mine[3] = __match_any_sync(full, p);
    mine[4] = 0;
    if (threadIdx.x % 2) {
        mine[4] = __ballot_sync(odd, p);
    } else {
        mine[4] = __ballot_sync(~odd, p);
    }
}

// ---- shuffles of one warp, in segments of a width
template <class T>
__device__ void shuffles(const T* x, T* out, int by, int width) {
    const int n = blockDim.x, i = threadIdx.x;
    const T v = x[i];
    out[i] = __shfl_sync(0xFFFFFFFFu, v, by, width);
    out[n + i] = __shfl_up_sync(0xFFFFFFFFu, v, by, width);
    out[2 * n + i] = __shfl_down_sync(0xFFFFFFFFu, v, by, width);
    out[3 * n + i] = __shfl_xor_sync(0xFFFFFFFFu, v, by, width);
}
extern "C" __global__ void shuffle_float(const float* x, float* out, int by, int width) {
    shuffles(x, out, by, width);
}
extern "C" __global__ void shuffle_ulong(const unsigned long long* x, unsigned long long* out,
                                         int by, int width) {
    shuffles(x, out, by, width);
}

// ---- early return: the lanes that stay still vote with the full mask
extern "C" __global__ void early_return(const int* x, unsigned* out, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    out[i] = __ballot_sync(0xFFFFFFFFu, x[i]);
}

// ---- atomics; out starts as the neutral elements
extern "C" __global__ void atomics32(const unsigned* x, unsigned* out, int* lowest, float* sum) {
    const unsigned v = x[blockIdx.x * blockDim.x + threadIdx.x];
    atomicAdd(out, v);
    atomicMin(out + 1, v);
    atomicMax(out + 2, v);
    atomicAnd(out + 3, v);
    atomicOr(out + 4, v);
    atomicXor(out + 5, v);
    atomicMin(lowest, -int(v));
    atomicAdd(sum, 1.0f);
    atomicExch(out + 6, v);
    unsigned old = out[7];
    for (unsigned seen = ~old; seen != old;) {
        seen = old;
        old = atomicCAS(out + 7, seen, seen + v);
    }
}
extern "C" __global__ void atomics64(const unsigned long long* x, unsigned long long* out) {
    const unsigned long long v = x[blockIdx.x * blockDim.x + threadIdx.x];
    atomicAdd(out, v);
    atomicMin(out + 1, v);
    atomicMax(out + 2, v);
    atomicOr(out + 3, v);
    unsigned long long old = out[4];
    for (unsigned long long seen = ~old; seen != old;) {
        seen = old;
        old = atomicCAS(out + 4, seen, seen > v ? seen : v);
    }
}

// ---- the last block to finish adds up what all have left behind
extern "C" __global__ void last_block(int* part, unsigned* ticket, int* total) {
    __shared__ bool last;
    if (threadIdx.x == 0) {
        part[blockIdx.x] = blockIdx.x + 1;
        __threadfence();
        last = atomicAdd(ticket, 1u) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && threadIdx.x == 0)
        for (unsigned i = 0; i < gridDim.x; ++i) *total += part[i];
}

// ---- shared memory of a block survives while other blocks run in between
extern "C" __global__ void interleaved(unsigned* counter, int* wrong) {
    extern __shared__ unsigned also[];
    __shared__ unsigned mine[32];
    mine[threadIdx.x] = also[threadIdx.x] = 1000 * blockIdx.x + threadIdx.x;
    for (int i = 0; i < 50; ++i) atomicAdd(counter, 1u);
    __syncthreads();
    const unsigned other = (threadIdx.x + 1) % blockDim.x;
    const unsigned expected = 1000 * blockIdx.x + other;
    if (mine[other] != expected || also[other] != expected) atomicAdd(wrong, 1);
}

// ---- waiting for another thread, or for another block, by an atomic
extern "C" __global__ void waits_for_thread(unsigned* flag, int* out) {
    if (threadIdx.x == 0) {
        while (atomicAdd(flag, 0u) != blockDim.x - 1) {
        }
    } else {
        atomicAdd(flag, 1u);
    }
    out[threadIdx.x] = 1;
}
extern "C" __global__ void waits_for_block(unsigned* flag, int* out) {
    atomicAdd(flag, 1u);
    while (atomicAdd(flag, 0u) != gridDim.x) {
    }
    out[blockIdx.x] = 1;
}

// ---- bits and numbers
extern "C" __global__ void bits(const unsigned* x, int* out) {
    const int n = blockDim.x, i = threadIdx.x;
    const unsigned v = x[i];
    const unsigned long long w = (unsigned long long)v << 20;
    out[i] = __popc(v);
    out[n + i] = __popcll(w);
    out[2 * n + i] = __clz(v);
    out[3 * n + i] = __clzll(w);
    out[4 * n + i] = __ffs(v);
    out[5 * n + i] = __ffsll(w);
    out[6 * n + i] = int(__brev(v));
}
extern "C" __global__ void rounded(const float2* x, float* out) {
    const int n = blockDim.x, i = threadIdx.x;
    const float2 v = x[i];
    out[i] = __fadd_rn(v.x, v.y);
    out[n + i] = __fsub_rn(v.x, v.y);
    out[2 * n + i] = __fmul_rn(v.x, v.y);
    out[3 * n + i] = __fsqrt_rn(v.x);
    out[4 * n + i] = __uint_as_float(__float_as_uint(v.x) ^ 0x80000000u);
    out[5 * n + i] = __fadd_rn(__fmul_rn(v.x, v.x), __fmul_rn(v.y, v.y));
    out[6 * n + i] = min(v.x, v.y);
    out[7 * n + i] = max(v.x, __ldg(&x[i].y));
    out[8 * n + i] = __double2float_ru(double(v.x) * v.y);
}

// ---- one warp passes a value on by shared memory and __syncwarp
extern "C" __global__ void passed_on(int* out) {
    __shared__ int cell[32];
    int value = threadIdx.x;
    for (int i = 0; i < 4; ++i) {
        cell[threadIdx.x] = value;
        __syncwarp();
        value = cell[(threadIdx.x + 1) % 32];
        __syncwarp();
    }
    out[threadIdx.x] = value;
}
