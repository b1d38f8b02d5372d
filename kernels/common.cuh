// Edges, lengths and warps: what every stage shares.
//
// A length is the bit pattern of a non-negative float32, so that lengths compare as integers.
// A key sorts by the total order (length, larger vertex, smaller vertex).
// WARP, CHUNK, LEVELS and the other names in capitals come from persistence/cuda_kernels.py.

typedef unsigned long long edge_t;

[[maybe_unused]] constexpr unsigned ALL_LANES = 0xffffffffu;
[[maybe_unused]] constexpr int NO_LENGTH = 0x7fffffff;  // after every length

__device__ __forceinline__ int lane_id() { return threadIdx.x & (WARP - 1); }

__device__ __forceinline__ int warp_id() { return threadIdx.x / WARP; }

__device__ __forceinline__ int warps_per_block() { return blockDim.x / WARP; }

// What a launch asks for; named once, for the name has one linkage.
__device__ __forceinline__ unsigned* dynamic_words() {
    extern __shared__ unsigned dynamic_shared[];
    return dynamic_shared;
}

__device__ __forceinline__ edge_t edge_key(unsigned length, int a, int b) {
    const unsigned larger = max(a, b), smaller = min(a, b);
    return (edge_t)length << 32 | larger << 16 | smaller;
}

__device__ __forceinline__ int key_length(edge_t key) { return (int)(key >> 32); }

__device__ __forceinline__ int larger_vertex(edge_t key) { return (int)(key >> 16) & 0xffff; }

__device__ __forceinline__ int smaller_vertex(edge_t key) { return (int)key & 0xffff; }

__device__ __forceinline__ unsigned warp_min(unsigned value) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    return __reduce_min_sync(ALL_LANES, value);
#else
    for (int step = WARP / 2; step; step >>= 1)
        value = min(value, __shfl_xor_sync(ALL_LANES, value, step));
    return value;
#endif
}

__device__ __forceinline__ unsigned warp_max(unsigned value) { return ~warp_min(~value); }

__device__ __forceinline__ unsigned warp_or(unsigned value) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    return __reduce_or_sync(ALL_LANES, value);
#else
    for (int step = WARP / 2; step; step >>= 1)
        value |= __shfl_xor_sync(ALL_LANES, value, step);
    return value;
#endif
}

__device__ __forceinline__ int warp_sum(int value) {
    for (int step = WARP / 2; step; step >>= 1)
        value += __shfl_xor_sync(ALL_LANES, value, step);
    return value;
}

// Largest key of the warp; every lane gets it.
__device__ __forceinline__ edge_t warp_max_key(edge_t key) {
    const unsigned high = warp_max((unsigned)(key >> 32));
    const unsigned low = warp_max((unsigned)(key >> 32) == high ? (unsigned)key : 0u);
    return (edge_t)high << 32 | low;
}

__device__ __forceinline__ unsigned lanes_below(int lane) { return (1u << lane) - 1u; }
