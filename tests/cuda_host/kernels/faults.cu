// Kernels with one mistake each.

// ---- barriers
extern "C" __global__ void missing_syncthreads(int* out) {
    __shared__ int cell[256];
    cell[threadIdx.x] = threadIdx.x;
    out[threadIdx.x] = cell[(threadIdx.x + 64) % blockDim.x];
}
extern "C" __global__ void missing_second_syncthreads(int* out) {
    __shared__ int cell;
    int sum = 0;
    for (int i = 0; i < 4; ++i) {
        if (threadIdx.x == 0) cell = i;
        __syncthreads();
        sum += cell;
    }
    out[threadIdx.x] = sum;
}
extern "C" __global__ void missing_syncwarp(int* out) {
    __shared__ int cell[32];
    cell[threadIdx.x] = threadIdx.x;
    out[threadIdx.x] = cell[(threadIdx.x + 1) % 32];
}
extern "C" __global__ void order_of_threads(int* out) {
    __shared__ int next;
    next = 0;
    __syncthreads();
    out[threadIdx.x] = next++;
}
extern "C" __global__ void order_of_lanes(int* out) {
    __shared__ int next;
    next = 0;
    __syncwarp();
    out[threadIdx.x] = next++;
}
extern "C" __global__ void returns_before_barrier(int* out) {
    if (threadIdx.x == 3) return;
    __syncthreads();
    out[threadIdx.x] = 1;
}
extern "C" __global__ void two_barriers(int* out) {
    if (threadIdx.x < 7)
        __syncthreads();
    else
        __syncthreads();
    out[threadIdx.x] = 1;
}
extern "C" __global__ void loop_of_own_length(int* out) {
    for (unsigned i = 0; i < 1 + threadIdx.x % 2; ++i) __syncthreads();
    out[threadIdx.x] = 1;
}

// ---- warp collectives
extern "C" __global__ void lane_elsewhere(int* out) {
    if (threadIdx.x < 16) out[threadIdx.x] = __ballot_sync(0xFFFFFFFFu, 1);
    __syncthreads();
}
extern "C" __global__ void two_votes(int* out) {
    if (threadIdx.x < 9)
        out[threadIdx.x] = __ballot_sync(0xFFFFFFFFu, 1);
    else
        out[threadIdx.x] = __ballot_sync(0xFFFFFFFFu, 1);
}
extern "C" __global__ void masks_differ(int* out) {
    out[threadIdx.x] = __ballot_sync(threadIdx.x < 16 ? 0xFFFFFFFFu : 0xFFFF0000u, 1);
    __syncthreads();
}
extern "C" __global__ void not_in_mask(int* out) { out[threadIdx.x] = __any_sync(0x0000FFFFu, 1); }
extern "C" __global__ void odd_width(int* out) {
    out[threadIdx.x] = __shfl_sync(0xFFFFFFFFu, 1, 0, 12);
}
extern "C" __global__ void reads_lost_lane(unsigned* out) {
    if (threadIdx.x == 5) return;
    out[threadIdx.x] = __shfl_sync(0xFFFFFFFFu, 1u, 5);
}

// ---- memory
extern "C" __global__ void reads_unwritten_shared(unsigned* out) {
    __shared__ unsigned cell[32];
    if (threadIdx.x % 2) cell[threadIdx.x] = 1;
    out[threadIdx.x] = cell[threadIdx.x];
}
extern "C" __global__ void reads_last_block(unsigned* out) {
    __shared__ unsigned cell;
    if (blockIdx.x == 0) cell = 1;
    out[blockIdx.x] = cell;
}
extern "C" __global__ void reads_unset_local(unsigned* out) {
    unsigned room[8];
    for (unsigned i = 0; i < out[0]; ++i) room[i] = 1;
    out[0] = room[out[1]];
}
extern "C" __global__ void writes_at(int* out, long long at) { out[at] = 1; }
extern "C" __global__ void reads_at(const int* x, int* out, int at) { out[0] = x[at]; }
extern "C" __global__ void writes_shared_at(int* out, int at) {
    __shared__ int room[8];
    int* p = room;
    p[at] = 1;
    __syncthreads();
    out[0] = p[at];
}
extern "C" __global__ void writes_dynamic_at(int* out, int at) {
    extern __shared__ int room[];
    room[at] = 1;
    __syncthreads();
    out[0] = room[at];
}
extern "C" __global__ void deep_stack(int* out) {
    volatile int room[100000];
    for (int i = 99999; i >= 0; --i) room[i] = i;
    out[0] = room[1];
}

// ---- others
extern "C" __global__ void divides(int* out) { out[0] = 7 / out[1]; }
extern "C" __global__ void overflows(int* out) { out[0] = 2147483647 + (out[0] + 1); }
extern "C" __global__ void asserts(int* out) { assert(out[0] == 12); }
extern "C" __global__ void traps(int* out) { __trap(); }
extern "C" __global__ void aborts(int* out) { abort(); }
extern "C" __global__ void spins(int* out) {
    volatile int* flag = out;
    while (*flag == 0) {
    }
}
extern "C" __global__ void no_fault(int* out) { out[threadIdx.x] = threadIdx.x; }
