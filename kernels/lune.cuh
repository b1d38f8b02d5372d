// Lunes as bit masks, and the order of edges without a test for ties.
//
// A mask is transposed: bit w of lane l's word of chunk c stands for vertex 1024 c + 32 w + l, so
// that a lane collects its own bits from coalesced rows, with no vote.
//
// Let a > b and k = D[a,b]. By (length, larger, smaller), av comes before ab if D[a,v] < k, or if
// D[a,v] = k and v < b; bv if D[b,v] < k, or if D[b,v] = k and v < a. For u, v other than a and b,
// uv comes before ab if D[u,v] < k, or if D[u,v] = k and max(u, v) < a. Lengths are integers, so
// each of these is one comparison: length - (tie goes first) < k. It is false for v = a and v = b.

__device__ __forceinline__ bool in_lune(int av, int bv, int v, int a, int b, int k) {
    return av - (v < b) < k && bv - (v < a) < k;
}

__device__ __forceinline__ bool joined(int uv, int u, int v, int a, int k) {
    return uv - (u < a && v < a) < k;
}

__device__ __forceinline__ int vertex_at(int chunk, int word, int lane) {
    return chunk * CHUNK + word * WARP + lane;
}

__device__ __forceinline__ int words_of(int chunk, int n) {
    return min(WARP, (n - chunk * CHUNK + WARP - 1) / WARP);
}

__device__ __forceinline__ int chunks_of(int n) { return (n + CHUNK - 1) / CHUNK; }

// The lowest vertex of a lane's word, or n if it is empty.
__device__ __forceinline__ int lowest_vertex(unsigned word, int chunk, int n) {
    return word ? vertex_at(chunk, __ffs(word) - 1, lane_id()) : n;
}

// Of one lune vertex a lane, the one nearest to both ends; n if the lune is empty.
__device__ __forceinline__ int central_vertex(
    const unsigned* mask, int stride, const unsigned* row_a, const unsigned* row_b, int n) {
    int mine = n;
    for (int chunk = 0; chunk < chunks_of(n) && mine == n; ++chunk)
        mine = lowest_vertex(mask[chunk * stride], chunk, n);
    const unsigned side = mine < n ? max(row_a[mine], row_b[mine]) : ~0u;
    const unsigned nearest = warp_min(side);
    const unsigned holders = __ballot_sync(ALL_LANES, side == nearest);
    return __shfl_sync(ALL_LANES, mine, __ffs(holders) - 1);
}

// Which vertices of a chunk the vertex u is joined to before ab; u itself counts as joined.
__device__ __forceinline__ unsigned joined_word(
    const unsigned* row, int u, int chunk, int a, int k, int n) {
    unsigned near = 0;
    const int words = words_of(chunk, n);
#pragma unroll 4
    for (int word = 0; word < words; ++word) {
        const int v = vertex_at(chunk, word, lane_id());
        const int uv = v < n ? (int)row[v] : NO_LENGTH;
        if (joined(uv, u, v, a, k)) near |= 1u << word;
    }
    return near;
}

// Move what the frontier reaches out of remaining; tell whether all of it went.
// Both (chunks, 32), each lane reads and writes its own words.
__device__ __forceinline__ bool flood(
    const unsigned* bits, unsigned* remaining, unsigned* frontier, int a, int k, int n) {
    const int lane = lane_id(), chunks = chunks_of(n);
    for (;;) {
        int u = n;
        for (int chunk = 0; chunk < chunks && u == n; ++chunk) {
            const unsigned word = frontier[chunk * WARP + lane];
            const unsigned holders = __ballot_sync(ALL_LANES, word != 0);
            if (!holders) continue;
            const int holder = __ffs(holders) - 1;
            u = __shfl_sync(ALL_LANES, lowest_vertex(word, chunk, n), holder);
            if (lane == holder) frontier[chunk * WARP + lane] = word & (word - 1);
        }
        if (u == n) return false;
        const unsigned* row = bits + (size_t)u * n;
        unsigned left = 0;
        for (int chunk = 0; chunk < chunks; ++chunk) {
            unsigned rest = remaining[chunk * WARP + lane], near = 0;
            for (unsigned words = warp_or(rest); words; words &= words - 1) {
                const int word = __ffs(words) - 1, v = vertex_at(chunk, word, lane);
                if (rest >> word & 1u && joined((int)row[v], u, v, a, k)) near |= 1u << word;
            }
            frontier[chunk * WARP + lane] |= near;
            remaining[chunk * WARP + lane] = rest ^= near;
            left |= rest;
        }
        if (!__any_sync(ALL_LANES, left != 0)) return true;
    }
}

// Of each lane the words of a lune (chunks, 32).
__device__ __forceinline__ void enter_lune(
    unsigned* lune, const unsigned* row_a, const unsigned* row_b, int a, int b, int k, int n) {
    for (int chunk = 0; chunk < chunks_of(n); ++chunk) {
        unsigned found = 0;
        for (int word = 0; word < words_of(chunk, n); ++word) {
            const int v = vertex_at(chunk, word, lane_id());
            if (v < n && in_lune((int)row_a[v], (int)row_b[v], v, a, b, k)) found |= 1u << word;
        }
        lune[chunk * WARP + lane_id()] = found;
    }
}

// Tell whether all of a lune is reached from one of its vertices; remaining, frontier are room.
__device__ __forceinline__ bool is_connected(const unsigned* bits, const unsigned* lune,
                                             unsigned* remaining, unsigned* frontier, int start,
                                             int a, int k, int n) {
    const int lane = lane_id(), chunks = chunks_of(n);
    for (int chunk = 0; chunk < chunks; ++chunk) {
        remaining[chunk * WARP + lane] = lune[chunk * WARP + lane];
        frontier[chunk * WARP + lane] = 0;
    }
    const int at = start / CHUNK * WARP + lane;
    const unsigned bit = start % WARP == lane ? 1u << start % CHUNK / WARP : 0u;
    frontier[at] = bit;
    remaining[at] ^= bit;
    return flood(bits, remaining, frontier, a, k, n);
}
