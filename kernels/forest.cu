// K5: the minimum spanning forest of the sorted RNG edges, and the births that remain.

#include "common.cuh"

// Number the flagged threads of a block in order; `total` grows by how many there are.
__device__ __forceinline__ int number_flagged(bool flag, int* counts, int& total) {
    const unsigned votes = __ballot_sync(ALL_LANES, flag);
    if (lane_id() == 0) counts[warp_id()] = __popc(votes);
    __syncthreads();
    int before = total + __popc(votes & lanes_below(lane_id()));
    for (int warp = 0; warp < warps_per_block(); ++warp) {
        if (warp < warp_id()) before += counts[warp];
        total += counts[warp];
    }
    __syncthreads();
    return before;
}

// Boruvka on ranks: the edges are sorted, so the smallest rank is the smallest edge, ties and all.
//
// A block a window. rng (windows, rng_room) sorted, counts[N_RNG] of them; label, parent and best
// (windows, n), room; birth_rank (windows, rng_room): -1 for an edge of the forest, else its place
// among the births; births (windows, birth_room): their keys, the last key behind, what finds no
// room left out; counts[N_BIRTHS]; merges (windows, n): the keys of the forest.
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    spanning_forest(const edge_t* rng, int rng_room, int n, int* label, int* parent, int* best,
                    int* birth_rank, edge_t* births, int birth_room, edge_t* merges, int* counts) {
    __shared__ int warp_counts[BLOCK / WARP];
    rng += (size_t)blockIdx.x * rng_room;
    birth_rank += (size_t)blockIdx.x * rng_room;
    births += (size_t)blockIdx.x * birth_room;
    merges += (size_t)blockIdx.x * n;
    label += (size_t)blockIdx.x * n;
    parent += (size_t)blockIdx.x * n;
    best += (size_t)blockIdx.x * n;
    counts += blockIdx.x * COUNTS;
    const int n_rng = min(counts[N_RNG], rng_room), tid = threadIdx.x, step = blockDim.x;
    for (int v = tid; v < n; v += step) label[v] = v;
    for (int e = tid; e < n_rng; e += step) birth_rank[e] = 0;
    for (;;) {
        for (int v = tid; v < n; v += step) {
            best[v] = NO_LENGTH;
            parent[v] = v;
        }
        __syncthreads();
        for (int e = tid; e < n_rng; e += step) {
            const int here = label[larger_vertex(rng[e])], there = label[smaller_vertex(rng[e])];
            if (here == there) continue;
            if (e < best[here]) atomicMin(&best[here], e);
            if (e < best[there]) atomicMin(&best[there], e);
        }
        __syncthreads();
        bool hooked = false;
        for (int c = tid; c < n; c += step) {
            const int e = best[c];
            if (e == NO_LENGTH) continue;
            const int here = label[larger_vertex(rng[e])], there = label[smaller_vertex(rng[e])];
            const int other = here == c ? there : here;
            // two components that chose the same edge: the smaller one stays a root
            if (best[other] != e || other < c) parent[c] = other;
            birth_rank[e] = -1;
            hooked = true;
        }
        if (!__syncthreads_or(hooked)) break;
        bool moved = true;
        while (__syncthreads_or(moved)) {
            moved = false;
            for (int c = tid; c < n; c += step) {
                const int up = parent[c], above = parent[up];
                if (above != up) {
                    parent[c] = above;
                    moved = true;
                }
            }
        }
        for (int v = tid; v < n; v += step) label[v] = parent[label[v]];
        __syncthreads();
    }
    int total = 0;
    for (int first = 0; first < n_rng; first += step) {
        const int e = first + tid;
        const bool gives_birth = e < n_rng && birth_rank[e] == 0;
        const int rank = number_flagged(gives_birth, warp_counts, total);
        if (gives_birth) {
            birth_rank[e] = rank;
            if (rank < birth_room) births[rank] = rng[e];
        } else if (e < n_rng) {
            merges[e - rank] = rng[e];
        }
    }
    for (int e = total + tid; e < birth_room; e += step) births[e] = ~0ull;
    if (tid == 0) counts[N_BIRTHS] = total;
}
