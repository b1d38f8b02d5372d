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

// Of the lowest ROUNDS vertices in each lane's first word that is not empty, the one nearest to the
// middle of ab by the sum of its squared distances to the ends; n if the mask is empty.
template <int ROUNDS>
__device__ __forceinline__ int central_vertex(
    const unsigned* mask, int stride, const unsigned* row_a, const unsigned* row_b, int n) {
    int chunk = 0, mine = n;
    unsigned word = mask[0], nearest = ~0u;
    while (!word && ++chunk < chunks_of(n)) word = mask[chunk * stride];
#pragma unroll
    for (int round = 0; round < ROUNDS; ++round) {
        if (!word) break;
        const int v = vertex_at(chunk, __ffs(word) - 1, lane_id());
        const float av = __uint_as_float(row_a[v]), bv = __uint_as_float(row_b[v]);
        const unsigned squares =
            __float_as_uint(__fadd_rn(__fmul_rn(av, av), __fmul_rn(bv, bv)));
        mine = squares < nearest ? v : mine;
        nearest = min(squares, nearest);
        word &= word - 1;
    }
    const unsigned least = warp_min(nearest);
    const unsigned holders = __ballot_sync(ALL_LANES, nearest == least);
    return __shfl_sync(ALL_LANES, mine, __ffs(holders) - 1);
}

// Bits of the words from `word` to `end` whose entry is below a bound; all of them inside the row.
__device__ __forceinline__ unsigned words_below(const unsigned* row, int word, int end, unsigned bound) {
    constexpr int AT_ONCE = 8;
    unsigned found = 0;
    for (; word + AT_ONCE <= end; word += AT_ONCE) {
        unsigned length[AT_ONCE], part = 0;
#pragma unroll
        for (int i = 0; i < AT_ONCE; ++i) length[i] = row[(word + i) * WARP];
#pragma unroll
        for (int i = 0; i < AT_ONCE; ++i)
            if (length[i] < bound) part |= 1u << i;
        found |= part << word;
    }
    for (; word < end; ++word)
        if (row[word * WARP] < bound) found |= 1u << word;
    return found;
}

// Which vertices of a chunk the vertex u is joined to before ab; u itself counts as joined.
//
// Below a, a tie goes first if u is below a, too: lengths below k + 1 instead of k.
__device__ __forceinline__ unsigned joined_word(
    const unsigned* row, int u, int chunk, int a, int k, int n) {
    const int words = words_of(chunk, n), lane = lane_id();
    const int inside = min(words, (n - chunk * CHUNK) / WARP);  // words without a lane beyond n
    const unsigned tied = (unsigned)k + (u < a), untied = (unsigned)k;
    const unsigned* lengths = row + chunk * CHUNK + lane;
    const int rim = min(max(a / WARP - chunk * WARP, 0), inside);  // the word that holds a
    unsigned near = words_below(lengths, 0, rim, tied);
    if (rim < inside) {
        const unsigned bound = vertex_at(chunk, rim, lane) < a ? tied : untied;
        if (lengths[rim * WARP] < bound) near |= 1u << rim;
        near |= words_below(lengths, rim + 1, inside, untied);
    }
    if (inside < words) {
        const int v = vertex_at(chunk, inside, lane);
        if (v < n && lengths[inside * WARP] < (v < a ? tied : untied)) near |= 1u << inside;
    }
    return near;
}

// Of a lane's word, the vertices that u is joined to before ab.
__device__ __forceinline__ unsigned joined_among(
    const unsigned* row, int u, int chunk, unsigned wanted, int a, int k, int n) {
    constexpr int FEW = 4;
    const unsigned words = warp_or(wanted);
    if (__popc(words) > FEW) return wanted & joined_word(row, u, chunk, a, k, n);
    unsigned near = 0;
    for (unsigned rest = words; rest; rest &= rest - 1) {
        const int word = __ffs(rest) - 1, v = vertex_at(chunk, word, lane_id());
        if (wanted >> word & 1u && joined((int)row[v], u, v, a, k)) near |= 1u << word;
    }
    return near;
}

// Lowest vertex of a mask (chunks, 32), n if there is none.
__device__ __forceinline__ int lowest_of(const unsigned* mask, int n) {
    int lowest = n;
    for (int chunk = 0; chunk < chunks_of(n) && lowest == n; ++chunk)
        lowest = (int)warp_min(
            (unsigned)lowest_vertex(mask[chunk * WARP + lane_id()], chunk, n));
    return lowest;
}

// Note in far (chunks, 32) which vertices of a lune the hub is not joined to; tell whether any.
__device__ __forceinline__ bool misses_some(const unsigned* bits, const unsigned* lune, int stride,
                                            unsigned* far, int hub, int a, int k, int n) {
    const unsigned* row = bits + (size_t)hub * n;
    unsigned any = 0;
    for (int chunk = 0; chunk < chunks_of(n); ++chunk) {
        const unsigned mine = lune[chunk * stride] & ~joined_word(row, hub, chunk, a, k, n);
        far[chunk * WARP + lane_id()] = mine;
        any |= mine;
    }
    return __any_sync(ALL_LANES, any != 0);
}

// Tell whether each vertex in far has a path to the others of a lune, which are connected, found
// from far inwards: it is joined to one of them, or to one in far that is. Clears far.
//
// False may mean that a path needs two steps from a vertex whose turn came early.
__device__ __forceinline__ bool far_is_attached(const unsigned* bits, const unsigned* lune,
                                                int stride, unsigned* far, int a, int k, int n) {
    for (int u = lowest_of(far, n); u < n; u = lowest_of(far, n)) {
        const unsigned* row = bits + (size_t)u * n;
        unsigned reached = 0;
        for (int chunk = 0; chunk < chunks_of(n); ++chunk) {
            const unsigned near = joined_word(row, u, chunk, a, k, n);
            const unsigned mine = far[chunk * WARP + lane_id()];
            reached |= lune[chunk * stride] & ~mine & near;
            far[chunk * WARP + lane_id()] = mine & ~near;
        }
        if (!__any_sync(ALL_LANES, reached != 0)) return false;
    }
    return true;
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
            unsigned rest = remaining[chunk * WARP + lane];
            const unsigned near = joined_among(row, u, chunk, rest, a, k, n);
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
        const int words = words_of(chunk, n);
#pragma unroll 8
        for (int word = 0; word < words; ++word) {
            const int v = vertex_at(chunk, word, lane_id());
            const int av = v < n ? (int)row_a[v] : NO_LENGTH, bv = v < n ? (int)row_b[v] : NO_LENGTH;
            if (in_lune(av, bv, v, a, b, k)) found |= 1u << word;
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
