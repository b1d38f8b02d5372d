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
        if (edges) atomicXor(&edges[place / 32], 1u << place % 32);
    }
    __device__ __forceinline__ void use_vertex(int v) {
        if (edges) atomicOr(&vertices[v / 32], 1u << v % 32);
    }
};

// RNG edges that are left of a relation, twice is never: as a column over the births, and in its
// trail. They wait until a warp has enough of them to look for their places at once.
struct Remains {
    const edge_t* rng;  // sorted, with birth_rank
    const int* birth_rank;
    int n_rng;
    unsigned* column;
    Trail trail;
    edge_t* waiting;  // (WARP,), shared by the warp
    int n_waiting;

    // Each lane may give one: its key, or its place among `others`. Tell whether all that were
    // settled meanwhile are RNG edges.
    __device__ __forceinline__ bool add(bool given, edge_t key, const edge_t* others = nullptr) {
        const unsigned votes = __ballot_sync(ALL_LANES, given);
        const bool settles = n_waiting + __popc(votes) > WARP;
        const bool fine = !settles || settle(others);
        if (given) waiting[n_waiting + __popc(votes & lanes_below(lane_id()))] = key;
        n_waiting += __popc(votes);
        __syncwarp();
        return fine;
    }
    __device__ __forceinline__ bool settle(const edge_t* others = nullptr) {
        bool fine = true;
        if (lane_id() < n_waiting) {
            const edge_t given = waiting[lane_id()], key = others ? others[given] : given;
            const int place = place_of(key, rng, n_rng);
            fine = rng[place] == key;
            const int birth = fine ? birth_rank[place] : -1;
            if (fine) trail.meet_edge(place);
            if (birth >= 0) atomicXor(&column[birth / 32], 1u << birth % 32);
        }
        n_waiting = 0;
        __syncwarp();
        return __all_sync(ALL_LANES, fine);
    }
};

// Set what an earlier diagram knew of a relation, if all that holds still; tell whether it does.
//
// Its trail (old_words) over old_rng (old_rng_room); moved (n / 32): slots whose point is another
// one since. Column and trail (rng_words and more) are zero before and where it does not hold.
__device__ __forceinline__ bool follow(const unsigned* old_trail, const edge_t* old_rng,
                                       int old_rng_words, const unsigned* moved, int n,
                                       Remains& remains, int words, int rng_words) {
    constexpr int AT_ONCE = 4;
    const unsigned* used = old_trail + old_rng_words;
    const int n_words = (n + 31) / 32;
    bool known = false, fails = false;
    for (int word = lane_id(); word < n_words; word += WARP) {
        known |= used[word] != 0;
        fails |= (used[word] & moved[word]) != 0;
    }
    if (!__any_sync(ALL_LANES, known) || __any_sync(ALL_LANES, fails)) return false;
    bool fine = true;
    for (int first = lane_id(); fine && first - lane_id() < old_rng_words;
         first += AT_ONCE * WARP) {
        unsigned rest[AT_ONCE];
#pragma unroll
        for (int k = 0; k < AT_ONCE; ++k)
            rest[k] = first + WARP * k < old_rng_words ? old_trail[first + WARP * k] : 0u;
#pragma unroll
        for (int k = 0; k < AT_ONCE; ++k)
            for (; __any_sync(ALL_LANES, rest[k] != 0); rest[k] &= rest[k] - 1)
                fine &= remains.add(rest[k] != 0, 32 * (first + WARP * k) + __ffs(rest[k]) - 1,
                                    old_rng);
    }
    fine &= remains.settle(old_rng);
    __syncwarp();
    for (int word = lane_id(); !fine && word < words; word += WARP) remains.column[word] = 0;
    for (int word = lane_id(); !fine && word < rng_words; word += WARP)
        remains.trail.edges[word] = 0;
    for (int word = lane_id(); fine && word < n_words; word += WARP)
        remains.trail.vertices[word] = used[word];
    __syncwarp();
    return fine;
}
