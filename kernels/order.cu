// K4: the lists of RNG edges and split edges in order, and the relations of the split edges.

#include "common.cuh"
#include "lune.cuh"

// The split edges of windows as they come, and where they go in order.
//
// old, old_spans (windows, old_room), counts[N_SPLIT] of them, reps (windows, reps_room); splits,
// spans (windows, n_splits) are the same in order, the last key and 0 where there is none; ends
// (windows, n_splits), inclusive sums of c - 1; relations (windows, room): a cycle a r0 b ri for
// each component i > 0, the edge's place << 32 | r0 << 16 | ri. Nothing is listed where the old
// lists had too little room.
struct Splits {
    const edge_t* old;
    const int* old_spans;
    int old_room;
    const unsigned short* reps;
    int reps_room;
    edge_t* splits;
    int *spans, *ends, n_splits;
    unsigned long long* relations;
    int room;

    __device__ __forceinline__ void go_to(int window) {
        old += (size_t)window * old_room;
        old_spans += (size_t)window * old_room * 2;
        reps += (size_t)window * reps_room;
        splits += (size_t)window * n_splits;
        spans += (size_t)window * n_splits * 2;
        ends += (size_t)window * n_splits;
        relations += (size_t)window * room;
    }
    __device__ __forceinline__ int used(const int* counts) const {
        return counts[N_SPLIT] <= old_room && counts[N_REPS] <= reps_room ? counts[N_SPLIT] : 0;
    }
    // c - 1 of an edge of the old list.
    __device__ __forceinline__ int further(int at) const { return max(old_spans[2 * at + 1] - 1, 0); }
    // Edge `at` of the old list is edge i of n_splits, with relations up to `end`; none if at < 0.
    __device__ __forceinline__ void put(int i, int at, int end) const {
        const int start = at < 0 ? 0 : old_spans[2 * at], count = at < 0 ? 0 : old_spans[2 * at + 1];
        splits[i] = at < 0 ? ~0ull : old[at];
        spans[2 * i] = start;
        spans[2 * i + 1] = count;
        ends[i] = end;
        for (int k = 1, place = end - count + 1; k < count && place < room; ++k, ++place)
            relations[place] =
                (unsigned long long)i << 32 | (unsigned)reps[start] << 16 | reps[start + k];
    }
};

// What of a sorted list is before a key: how many keys, and how many relations of these.
struct Before {
    int keys = 0, relations = 0;

    // others of a tile, every RANK_LANES-th from `from` on; further is null, or one for each.
    template <typename Comes>
    __device__ __forceinline__ void count(const edge_t* others, const int* further, int from, int to,
                                          Comes comes) {
        if (further) {
#pragma unroll 4
            for (int i = from; i < to; i += RANK_LANES) {
                keys += comes(i, others[i]);
                relations += comes(i, others[i]) ? further[i] : 0;
            }
        } else {
#pragma unroll 8
            for (int i = from; i < to; i += RANK_LANES) keys += comes(i, others[i]);
        }
    }
};

