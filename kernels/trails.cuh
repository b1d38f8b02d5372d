// How the relation of a split edge became RNG edges, kept from one diagram to the next.
//
// The edges that are left are homologous to the relation by triangles whose vertices were used; as
// long as these are the same points, and the edges that are left RNG edges, so they stay.

#include "common.cuh"

// Place of a key in a sorted list that holds it.
__device__ __forceinline__ int place_of(edge_t key, const edge_t* sorted, int count) {
    int low = 0, high = count - 1;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (sorted[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// Where an edge is replaced: which vertices that took, and which RNG edges were left. A bit each,
// (RNG edges / 32) words and (n / 32) words; null where nobody wants to know.
struct Trail {
    unsigned *edges, *vertices;

    __device__ __forceinline__ void meet_edge(int place) {
        if (edges && lane_id() == 0) edges[place / 32] |= 1u << place % 32;
    }
    __device__ __forceinline__ void use_vertex(int v) {
        if (edges && lane_id() == 0) vertices[v / 32] |= 1u << v % 32;
    }
};

// Set what an earlier diagram knew of a relation, if all that holds still; tell whether it does.
//
// Its trail (old_words) over old_rng (old_rng_room); moved (n / 32): slots whose point is another
// one since. column, trail: zero before and where it does not hold.
__device__ __forceinline__ bool follow(const unsigned* old_trail, const edge_t* old_rng,
                                       int old_rng_words, const unsigned* moved, int n,
                                       const edge_t* rng, const int* birth_rank, int n_rng,
                                       unsigned* column, int words, Trail trail, int rng_words) {
    const unsigned* used = old_trail + old_rng_words;
    const int n_words = (n + 31) / 32;
    bool known = false, fails = false;
    for (int word = lane_id(); word < n_words; word += WARP) {
        known |= used[word] != 0;
        fails |= (used[word] & moved[word]) != 0;
    }
    if (!__any_sync(ALL_LANES, known) || __any_sync(ALL_LANES, fails)) return false;
    for (int word = lane_id(); word < old_rng_words; word += WARP)
        for (unsigned rest = old_trail[word]; rest; rest &= rest - 1) {
            const edge_t key = old_rng[32 * word + __ffs(rest) - 1];
            const int place = place_of(key, rng, n_rng);
            if (rng[place] != key) {
                fails = true;
                break;
            }
            const int birth = birth_rank[place];
            if (birth >= 0) atomicXor(&column[birth / 32], 1u << birth % 32);
            atomicOr(&trail.edges[place / 32], 1u << place % 32);
        }
    fails = __any_sync(ALL_LANES, fails);
    for (int word = lane_id(); fails && word < words; word += WARP) column[word] = 0;
    for (int word = lane_id(); fails && word < rng_words; word += WARP) trail.edges[word] = 0;
    for (int word = lane_id(); !fails && word < n_words; word += WARP)
        trail.vertices[word] = used[word];
    __syncwarp();
    return !fails;
}
