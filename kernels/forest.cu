// K5: the minimum spanning forest of the sorted RNG edges, and the births that remain.

#include "common.cuh"

typedef unsigned short vertex_t;

// Where the arrays of a window are while its forest grows: in shared memory where they fit.
struct Growing {
    int* best;           // (n,): rank of the first edge that leaves a component
    vertex_t *root, *other;  // (n,): of each vertex, now and next
    const unsigned* ends;    // larger << 16 | smaller of each edge, so many words apart
    int stride;
    unsigned* in_forest;  // (edges / 32,)

    __device__ __forceinline__ void ends_of(int e, int& here, int& there) const {
        const unsigned both = ends[(size_t)e * stride];
        here = root[both >> 16];
        there = root[both & 0xffff];
    }
    __device__ __forceinline__ void turn() {
        vertex_t* const now = other;
        other = root;
        root = now;
    }
};

// Boruvka on ranks: the edges are sorted, so the smallest rank is the smallest edge, ties and all.
//
// A block a window. rng (windows, rng_room) sorted, counts[N_RNG] of them; best (windows, n), roots
// (windows, 2, n), in_forest (windows, rng_room / 32), room; birth_rank (windows, rng_room): -1 for
// an edge of the forest, else its place among the births; births (windows, birth_room): their keys,
// the last key behind, what finds no room left out; counts[N_BIRTHS]; merges (windows, n): the keys
// of the forest. in_shared: 1 if best, roots and in_forest are in shared memory instead, 2 if the
// ends of the edges are there as well; (2 n + rng_room / 32,) words, and rng_room.
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    spanning_forest(const edge_t* rng, int rng_room, int n, int* best, vertex_t* roots,
                    unsigned* in_forest, int* birth_rank, edge_t* births, int birth_room,
                    edge_t* merges, int in_shared, int* counts) {
    __shared__ int warp_births[BLOCK / WARP];
    const int window = blockIdx.x, tid = threadIdx.x, step = blockDim.x;
    const int room_words = (rng_room + 31) / 32;
    rng += (size_t)window * rng_room;
    birth_rank += (size_t)window * rng_room;
    births += (size_t)window * birth_room;
    merges += (size_t)window * n;
    counts += window * COUNTS;
    const int n_rng = min(counts[N_RNG], rng_room), n_words = (n_rng + 31) / 32;
    Growing forest = {best + (size_t)window * n, roots + (size_t)window * 2 * n, nullptr,
                      reinterpret_cast<const unsigned*>(rng), 2,
                      in_forest + (size_t)window * room_words};
    unsigned* const shared = dynamic_words();
    if (in_shared) {
        forest.best = reinterpret_cast<int*>(shared);
        forest.root = reinterpret_cast<vertex_t*>(shared + n);
        forest.in_forest = shared + 2 * n;
    }
    forest.other = forest.root + n;
    if (in_shared > 1) {
        unsigned* const ends = shared + 2 * n + room_words;
        for (int e = tid; e < n_rng; e += step) ends[e] = (unsigned)rng[e];
        forest.ends = ends;
        forest.stride = 1;
    }
    for (int v = tid; v < n; v += step) {
        forest.root[v] = (vertex_t)v;
        forest.best[v] = NO_LENGTH;
    }
    for (int word = tid; word < n_words; word += step) forest.in_forest[word] = 0;
    __syncthreads();
    unsigned inside = 0;  // which of this thread's first edges are within a component
    for (;;) {
        bool leaves = false;
        for (int e = tid, i = 0; e < n_rng; e += step, ++i) {
            if (i < 32 && inside >> i & 1) continue;
            int here, there;
            forest.ends_of(e, here, there);
            if (here == there) {
                if (i < 32) inside |= 1u << i;
                continue;
            }
            leaves = true;
            if (e < forest.best[here]) atomicMin(&forest.best[here], e);
            if (e < forest.best[there]) atomicMin(&forest.best[there], e);
        }
        if (!__syncthreads_or(leaves)) break;
        for (int v = tid; v < n; v += step) {
            int next = forest.root[v];
            const int e = forest.best[v];
            if (e != NO_LENGTH) {  // v is a root
                int here, there;
                forest.ends_of(e, here, there);
                const int joined = here == v ? there : here;
                // two components that chose the same edge: the smaller one stays a root
                if (forest.best[joined] != e || joined < v) next = joined;
                atomicOr(&forest.in_forest[e / 32], 1u << e % 32);
            }
            forest.other[v] = (vertex_t)next;
        }
        __syncthreads();
        forest.turn();
        bool is_far = true;
        while (is_far) {
            is_far = false;
            for (int v = tid; v < n; v += step) {
                int up = forest.root[v], above = forest.root[up];
                for (int i = 0; i < FOREST_STEPS && above != up; ++i) {
                    up = above;
                    above = forest.root[up];
                }
                is_far |= above != up;
                forest.other[v] = (vertex_t)up;
                forest.best[v] = NO_LENGTH;
            }
            is_far = __syncthreads_or(is_far);
            forest.turn();
        }
    }
    // a warp numbers the births among words that follow one another
    const int warps = warps_per_block(), warp = warp_id(), lane = lane_id();
    const int share = (n_words + warps - 1) / warps;
    const int begin = min(warp * share, n_words), end = min(begin + share, n_words);
    int mine = 0;
    for (int word = begin + lane; word < end; word += WARP)
        mine += min(32, n_rng - 32 * word) - __popc(forest.in_forest[word]);
    mine = warp_sum(mine);
    if (lane == 0) warp_births[warp] = mine;
    __syncthreads();
    const int others = lane < warps ? warp_births[lane] : 0;
    const int total = warp_sum(others);
    int before = warp_sum(lane < warp ? others : 0);
    for (int word = begin; word < end; ++word) {
        const int e = 32 * word + lane;
        const unsigned taken = forest.in_forest[word];
        const int rank = before + __popc(~taken & lanes_below(lane));
        const bool gives_birth = !(taken >> lane & 1);
        if (e < n_rng) {
            const edge_t key = rng[e];
            birth_rank[e] = gives_birth ? rank : -1;
            if (!gives_birth)
                merges[e - rank] = key;
            else if (rank < birth_room)
                births[rank] = key;
        }
        before += min(32, n_rng - 32 * word) - __popc(taken);
    }
    for (int e = total + tid; e < birth_room; e += step) births[e] = ~0ull;
    if (tid == 0) counts[N_BIRTHS] = total;
}