// Both lists of every window in order, by how many of their keys are smaller, and the relations of
// the split edges. No two keys are equal, but in a state that is corrupt, where they stand as they
// came.
//
// RANK_LANES threads a key, each with its share of the others; blocks stride; grid (any, 2,
// windows). rng (windows, rng_room), counts[N_RNG] of them, to sorted (windows, n_sorted), the last
// key behind them; the others are those of Splits. What finds no room is left out, so every key is
// ranked, however many do.
extern "C" __global__ void __launch_bounds__(RANK_THREADS)
    rank_keys(const edge_t* rng, int rng_room, edge_t* sorted, int n_sorted,
              const edge_t* old_splits, const int* old_spans, int split_room,
              const unsigned short* reps, int reps_room, edge_t* splits, int* spans, int* ends,
              int n_splits, unsigned long long* relations, int room, const int* counts) {
    constexpr int KEYS = RANK_THREADS / RANK_LANES;  // of a block, a divisor of RANK_TILE
    __shared__ edge_t tile[RANK_TILE];
    __shared__ int further[RANK_TILE];
    const int window = blockIdx.z, lane = threadIdx.x % RANK_LANES;
    const bool is_rng = blockIdx.y == 0;
    Splits list = {old_splits, old_spans, split_room, reps,      reps_room, splits,
                   spans,      ends,      n_splits,   relations, room};
    list.go_to(window);
    counts += window * COUNTS;
    const edge_t* keys = is_rng ? rng + (size_t)window * rng_room : list.old;
    const int used = is_rng ? min(counts[N_RNG], rng_room) : list.used(counts);
    const int rows = max(used, is_rng ? n_sorted : n_splits);
    sorted += (size_t)window * n_sorted;
    for (int start = blockIdx.x * KEYS; start < rows; start += gridDim.x * KEYS) {
        const int at = start + (int)threadIdx.x / RANK_LANES;
        if (is_rng && start >= used) {
            if (lane == 0 && at < n_sorted) sorted[at] = ~0ull;
            continue;
        }
        const edge_t mine = at < used ? keys[at] : ~0ull;
        Before before;
        for (int first = 0; first < used; first += RANK_TILE) {
            const int filled = min((used - first + KEYS - 1) / KEYS * KEYS, RANK_TILE);
            __syncthreads();
            for (int i = threadIdx.x; i < filled; i += RANK_THREADS) {
                const bool is_used = first + i < used;
                tile[i] = is_used ? keys[first + i] : ~0ull;
                if (!is_rng) further[i] = is_used ? list.further(first + i) : 0;
            }
            __syncthreads();
            // only among those of this block one that is equal may be before or behind
            const int from = min(max(start - first, 0), filled);
            const int to = min(max(start - first + KEYS, 0), filled);
            const int* const sums = is_rng ? nullptr : further;
            before.count(tile, sums, lane, from, [&](int, edge_t key) { return key <= mine; });
            before.count(tile, sums, from + lane, to, [&](int i, edge_t key) {
                return key < mine || (key == mine && first + i < at);
            });
            before.count(tile, sums, to + lane, filled, [&](int, edge_t key) { return key < mine; });
        }
        for (int by = 1; by < RANK_LANES; by *= 2) {
            before.keys += __shfl_xor_sync(ALL_LANES, before.keys, by);
            before.relations += __shfl_xor_sync(ALL_LANES, before.relations, by);
        }
        if (lane != 0) continue;
        const int place = at < used ? before.keys : at;
        if (is_rng) {
            if (place < n_sorted) sorted[place] = mine;
        } else if (place < n_splits) {
            const int more = at < used ? list.further(at) : 0;
            list.put(place, at < used ? at : -1, before.relations + more);
        }
    }
}

// The relations of split edges that were sorted otherwise: order (windows, n_splits) has the places
// of the old list. A block a window; the others as above.
extern "C" __global__ void __launch_bounds__(BLOCK)
    order_splits(const int* order, const edge_t* old_splits, const int* old_spans, int split_room,
                 const unsigned short* reps, int reps_room, edge_t* splits, int* spans, int* ends,
                 int n_splits, unsigned long long* relations, int room, const int* counts) {
    __shared__ int warp_sums[BLOCK / WARP];
    const int window = blockIdx.x;
    Splits list = {old_splits, old_spans, split_room, reps,      reps_room, splits,
                   spans,      ends,      n_splits,   relations, room};
    list.go_to(window);
    order += (size_t)window * n_splits;
    const int used = min(list.used(counts + window * COUNTS), n_splits);
    int total = 0;
    for (int first = 0; first < n_splits; first += blockDim.x) {
        const int i = first + threadIdx.x, at = i < used ? order[i] : -1;
        int sum = at < 0 ? 0 : list.further(at);
        for (int by = 1; by < WARP; by *= 2) {
            const int before = __shfl_up_sync(ALL_LANES, sum, by);
            if (lane_id() >= by) sum += before;
        }
        if (lane_id() == WARP - 1) warp_sums[warp_id()] = sum;
        __syncthreads();
        sum += total;
        for (int warp = 0; warp < warps_per_block(); ++warp) {
            if (warp < warp_id()) sum += warp_sums[warp];
            total += warp_sums[warp];
        }
        __syncthreads();
        if (i < n_splits) list.put(i, at, sum);
    }
}
