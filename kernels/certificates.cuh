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
    if (second) second[(size_t)a * n + b] = (code_t)other;
}

// Lowest vertex of a mask that u is not joined to, n if there is none.
__device__ __forceinline__ int lowest_missed(
    const unsigned* bits, const unsigned* mask, int u, int a, int k, int n) {
    const unsigned* row = bits + (size_t)u * n;
    int missed = n;
    for (int chunk = 0; chunk < chunks_of(n) && missed == n; ++chunk) {
        const unsigned wanted = mask[chunk * WARP + lane_id()];
        const unsigned far = wanted & ~joined_among(row, u, chunk, wanted, a, k, n);
        missed = (int)warp_min((unsigned)lowest_vertex(far, chunk, n));
    }
    return missed;
}

// Two vertices of the lune, joined to each other, of which every other one is joined to one; the
// same twice if that one is joined to all; false if the search ends without.
//
// lune: stride words from chunk to chunk; far, common (chunks, 32) are room. hub: where to begin,
// then the first one; tries: how many first ones are looked at, each with SECOND_TRIES others.
__device__ __forceinline__ bool two_hubs(const unsigned* bits, const unsigned* lune, int stride,
                                         unsigned* far, unsigned* common, const unsigned* row_a,
                                         const unsigned* row_b, int& hub, int& other, int tries,
                                         int a, int k, int n) {
    const int lane = lane_id(), chunks = chunks_of(n);
    for (int attempt = 0; attempt < tries; ++attempt) {
        other = hub;
        if (!misses_some(bits, lune, stride, far, hub, a, k, n)) return true;
        for (int chunk = 0; chunk < chunks; ++chunk)
            common[chunk * WARP + lane] = lune[chunk * stride] & ~far[chunk * WARP + lane];
        int last = n, looked_at = 0;
        for (int missed = lowest_of(far, n); missed < n;
             missed = lowest_missed(bits, far, other, a, k, n)) {
            if (looked_at++ == SECOND_TRIES) return false;
            const unsigned* missed_row = bits + (size_t)missed * n;
            for (int chunk = 0; chunk < chunks; ++chunk)
                common[chunk * WARP + lane] &=
                    joined_among(missed_row, missed, chunk, common[chunk * WARP + lane], a, k, n);
            other = central_vertex<1>(common + lane, WARP, row_a, row_b, n);
            if (other == n) break;
            last = other;
        }
        if (other < n) return true;
        if (last == n || last == hub) return false;
        hub = last;
    }
    return false;
}
