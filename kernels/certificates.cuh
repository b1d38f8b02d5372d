// What is noted about each edge: why its lune has the components it has.
//
// Of a window of n slots the edge ab, a > b, has two codes, first[a, b] and second[a, b]:
//
//   lune                   first   second
//   empty                  2n      2n
//   hub h                  h       h
//   hubs h, g              h       g
//   connected, no hubs     n + r   2n + 1
//   split                  n + r   2n + 2
//
// with r any vertex of the lune. 2n + 3 marks an edge that is to be looked at again.

#include "common.cuh"
#include "lune.cuh"

typedef unsigned short code_t;

__device__ __forceinline__ int empty_code(int n) { return 2 * n; }

__device__ __forceinline__ int loose_code(int n) { return 2 * n + 1; }

__device__ __forceinline__ int split_code(int n) { return 2 * n + 2; }

__device__ __forceinline__ int marked_code(int n) { return 2 * n + 3; }

__device__ __forceinline__ void note(
    code_t* first, code_t* second, int a, int b, int n, int one, int other) {
    if (lane_id() != 0) return;
    first[(size_t)a * n + b] = (code_t)one;
    second[(size_t)a * n + b] = (code_t)other;
}

// Lowest vertex of a mask (chunks, 32), n if there is none.
__device__ __forceinline__ int lowest_of(const unsigned* mask, int n) {
    const int lane = lane_id();
    int lowest = n;
    for (int chunk = 0; chunk < chunks_of(n) && lowest == n; ++chunk)
        lowest = (int)warp_min((unsigned)lowest_vertex(mask[chunk * WARP + lane], chunk, n));
    return lowest;
}

// Of a lane's word, the vertices that u is joined to before ab; only words that a lane needs are read.
__device__ __forceinline__ unsigned joined_among(
    const unsigned* row, int u, int chunk, unsigned wanted, int a, int k) {
    unsigned near = 0;
    for (unsigned words = warp_or(wanted); words; words &= words - 1) {
        const int word = __ffs(words) - 1, v = vertex_at(chunk, word, lane_id());
        if (wanted >> word & 1u && joined((int)row[v], u, v, a, k)) near |= 1u << word;
    }
    return near;
}

// Lowest vertex of a mask that u is not joined to, n if there is none.
__device__ __forceinline__ int lowest_missed(
    const unsigned* bits, const unsigned* mask, int u, int a, int k, int n) {
    const unsigned* row = bits + (size_t)u * n;
    int missed = n;
    for (int chunk = 0; chunk < chunks_of(n) && missed == n; ++chunk) {
        const unsigned wanted = mask[chunk * WARP + lane_id()];
        const unsigned far = wanted & ~joined_among(row, u, chunk, wanted, a, k);
        missed = (int)warp_min((unsigned)lowest_vertex(far, chunk, n));
    }
    return missed;
}

// Two vertices of the lune, joined to each other, of which every other one is joined to one; the
// same twice if that one is joined to all; false if the search ends without.
//
// lune, far, common (chunks, 32); the last two are room. hub: where to begin, then the first one.
__device__ __forceinline__ bool two_hubs(const unsigned* bits, const unsigned* lune, unsigned* far,
                                         unsigned* common, int& hub, int& other, int a, int k,
                                         int n) {
    const int lane = lane_id(), chunks = chunks_of(n);
    for (int attempt = 0; attempt < HUB_TRIES; ++attempt) {
        const unsigned* row = bits + (size_t)hub * n;
        unsigned left = 0;
        for (int chunk = 0; chunk < chunks; ++chunk) {
            const unsigned mine = lune[chunk * WARP + lane];
            const unsigned near = joined_among(row, hub, chunk, mine, a, k);
            far[chunk * WARP + lane] = mine & ~near;
            common[chunk * WARP + lane] = near;
            left |= mine & ~near;
        }
        other = hub;
        if (!__any_sync(ALL_LANES, left != 0)) return true;
        int last = n;
        for (int next = lowest_of(common, n); next < n; next = lowest_of(common, n)) {
            other = next;
            const int missed = lowest_missed(bits, far, next, a, k, n);
            if (missed == n) return true;
            last = next;
            const unsigned* missed_row = bits + (size_t)missed * n;
            for (int chunk = 0; chunk < chunks; ++chunk) {
                const unsigned wanted = common[chunk * WARP + lane];
                common[chunk * WARP + lane] =
                    joined_among(missed_row, missed, chunk, wanted, a, k);
            }
        }
        if (last == n || last == hub) return false;
        hub = last;
    }
    return false;
}
